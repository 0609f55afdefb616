using System.Text.RegularExpressions;
using Microsoft.Playwright;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>The main job in a real browser, with and without scripts.</summary>
public sealed partial class JourneyTests
{
    private const string Password = "a long and quiet password";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_sets_up_connects_makes_a_key_and_sees_a_post_on_the_network(bool script)
    {
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Workers:Enabled"] = "true",
        }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address, script: script);

        await page.GotoAsync($"/setup?token={PostMantisHost.SetupToken}");
        await page.GetByLabel("E-mail").FillAsync("ada@example.com");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();

        await page.GotoAsync("/connect");
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
        await page.GetByLabel("Sandbox Studio").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Choose profiles" })).ToBeVisibleAsync();
        await page.GetByLabel("Studio Page").CheckAsync();
        await page.GetByLabel("Studio Notes").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect these" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Profiles", Exact = true })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Studio Page", new() { Exact = true })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Studio Team", new() { Exact = true })).ToHaveCountAsync(0);

        await page.GotoAsync("/keys/new");
        await page.GetByLabel("Name").FillAsync("CMS");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the key" }).ClickAsync();
        var key = await page.Locator("#key-text").InnerTextAsync();
        Assert.Matches(KeyText(), key);
        await page.GotoAsync("/keys");
        Assert.DoesNotContain(key, await page.ContentAsync(), StringComparison.Ordinal);

        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Studio Page").First.CheckAsync();
        await page.GetByLabel("Studio Notes").First.CheckAsync();
        await page.GetByLabel("Text").FillAsync("Seen in a real browser");
        await page.GetByRole(AriaRole.Button, new() { Name = "Publish now" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(PostAddress());
        var published = page.Locator(".page-head .status", new() { HasText = "Published" });
        if (!script)
        {
            // Nothing moves by itself without a script: the person looks again.
            await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Seen in a real browser");
            await WaitForPublishedAsync(host);
            await page.ReloadAsync();
        }
        await Assertions.Expect(published).ToBeVisibleAsync();

        await page.GotoAsync(new Uri(sandbox.Address, "/feed/studio-page").AbsoluteUri);
        await Assertions.Expect(page.GetByText("Seen in a real browser")).ToBeVisibleAsync();
        Assert.Equal(["studio-notes", "studio-page"],
            (await sandbox.PostsAsync()).Select(p => p.Destination).Order());
        Assert.Empty(complaints);
    }

    private static async Task WaitForPublishedAsync(PostMantisHost host)
    {
        var changes = (Core.Queue.PostChanges)host.Services.GetService(typeof(Core.Queue.PostChanges))!;
        await host.InDatabaseAsync(async db =>
        {
            var user = Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.FirstAsync(db.Users);
            using var subscription = changes.Subscribe((await user).Id);
            while (!db.Posts.Any(p => p.Status == Core.Posts.PostStatus.Completed))
                await subscription.Changes.ReadAsync(TestContext.Current.CancellationToken);
            return 0;
        });
    }

    [GeneratedRegex(@"\Apm_test_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{48}\s*\z")]
    private static partial Regex KeyText();

    [GeneratedRegex(@"/posts/[0-9a-f-]{36}$")]
    private static partial Regex PostAddress();
}
