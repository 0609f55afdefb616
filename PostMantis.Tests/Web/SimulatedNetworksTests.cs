using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Providers;
using PostMantis.Simulators;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>All networks at once, as <c>./run --simulators</c> sets them up: connected and published to in a browser.</summary>
public sealed partial class SimulatedNetworksTests
{
    // What a network asks of a person before the trip.
    private static readonly Dictionary<string, (string Field, string Text)[]> _fields = new()
    {
        ["mastodon"] = [],
        ["bluesky"] = [("Your handle", "ann.test"), ("App password", "ann1-ann1-ann1-ann1")],
        ["discord"] = [("Bot token", "token-of-ann-bot-0123456789"), ("Channel id", "700000000000000001")],
    };

    [Fact]
    public async Task A_person_connects_every_network_and_publishes_to_all_of_them_in_one_post()
    {
        Dictionary<string, SimulatorHost> simulators = [];
        try
        {
            foreach (var name in Networks.Names) simulators[name] = await SimulatorHost.StartAsync(name, TimeProvider.System);
            await PublishEverywhereAsync(simulators);
        }
        finally
        {
            foreach (var simulator in simulators.Values) await simulator.DisposeAsync();
        }
    }

    [Fact]
    public void The_settings_name_every_network_in_the_order_of_its_port() => Assert.Equal(Networks.Names,
        Lines().Select(line => line.Network).Where(network => network != "*").Distinct());

    private static async Task PublishEverywhereAsync(Dictionary<string, SimulatorHost> simulators)
    {
        var settings = Lines().ToDictionary(line => line.Setting.Replace("__", ":", StringComparison.Ordinal), line => (string?)line.Value
            .Replace("{at}", line.Network == "*" ? "" : simulators[line.Network].Address.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal));
        settings["Workers:Enabled"] = "true";
        await using var host = await PostMantisHost.StartAsync(settings, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await page.GotoAsync($"/setup?token={PostMantisHost.SetupToken}");
        await page.GetByLabel("E-mail").FillAsync("ada@example.com");
        await page.GetByLabel("Password").FillAsync("a long and quiet password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();

        var networks = host.Services.GetRequiredService<ProviderCatalog>().All.Where(network => network.Id != ProviderCatalog.SandboxId)
            .OrderBy(network => network.Id, StringComparer.Ordinal).ToList();
        Assert.All(networks, network => Assert.True(network.IsConfigured, $"{network.Id} lacks {string.Join(", ", network.MissingSettings)}"));
        foreach (var network in networks) await ConnectAsync(page, network);

        // One post that every network takes, said differently on each.
        await page.GotoAsync("/posts/new");
        var profiles = await host.InDatabaseAsync(db => db.Profiles.AsNoTracking().OrderBy(p => p.Provider).ToListAsync());
        Assert.Equal(networks.Select(network => network.Id), profiles.Select(profile => profile.Provider));
        // Where pictures or films must be, words alone are no post.
        profiles.RemoveAll(profile => networks.Single(network => network.Id == profile.Provider).Rules.Media is { Required: true });
        foreach (var profile in profiles) await page.Locator($"input[name=profiles][value='{profile.Id}']").CheckAsync();
        await page.GetByLabel("Text", new() { Exact = true }).FillAsync("For everybody");
        await page.GetByText("Say it differently on one profile").ClickAsync();
        foreach (var profile in profiles.Skip(1)) await page.Locator($"#override-{profile.Id}").FillAsync($"For {profile.Provider} alone");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(PostAddress());
        await Assertions.Expect(page.Locator(".page-head .status", new() { HasText = "Published" })).ToBeVisibleAsync(new() { Timeout = 120_000 });

        // The networks' own pages have no icon.
        Assert.DoesNotContain(complaints, complaint => !complaint.StartsWith("Failed to load resource", StringComparison.Ordinal));
        foreach (var profile in profiles)
        {
            var entry = Assert.Single(await simulators[profile.Provider].JournalAsync());
            Assert.Equal(profile == profiles[0] ? "For everybody" : $"For {profile.Provider} alone", entry.Text);
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

    [GeneratedRegex(@"/posts/[0-9a-f-]{36}$")]
    private static partial Regex PostAddress();
}
