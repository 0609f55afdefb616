using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Every page in a real Chromium, judged by axe-core.</summary>
public sealed class BarrierTests
{
    private const string Everything = """
        axe.run(document, { resultTypes: ['violations'] })
        """;

    // What a theme can break.
    private const string Colours = """
        axe.run(document, { resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] })
        """;

    private const string InWords = """
        .then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.help + ' (' +
            v.nodes.map(n => n.target.join(' ') + ' ' + n.any.map(a => a.message).join(' ')).join(' | ') + ')')))
        """;

    // Everything that comes before somebody sees a page for the first time, as it comes over the wire.
    private const int MostBytes = 200_000;

    [Fact]
    public async Task No_page_has_a_barrier_is_heavy_or_breaks_its_policy_in_either_theme_at_either_width()
    {
        await using var world = await LivedInWorld.StartAsync();
        var ada = await world.LiveAsync("ada");

        // It knows that it is alone: a page with moving states then fetches itself again only when something happened.
        await world.Host.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(world.Host.Address);
        await page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.Reduce });
        var axe = await File.ReadAllTextAsync(await NodeTools.FileAsync("axe-core", "axe.min.js"), TestContext.Current.CancellationToken);
        var devTools = await page.Context.NewCDPSessionAsync(page);

        await devTools.SendAsync("Network.enable");
        double bytes = 0;
        devTools.Event("Network.loadingFinished").OnEvent += (_, loaded) =>
            bytes += loaded!.Value.GetProperty("encodedDataLength").GetDouble();

        List<string> found = [];
        var isSignedIn = false;
        double most = 0;
        foreach (var entry in PageList.Of(world.Host).OrderByDescending(e => e.IsPublic))
        {
            if (!entry.IsPublic && !isSignedIn)
            {
                await SignInAsync(page, ada);
                isSignedIn = true;
            }
            await devTools.SendAsync("Network.clearBrowserCache");
            bytes = 0;
            var answer = await page.GotoAsync(entry.Of(ada));
            most = Math.Max(most, bytes);
            if (bytes > MostBytes) found.Add($"{entry.Path} weighs {bytes} bytes");
            if (answer!.Status != entry.Status) found.Add($"{entry.Path} answers {answer.Status}");
            if (!entry.IsPublic && new Uri(page.Url).AbsolutePath is "/sign-in" or "/welcome") found.Add($"{entry.Path} leads to sign-in");
            await EvaluateAsync(axe);
            foreach (var (theme, width) in new[]
                     {
                         (ColorScheme.Light, 1280), (ColorScheme.Dark, 1280), (ColorScheme.Dark, 390), (ColorScheme.Light, 390),
                     })
            {
                await page.SetViewportSizeAsync(width, 844);
                await page.EmulateMediaAsync(new() { ColorScheme = theme });
                var judged = await EvaluateAsync((theme == ColorScheme.Light ? Everything : Colours) + InWords);
                found.AddRange(JsonNode.Parse(judged)!.AsArray().Select(v => $"{entry.Path} {theme} {width}: {v}"));
                var wide = await EvaluateAsync("String(document.documentElement.scrollWidth - window.innerWidth)");
                if (int.Parse(wide, System.Globalization.CultureInfo.InvariantCulture) > 0)
                    found.Add($"{entry.Path} {width}: {wide} px too wide");
            }
            found.AddRange(complaints.Where(c => entry.Status == 200 || !c.StartsWith("Failed to load resource", StringComparison.Ordinal)).Select(c => $"{entry.Path} complains: {c}"));
            complaints.Clear();
        }
        Assert.True(found.Count == 0, string.Join('\n', found));
        Assert.True(most > 50_000, $"What pages weigh is read: {most}");
        TestContext.Current.TestOutputHelper?.WriteLine($"The heaviest page weighs {most} bytes.");

        // Not by the page's own means: its policy forbids what axe would need there.
        async Task<string> EvaluateAsync(string expression)
        {
            var reply = await devTools.SendAsync("Runtime.evaluate", new()
            {
                ["expression"] = expression, ["awaitPromise"] = true, ["returnByValue"] = true,
            });
            var json = JsonNode.Parse(reply!.Value.GetRawText())!;
            if (json["exceptionDetails"] is { } thrown) throw new InvalidOperationException(thrown.ToJsonString());
            return (string?)json["result"]!["value"]?.ToString() ?? "";
        }
    }

    private static async Task SignInAsync(IPage page, Inhabitant somebody)
    {
        await page.GotoAsync("/sign-in");
        await page.GetByLabel("E-mail").FillAsync(somebody.Email);
        await page.GetByLabel("Password").FillAsync(LivedInWorld.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        await page.WaitForLoadStateAsync();
    }
}
