using System.Text.RegularExpressions;
using ImageMagick;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using PostMantis.Core.Access;
using PostMantis.Core.Posts;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Writing a post in a real browser, with the server's word on it while it is written.</summary>
public sealed partial class ComposerJourneyTests
{
    [Fact]
    public async Task A_person_writes_sees_what_networks_say_and_schedules_with_the_keyboard()
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-composer");
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["DataDirectory"] = folder.FullName }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);
        var person = Caller.Person(await host.InDatabaseAsync(db => db.Users.Select(u => u.Id).SingleAsync()), null);
        await Seed.ProfileAsync(host, person, "Our page", "linkedin", testMode: false);
        await Seed.ProfileAsync(host, person, "Our notes", "threads", testMode: false);

        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Our page").First.CheckAsync();
        await page.GetByLabel("Our notes").First.CheckAsync();
        var (panel, text) = (page.Locator("article.own[aria-label='Our notes']"), page.GetByLabel("Text"));
        await text.FillAsync($"{new string('x', 501)} #launch");
        await Assertions.Expect(panel.Locator(".issues")).ToContainTextAsync("Threads takes at most 500.");
        await Assertions.Expect(panel.Locator(".issues .rule").First).ToHaveTextAsync("tooLong");
        await Assertions.Expect(page.Locator("[data-part=count]")).ToContainTextAsync("509/500");
        await Assertions.Expect(page.Locator("[data-part=verdict]")).ToHaveTextAsync("1 of 2 profiles ready");
        await Assertions.Expect(page.Locator(".look[data-provider=linkedin] .look-more")).ToContainTextAsync("…more");

        // What one network does not take is said there in other words.
        await panel.GetByText("Change it for Our notes").ClickAsync();
        await panel.GetByLabel("What Our notes gets instead").FillAsync("Short, for #threads");
        await Assertions.Expect(page.Locator("[data-part=verdict]")).ToHaveTextAsync("All 2 profiles ready");
        await Assertions.Expect(page.Locator(".look[data-provider=threads] .look-link")).ToHaveTextAsync("#threads");

        // It is kept by itself, once, under an address of its own.
        await Assertions.Expect(page.Locator("[data-saved]")).ToContainTextAsync("Draft saved");
        await Assertions.Expect(page).ToHaveURLAsync(EditAddress());
        Assert.Equal(PostStatus.Draft, await host.InDatabaseAsync(db => db.Posts.Select(p => p.Status).SingleAsync()));

        await page.GetByLabel("Time zone").SelectOptionAsync("Europe/Vienna");
        await page.GetByLabel("Day and time").First.FillAsync("2027-10-31T02:30");
        await page.GetByLabel("The second time, UTC+01:00").CheckAsync();
        await page.Keyboard.PressAsync("Control+/");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Keyboard shortcuts" })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("Control+Enter");
        await Assertions.Expect(page.Locator(".page-head .status")).ToHaveTextAsync("Scheduled");

        var post = await host.InDatabaseAsync(db => db.Posts.AsNoTracking().SingleAsync());
        Assert.Equal(new DateTimeOffset(2027, 10, 31, 1, 30, 0, TimeSpan.Zero), post.ScheduledAt);
        Assert.Equal("Short, for #threads", Assert.Single(post.Content.Overrides).Value.Body);

        // A file that is described at once is shown as readers see it, and placed when its field is left.
        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Our page").First.CheckAsync();
        await page.Locator("#files").SetInputFilesAsync(new FilePayload
        {
            Name = "card.png", MimeType = "image/png", Buffer = MediaCorpus.Image(MagickFormat.Png, 600, 400),
        });
        await page.GetByLabel("What card.png shows").FillAsync("The card");
        await Assertions.Expect(page.Locator(".look[data-provider=linkedin] .look-file")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByLabel("On every profile")).ToHaveCountAsync(0);
        await text.FocusAsync();
        await Assertions.Expect(page.GetByLabel("On every profile")).ToBeCheckedAsync();
        await Assertions.Expect(page.GetByLabel("What card.png shows")).ToHaveValueAsync("The card");
        Assert.Empty(complaints);
        folder.Delete(recursive: true);
    }

    [GeneratedRegex(@"/posts/[0-9a-f-]{36}/edit$")]
    private static partial Regex EditAddress();
}
