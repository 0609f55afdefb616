using ImageMagick;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using PostMantis.Core.Media;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Files in the dashboard, with and without scripts: sent, described, seen on the network, deleted.</summary>
public sealed class MediaPageTests
{
    private static readonly FilePayload _photo = new()
    {
        Name = "photo.jpg", MimeType = "image/jpeg", Buffer = MediaCorpus.Oriented(1, gps: true),
    };

    private static readonly FilePayload _wide = new()
    {
        Name = "wide.png", MimeType = "image/png", Buffer = MediaCorpus.Image(MagickFormat.Png, 1200, 400),
    };

    private static readonly FilePayload _lie = new()
    {
        Name = "lie.png", MimeType = "image/png", Buffer = MediaCorpus.Image(MagickFormat.Jpeg),
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_sends_files_with_a_post_and_finds_them_in_the_library(bool script)
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-pages").FullName;
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Workers:Enabled"] = "true",
            ["DataDirectory"] = folder,
        }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address, script: script);
        await Dashboard.SetUpAsync(page);
        await Dashboard.ConnectAsync(page, "Studio Page");

        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Studio Page").First.CheckAsync();
        await page.GetByLabel("Text").FillAsync("With pictures");
        await page.Locator("#files").SetInputFilesAsync(script ? [_photo, _wide, _lie] : [_photo, _wide]);
        if (script)
        {
            await Assertions.Expect(page.Locator(".upload [name=everywhere]")).ToHaveCountAsync(2);
            await Assertions.Expect(page.Locator(".upload.refused")).ToContainTextAsync("not image/png as it was said to be");
            await Assertions.Expect(page.Locator("[data-upload-status]")).ToHaveTextAsync("Done, but not all were taken.");
            await Assertions.Expect(page.Locator(".upload img")).ToHaveCountAsync(2);
            await page.GetByLabel("What photo.jpg shows").FillAsync("A square");
        }
        await page.GetByRole(AriaRole.Button, new() { Name = "Publish now" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("With pictures");
        await Assertions.Expect(page.Locator(".shots img")).ToHaveCountAsync(2);
        if (script)
            await Assertions.Expect(page.Locator(".page-head .status", new() { HasText = "Published" })).ToBeVisibleAsync();

        await page.GotoAsync("/library");
        var used = page.Locator(".file", new() { HasText = "photo.jpg" });
        await Assertions.Expect(used).ToContainTextAsync("Hidden data removed");
        await Assertions.Expect(used.GetByRole(AriaRole.Link, new() { Name = "With pictures" })).ToBeVisibleAsync();
        await Assertions.Expect(used.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        await page.Locator("#files").SetInputFilesAsync(new FilePayload { Name = "spare.png", MimeType = _wide.MimeType, Buffer = _wide.Buffer });
        if (!script) await page.GetByRole(AriaRole.Button, new() { Name = "Upload" }).ClickAsync();
        var spare = page.Locator(".file", new() { HasText = "spare.png" });
        await Assertions.Expect(spare).ToContainTextAsync("PNG");
        await Assertions.Expect(spare).ToContainTextAsync("1200 × 400");
        await spare.GetByRole(AriaRole.Button, new() { Name = "Delete spare.png" }).ClickAsync();
        await Assertions.Expect(spare).ToHaveCountAsync(0);

        if (script)
        {
            var shown = await sandbox.Client.GetStringAsync(new Uri(sandbox.Address, "/feed/studio-page"));
            Assert.Contains("alt=\"A square\"", shown, StringComparison.Ordinal);
            Assert.Empty(complaints);
        }
        Assert.Equal(2, await host.InDatabaseAsync(db => db.Artifacts.CountAsync(a => a.Status == ArtifactStatus.Verified)));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_file_on_its_way_and_a_refused_one_stay_when_the_server_shows_what_it_has_beside_them()
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-pages").FullName;
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["DataDirectory"] = folder,
        }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);
        await Dashboard.ConnectAsync(page, "Studio Page");
        var released = new TaskCompletionSource();
        await page.RouteAsync("**", async route =>
        {
            if (route.Request.Method == "PUT" && route.Request.Headers["content-type"] == _photo.MimeType) await released.Task;
            await route.ContinueAsync();
        });

        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Studio Page").First.CheckAsync();
        await page.Locator("#files").SetInputFilesAsync([_photo, _lie, _wide]);
        await Assertions.Expect(page.Locator(".upload", new() { HasText = "wide.png" }).Locator("[name=everywhere]")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator(".upload.refused")).ToContainTextAsync("not image/png as it was said to be");
        await Assertions.Expect(page.GetByLabel("Sending photo.jpg")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator(".upload-name")).ToHaveTextAsync(["photo.jpg", "lie.png", "wide.png"]);

        released.SetResult();
        await Assertions.Expect(page.Locator(".upload [name=everywhere]")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("[data-upload-status]")).ToHaveTextAsync("Done, but not all were taken.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Dismiss lie.png" }).ClickAsync();
        await Assertions.Expect(page.Locator(".upload-name")).ToHaveTextAsync(["photo.jpg", "wide.png"]);
        await Assertions.Expect(page.Locator("[data-upload-status]")).ToBeEmptyAsync();

        // In the library what was taken is listed when nothing is left to be read.
        await page.GotoAsync("/library");
        await page.Locator("#files").SetInputFilesAsync([_lie, new FilePayload { Name = "spare.png", MimeType = _wide.MimeType, Buffer = _wide.Buffer }]);
        await Assertions.Expect(page.Locator("[data-upload-status]")).ToHaveTextAsync("Done, but not all were taken.");
        await Assertions.Expect(page.Locator(".file", new() { HasText = "spare.png" })).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Dismiss lie.png" }).ClickAsync();
        await Assertions.Expect(page.Locator(".file", new() { HasText = "spare.png" })).ToBeVisibleAsync();
        Assert.Empty(complaints);
        Directory.Delete(folder, recursive: true);
    }
}
