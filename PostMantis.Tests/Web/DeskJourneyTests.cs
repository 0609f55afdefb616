using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>From a brand over what goes out to what became of it, in a real browser, wide and narrow, with and without scripts.</summary>
public sealed partial class DeskJourneyTests
{
    [Theory]
    [InlineData(1280, true)]
    [InlineData(390, false)]
    public async Task A_person_looks_at_one_brand_and_follows_a_post_to_its_end(int width, bool script)
    {
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Workers:Enabled"] = "true",
        }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address, width, script: script, scheme: script ? ColorScheme.Light : ColorScheme.Dark);
        await Dashboard.SetUpAsync(page);
        var person = Caller.Person(await host.InDatabaseAsync(db => db.Users.Select(u => u.Id).SingleAsync()), null);
        var pages = await PublishingWorld.ConnectAsync(host, sandbox, person, "lab-idempotent", "lab-probe");
        await ApiClient.WithKeyAsync(host, person);

        await page.GotoAsync("/brands");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Acme");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the brand" }).ClickAsync();
        await page.GetByLabel(pages[0].Name).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Save the profiles" }).ClickAsync();
        if (width < 800) await page.Locator(".mobile-bar > summary").ClickAsync();
        var menu = page.Locator(width < 800 ? ".mobile-bar" : ".sidebar");
        await menu.GetByLabel("Brand", new() { Exact = true }).SelectOptionAsync("Acme");
        await menu.GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();

        await page.GotoAsync("/");
        using var changes = host.Services.GetRequiredService<PostChanges>().Subscribe(person.UserId);
        await PostAsync("Said by Acme", pages[0]);
        await PostAsync("Said by nobody's brand", pages[1]);
        var row = page.GetByRole(AriaRole.Row, new() { NameRegex = SaidByAcme() });
        if (!script)
        {
            await host.InDatabaseAsync(async db =>
            {
                while (await db.Posts.AnyAsync(p => p.CompletedAt == null)) await changes.Changes.ReadAsync(TestContext.Current.CancellationToken);
                return 0;
            });
            await page.ReloadAsync();
        }
        await Assertions.Expect(row.GetByText("Published")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Said by nobody's brand")).ToHaveCountAsync(0);
        await Assertions.Expect(page.GetByRole(AriaRole.Img, new() { NameRegex = Throughput() })).ToBeVisibleAsync();
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "Nothing is wider than the window.");

        await page.GetByRole(AriaRole.Link, new() { Name = "Said by Acme" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Settled: published")).ToBeVisibleAsync();
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "Nothing is wider than the window.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Duplicate as draft" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(EditAddress());

        await page.GotoAsync("/log");
        await Assertions.Expect(page.GetByText("delivery.published").Nth(1)).ToBeVisibleAsync();
        var file = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "CSV" }).ClickAsync());
        Assert.EndsWith(".csv", file.SuggestedFilename, StringComparison.Ordinal);
        Assert.Contains("delivery.published", await File.ReadAllTextAsync(await file.PathAsync()), StringComparison.Ordinal);
        Assert.Empty(complaints);

        Task PostAsync(string body, Core.Profiles.Profile to) => host.InScopeAsync(async s =>
            (await s.GetRequiredService<PostAcceptor>().CreateAsync(person, PublishingWorld.Body(body, [to]), default)).Post);
    }

    [GeneratedRegex("Said by Acme")]
    private static partial Regex SaidByAcme();

    [GeneratedRegex("^Throughput")]
    private static partial Regex Throughput();

    [GeneratedRegex("/posts/[0-9a-f-]{36}/edit$")]
    private static partial Regex EditAddress();
}
