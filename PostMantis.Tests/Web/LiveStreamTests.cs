using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>What an open page hears of its person's changes.</summary>
public sealed partial class LiveStreamTests
{
    private const string Change = "event: change";
    private const string Still = ": still here";

    [Fact]
    public async Task A_page_is_told_to_look_again_when_something_may_have_happened_since_it_was_read()
    {
        await using var world = await DashboardWorld.StartAsync();
        var heartbeat = world.Host.Services.GetRequiredService<Heartbeat>();
        Assert.Equal(Change, await FirstAsync(world, await StreamOfAsync(world)));

        // From here on it knows that no other process makes changes.
        await heartbeat.BeatAsync(default);
        var address = await StreamOfAsync(world);
        Assert.Equal(Still, await FirstAsync(world, address));
        await world.PostAsync("since then", world.Pages[0]);
        Assert.Equal(Change, await FirstAsync(world, address));
        Assert.Equal(Still, await FirstAsync(world, await StreamOfAsync(world)));
        foreach (var other in (string[])["", "?seen=", "?seen=0-1", $"?seen={new string('9', 5000)}", "?seen=a&seen=b"])
            Assert.Equal(Change, await FirstAsync(world, "/live" + other));

        // One that was not heard of for a lease may have company.
        world.Host.Clock.Advance(world.Host.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<QueueOptions>>().Value.Lease);
        Assert.Equal(Change, await FirstAsync(world, await StreamOfAsync(world)));

        await using var peer = await PostMantisHost.StartAsync(connectionString: world.Host.ConnectionString);
        await peer.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        await heartbeat.BeatAsync(default);
        Assert.Equal(Change, await FirstAsync(world, await StreamOfAsync(world)));
    }

    [Fact]
    public async Task A_page_that_missed_nothing_is_fetched_once_and_again_when_something_happens()
    {
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Workers:Enabled"] = "false",
        }, movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);
        var person = Caller.Person(await host.InDatabaseAsync(db => db.Users.Select(u => u.Id).SingleAsync()), null);
        var profiles = await PublishingWorld.ConnectAsync(host, sandbox, person, "lab-idempotent");

        var fetched = 0;
        page.Request += (_, request) =>
        {
            if (request.ResourceType == "fetch" && new Uri(request.Url).AbsolutePath == "/posts") fetched++;
        };
        await page.RunAndWaitForResponseAsync(() => page.GotoAsync("/posts"), answer => new Uri(answer.Url).AbsolutePath == "/live");
        await host.InScopeAsync(services => services.GetRequiredService<PostAcceptor>()
            .CreateAsync(person, PublishingWorld.Body("Said meanwhile", [profiles[0]]), default));

        await Assertions.Expect(page.GetByText("Said meanwhile").First).ToBeVisibleAsync();
        Assert.Equal(1, fetched);
        Assert.Empty(complaints);
    }

    private static async Task<string> StreamOfAsync(DashboardWorld world) =>
        Address().Match(await world.TextAsync("/posts")).Groups["address"].Value;

    private static async Task<string?> FirstAsync(DashboardWorld world, string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Add("Cookie", string.Join("; ", world.Browser.Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
        using var answer = await world.Host.Client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        return await lines.ReadLineAsync(TestContext.Current.CancellationToken);
    }

    [GeneratedRegex("data-live=\"(?<address>[^\"]+)\"")]
    private static partial Regex Address();
}
