using System.Text.RegularExpressions;
using ImageMagick;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Simulators;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>All networks at once, as <c>./run --simulators</c> sets them up: connected and published to in a browser.</summary>
public sealed class SimulatedNetworksTests
{
    // What a network asks of a person before the trip.
    private static readonly Dictionary<string, (string Field, string Text)[]> _fields = new()
    {
        ["mastodon"] = [],
        ["bluesky"] = [("Your handle", "ann.test"), ("App password", "ann1-ann1-ann1-ann1")],
        ["discord"] = [("Bot token", "token-of-ann-bot-0123456789"), ("Channel id", "700000000000000001")],
    };

    private static readonly string[] _films = ["tiktok", "youtube"];

    // What a person chooses of a network's options: in a list, or written.
    private static readonly Dictionary<string, (string Option, string Value, bool IsChoice)[]> _options = new()
    {
        ["tiktok"] = [("privacyLevel", "publicToEveryone", true)],
        ["youtube"] = [("title", "For youtube alone", false), ("privacyStatus", "unlisted", true)],
        ["mastodon"] = [("visibility", "unlisted", true)],
        ["pinterest"] = [("title", "Soup", false)],
    };

    [Fact]
    public async Task A_person_connects_every_network_and_publishes_to_all_of_them_in_one_post()
    {
        if (MediaCorpus.NoFfmpeg is { } reason) Assert.Skip(reason);
        var folder = Directory.CreateTempSubdirectory("postmantis-media");
        Dictionary<string, SimulatorHost> simulators = [];
        try
        {
            foreach (var name in Networks.Names) simulators[name] = await SimulatorHost.StartAsync(name, TimeProvider.System);
            await PublishEverywhereAsync(simulators, folder.FullName);
        }
        finally
        {
            foreach (var simulator in simulators.Values) await simulator.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_settings_name_every_network_in_the_order_of_its_port() => Assert.Equal(Networks.Names,
        Lines().Select(line => line.Network).Where(network => network != "*").Distinct());

    private static async Task PublishEverywhereAsync(Dictionary<string, SimulatorHost> simulators, string folder)
    {
        var settings = Lines().ToDictionary(line => line.Setting.Replace("__", ":", StringComparison.Ordinal), line => (string?)line.Value
            .Replace("{at}", line.Network == "*" ? "" : simulators[line.Network].Address.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal));
        settings["Workers:Enabled"] = "true";
        settings["Media:Folder"] = folder;
        await using var host = await PostMantisHost.StartAsync(settings, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);

        var networks = host.Services.GetRequiredService<ProviderCatalog>().All.Where(network => network.Id != ProviderCatalog.SandboxId)
            .OrderBy(network => network.Id, StringComparer.Ordinal).ToList();
        Assert.All(networks, network => Assert.True(network.IsConfigured, $"{network.Id} lacks {string.Join(", ", network.MissingSettings)}"));
        foreach (var network in networks) await ConnectAsync(page, network);

        // One post that every network takes, said differently on each; some take films alone.
        var profiles = await host.InDatabaseAsync(db => db.Profiles.AsNoTracking().OrderBy(p => p.Provider).ToListAsync());
        Assert.Equal(networks.Select(network => network.Id), profiles.Select(profile => profile.Provider));
        await ComposeAsync(page, profiles);
        await Assertions.Expect(page.Locator(".page-head .status", new() { HasText = "Published" })).ToBeVisibleAsync(new() { Timeout = 180_000 });

        // The networks' own pages have no icon.
        Assert.DoesNotContain(complaints, complaint => !complaint.StartsWith("Failed to load resource", StringComparison.Ordinal));
        foreach (var profile in profiles)
        {
            var entry = Assert.Single(await simulators[profile.Provider].JournalAsync());
            Assert.Contains($"For {profile.Provider} alone", entry.Text, StringComparison.Ordinal);
            Assert.Equal(_films.Contains(profile.Provider) ? "video/mp4" : "image/jpeg", Assert.Single(entry.Files).MimeType);
        }
    }

    // In the composer: the same for all, then what each gets instead.
    private static async Task ComposeAsync(IPage page, IReadOnlyList<Profile> profiles)
    {
        await page.GotoAsync("/posts/new");
        foreach (var profile in profiles) await page.Locator($"input[name=profiles][value='{profile.Id}']").CheckAsync();
        await page.Locator("#body").FillAsync("For everybody");
        await page.Locator("#files").SetInputFilesAsync(
        [
            new FilePayload { Name = "card.jpg", MimeType = "image/jpeg", Buffer = MediaCorpus.Image(MagickFormat.Jpeg) },
            new FilePayload { Name = "film.mp4", MimeType = "video/mp4", Buffer = await FilmAsync() },
        ]);
        var film = page.Locator("#media .upload", new() { HasText = "film.mp4" });
        await film.GetByLabel("On every profile").UncheckAsync();
        foreach (var profile in profiles)
        {
            var panel = page.Locator($"#own-{profile.Id}");
            await panel.Locator($"#say-{profile.Id} > summary").ClickAsync();
            await panel.Locator($"#override-{profile.Id}").FillAsync($"For {profile.Provider} alone");
            var (itsCard, itsFilm) = (panel.GetByLabel("card.jpg"), panel.GetByLabel("film.mp4"));
            await Assertions.Expect(itsCard).ToBeCheckedAsync();
            await Assertions.Expect(itsFilm).Not.ToBeCheckedAsync();
            if (_films.Contains(profile.Provider))
            {
                await panel.GetByLabel("Only these").CheckAsync();
                await itsCard.UncheckAsync();
                await itsFilm.CheckAsync();
            }
            foreach (var (option, value, isChoice) in _options.GetValueOrDefault(profile.Provider, []))
            {
                var field = panel.Locator($"#option-{profile.Id}-{option}");
                if (isChoice) await field.SelectOptionAsync(value);
                else await field.FillAsync(value);
            }
        }
        await page.GetByRole(AriaRole.Button, new() { Name = "Publish now" }).ClickAsync();

        // Asked of the page: the browser tells of a load once, and a busy machine may hear of it before it waits.
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("/posts/[0-9a-f-]{36}$"));
    }

    private static async Task<byte[]> FilmAsync()
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-film");
        try
        {
            return await File.ReadAllBytesAsync(await MediaCorpus.VideoAsync(folder.FullName, "film.mp4", "-vf", "scale=640:480",
                "-r", "30", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task ConnectAsync(IPage page, IProvider network)
    {
        await page.GotoAsync("/connect");
        await page.Locator("form", new() { Has = page.Locator($"#network-{network.Id}") }).GetByText("Connect", new() { Exact = true }).ClickAsync();
        if (_fields.TryGetValue(network.Id, out var fields))
        {
            foreach (var (field, text) in fields) await page.GetByLabel(field).FillAsync(text);
            await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
            if (fields.Length == 0) await page.GetByRole(AriaRole.Link, new() { Name = "Continue at" }).ClickAsync();
        }
        var choose = page.GetByRole(AriaRole.Heading, new() { Name = "Choose profiles" });
        var approve = page.GetByRole(AriaRole.Button, new() { Name = "Approve" });
        await Assertions.Expect(choose.Or(approve)).ToBeVisibleAsync();
        if (await approve.IsVisibleAsync()) await approve.ClickAsync();
        await Assertions.Expect(choose).ToBeVisibleAsync();
        await page.Locator("input[name=destinations]").First.CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect these" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Profiles", Exact = true })).ToBeVisibleAsync();
    }

    private static IEnumerable<(string Network, string Setting, string Value)> Lines() =>
        File.ReadLines(Path.Combine(Root(), "tools", "simulators.env")).Where(line => line.Length > 0 && line[0] != '#').Select(line =>
        {
            var (words, setting) = (line.Split(' ', 2), line.Split(' ', 2)[1].Split('=', 2));
            return (words[0], setting[0], setting[1]);
        });

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "PostMantis.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
