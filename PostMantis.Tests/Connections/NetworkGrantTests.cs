using System.Text.Json.Nodes;
using System.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Mastodon;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Connections;

/// <summary>Grants of real networks in the whole application: fields, refused tokens, limits of an account.</summary>
public sealed class NetworkGrantTests
{
    [Fact]
    public async Task A_token_that_is_refused_early_is_renewed_and_the_post_goes_out()
    {
        await using var x = await SimulatorHost.StartAsync("x", TimeProvider.System);
        await using var host = await StartAsync(x);
        var (person, profile) = await ConnectAsync(host, x, "x");
        foreach (var grant in x.Sim.Grants.All) grant.AccessUntil = x.Sim.Now;
        var post = await PostAsync(host, person, profile, "Said once");
        await Runner(host).RunOnceAsync(default);
        Assert.Equal(DeliveryPhase.Deferred, (await DeliveryAsync(host, post)).Phase);
        Assert.Equal(1, await host.Services.GetRequiredService<TokenRefresher>().RunOnceAsync(0, default));
        host.Clock.Advance(TimeSpan.FromMinutes(10));
        await Runner(host).RunOnceAsync(default);
        Assert.Equal(DeliveryStatus.Published, (await DeliveryAsync(host, post)).Status);
        Assert.Equal("Said once", Assert.Single(await x.JournalAsync()).Text);
    }

    [Fact]
    public async Task A_grant_that_was_ended_asks_for_a_person_once_renewing_fails_too()
    {
        await using var x = await SimulatorHost.StartAsync("x", TimeProvider.System);
        await using var host = await StartAsync(x);
        var (person, profile) = await ConnectAsync(host, x, "x");
        foreach (var grant in x.Sim.Grants.All) grant.Revoked = true;
        var post = await PostAsync(host, person, profile, "Never said");
        await Runner(host).RunOnceAsync(default);
        await host.Services.GetRequiredService<TokenRefresher>().RunOnceAsync(0, default);
        Assert.Equal(ProfileStatus.ReauthRequired, (await host.InDatabaseAsync(db => db.Profiles.AsNoTracking().SingleAsync())).Status);
        host.Clock.Advance(TimeSpan.FromMinutes(10));
        await Runner(host).RunOnceAsync(default);
        var delivery = await DeliveryAsync(host, post);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.AuthRevoked), (delivery.Status, delivery.Error!.Code));
        Assert.Empty(await x.JournalAsync());

        // The same account again revives the profile under its id.
        var (_, again) = await ConnectAsync(host, x, "x", person);
        Assert.Equal((profile.Id, ProfileStatus.Active), (again.Id, again.Status));
    }

    [Fact]
    public async Task A_consent_that_cannot_be_renewed_is_told_of_ahead_and_then_ends()
    {
        // Facebook gives a person's data for 90 days, and nothing to renew them with.
        await using var facebook = await SimulatorHost.StartAsync("facebook", TimeProvider.System);
        await using var host = await StartAsync(facebook);
        var (person, profile) = await ConnectAsync(host, facebook, "facebook");
        var later = host.Clock.GetUtcNow().AddDays(89);
        var post = (await host.InScopeAsync(s => s.GetRequiredService<PostAcceptor>().CreateAsync(person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = "At risk", ["scheduledAt"] = later.ToString("O") }, ["profiles"] = new JsonArray(profile.Id.ToString()),
        }, default))).Post;
        var refresher = host.Services.GetRequiredService<TokenRefresher>();
        Task<List<Core.Outbox.Event>> EventsAsync(string type) => host.InDatabaseAsync(db => db.Events.AsNoTracking().Where(e => e.Type == type).ToListAsync());
        host.Clock.Advance(TimeSpan.FromDays(82));
        Assert.Equal(0, await refresher.RunOnceAsync(0, default));
        host.Clock.Advance(TimeSpan.FromDays(1.1));
        Assert.Equal(1, await refresher.RunOnceAsync(0, default));
        Assert.Equal(0, await refresher.RunOnceAsync(0, default));
        Assert.Contains(post.Id.ToString(), Assert.Single(await EventsAsync("profile.expiring")).Data.ToString(), StringComparison.Ordinal);
        Assert.Empty(await EventsAsync("profile.reauthRequired"));
        host.Clock.Advance(TimeSpan.FromDays(7));
        Assert.Equal(1, await refresher.RunOnceAsync(0, default));
        Assert.Single(await EventsAsync("profile.reauthRequired"));
        Assert.Equal(ProfileStatus.ReauthRequired, (await host.InDatabaseAsync(db => db.Profiles.AsNoTracking().SingleAsync())).Status);
    }

    [Fact]
    public async Task Fields_are_asked_for_checked_and_kept_only_as_long_as_the_trip()
    {
        await using var mastodon = await SimulatorHost.StartAsync("mastodon", TimeProvider.System);
        await using var host = await StartAsync(mastodon);
        var person = await Seed.UserAsync(host);
        foreach (var typed in new[] { "http://127.0.0.1:1", new string('x', 501) })
        {
            var refused = await Assert.ThrowsAsync<ProblemException>(() => Sessions(host, s => s.StartAsync(person, "mastodon",
                new Dictionary<string, string> { ["server"] = typed }, default)));
            Assert.Equal("/fields/server", Assert.Single(refused.Issues).Pointer);
        }
        Assert.Equal(0, await host.InDatabaseAsync(db => db.ConnectionSessions.CountAsync()));
        var missing = await Assert.ThrowsAsync<ProblemException>(() => Sessions(host, s => s.StartAsync(person, "bluesky", default)));
        Assert.Equal(("/fields/handle", Rule.Required), (missing.Issues[0].Pointer, missing.Issues[0].Rule));

        var (_, profile) = await ConnectAsync(host, mastodon, "mastodon", person);
        Assert.Equal($"@ann@{mastodon.Address.Authority}", profile.Handle);
        Assert.Equal(0, await host.InDatabaseAsync(db => db.ConnectionSessions.CountAsync(s => s.Credential != null)));
    }

    [Fact]
    public async Task The_limits_of_an_account_are_read_again_when_they_are_old_and_hold_when_a_post_is_made()
    {
        await using var mastodon = await SimulatorHost.StartAsync("mastodon", TimeProvider.System);
        var rules = (MastodonSettings)mastodon.Network.Settings;
        await using var host = await StartAsync(mastodon);
        var (person, profile) = await ConnectAsync(host, mastodon, "mastodon");
        rules.MaxCharacters = 1000;
        Task<ProfileLimits> LimitsAsync() => host.InScopeAsync(s => s.GetRequiredService<BudgetForecast>().ReadAsync(person, profile.Id, default));
        var first = await LimitsAsync();
        Assert.Equal((1000, host.Clock.GetUtcNow()), (first.Text.Max, first.CheckedAt));
        rules.MaxCharacters = 600;
        host.Clock.Advance(TimeSpan.FromMinutes(59));
        var cached = await LimitsAsync();
        Assert.Equal((1000, first.CheckedAt), (cached.Text.Max, cached.CheckedAt));
        await PostAsync(host, person, profile, new string('x', 1000));
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(600, (await LimitsAsync()).Text.Max);
        var refused = await Assert.ThrowsAsync<ProblemException>(() => PostAsync(host, person, profile, new string('y', 601)));
        Assert.Equal(Rule.TooLong, Assert.Single(refused.Issues).Rule);

        // A server that is away changes nothing.
        host.Clock.Advance(TimeSpan.FromHours(2));
        mastodon.Sim.Faults.Add(new Fault { Path = "/api/v2/instance" });
        Assert.Equal(600, (await LimitsAsync()).Text.Max);
    }

    [Fact]
    public async Task A_network_reads_who_we_are_and_nothing_else()
    {
        await using var host = await PostMantisHost.StartAsync();
        using var known = await host.Client.GetAsync("/connect/clients/bluesky/client-metadata.json");
        Assert.Equal((200, "application/json"), ((int)known.StatusCode, known.Content.Headers.ContentType?.MediaType));
        Assert.Contains("\"dpop_bound_access_tokens\":true", await known.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        foreach (var path in new[] { "bluesky/other", "mastodon/client-metadata", "nowhere/client-metadata" })
        {
            using var unknown = await host.Client.GetAsync($"/connect/clients/{path}.json");
            Assert.Equal(404, (int)unknown.StatusCode);
        }
    }

    private static Task<PostMantisHost> StartAsync(SimulatorHost network) => PostMantisHost.StartAsync(new Dictionary<string, string?>
    {
        ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
        ["Providers:X:BaseUrl"] = network.Address.AbsoluteUri,
        ["Providers:X:AuthorizeUrl"] = new Uri(network.Address, "/i/oauth2/authorize").AbsoluteUri,
        ["Providers:X:ClientId"] = "x-client",
        ["Providers:X:ClientSecret"] = "x-secret",
        ["Providers:Facebook:BaseUrl"] = network.Address.AbsoluteUri,
        ["Providers:Facebook:SignInUrl"] = network.Address.AbsoluteUri,
        ["Providers:Facebook:ClientId"] = "meta-app",
        ["Providers:Facebook:ClientSecret"] = "meta-secret",
        ["Providers:Mastodon:BaseUrl"] = network.Address.AbsoluteUri,
    });

    private static async Task<(Caller Person, Profile Profile)> ConnectAsync(PostMantisHost host, SimulatorHost network, string provider, Caller? person = null)
    {
        person ??= await Seed.UserAsync(host);
        network.Sim.Consent.Approve = network.Sim.Accounts[0].Handle;
        var started = await Sessions(host, s => s.StartAsync(person, provider, default));
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var answer = await browser.GetAsync(started.AuthorizeUrl);
        var back = HttpUtility.ParseQueryString(answer.Headers.Location!.Query);
        var session = await Sessions(host, s => s.CallbackAsync(person, provider, new(back["state"], back["code"], back["error"]), default));
        Assert.Equal(ConnectionSessionStatus.Authorized, session.Status);
        await Sessions(host, s => s.ChooseAsync(person, session.Id, [session.Destinations[0].Id], default));
        return (person, await host.InDatabaseAsync(db => db.Profiles.AsNoTracking().SingleAsync(p => p.Provider == provider)));
    }

    private static async Task<PostResource> PostAsync(PostMantisHost host, Caller person, Profile profile, string body) =>
        (await host.InScopeAsync(s => s.GetRequiredService<PostAcceptor>().CreateAsync(person,
            new JsonObject { ["post"] = new JsonObject { ["body"] = body }, ["profiles"] = new JsonArray(profile.Id.ToString()) }, default))).Post;

    private static Task<Delivery> DeliveryAsync(PostMantisHost host, PostResource post) =>
        host.InDatabaseAsync(db => db.Deliveries.AsNoTracking().SingleAsync(d => d.PostId == post.Id));

    private static DeliveryRunner Runner(PostMantisHost host) => host.Services.GetRequiredService<DeliveryRunner>();

    private static Task<T> Sessions<T>(PostMantisHost host, Func<ConnectionSessions, Task<T>> work) =>
        host.InScopeAsync(services => work(services.GetRequiredService<ConnectionSessions>()));
}
