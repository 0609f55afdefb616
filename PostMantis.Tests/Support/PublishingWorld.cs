using System.Text.Json.Nodes;
using System.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Tests.Support;

/// <summary>A host, the sandbox network, and a person who connected a page of every settlement mode there.</summary>
internal sealed class PublishingWorld : IAsyncDisposable
{
    private PublishingWorld(SandboxServer sandbox, PostMantisHost host, Caller person, IReadOnlyList<Profile> pages) =>
        (Sandbox, Host, Person, Pages) = (sandbox, host, person, pages);

    public SandboxServer Sandbox { get; }

    public PostMantisHost Host { get; }

    public Caller Person { get; }

    /// <summary>One page per settlement mode, in the order of the modes.</summary>
    public IReadOnlyList<Profile> Pages { get; }

    public static async Task<PublishingWorld> StartAsync(IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null, bool movedClock = true, string? connectionString = null,
        IReadOnlyDictionary<string, string?>? network = null)
    {
        var sandbox = await SandboxServer.StartAsync(settings: new Dictionary<string, string?>(network ?? new Dictionary<string, string?>())
        {
            // The network's clock stands while tests move ours.
            ["Sandbox:AccessTokenLifetime"] = "1.00:00:00",
        });
        var merged = new Dictionary<string, string?>(sandbox.Settings);

        // A clock that jumps would show what is under way in the middle of whatever a test does next.
        if (movedClock) merged["Deliveries:ShowAfter"] = "00:00:00";
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        var host = await PostMantisHost.StartAsync(merged, configure, movedClock, connectionString);
        var person = await Seed.UserAsync(host);
        var pages = await ConnectAsync(host, sandbox, person,
            "lab-idempotent", "lab-probe", "lab-read-back", "lab-none");
        return new PublishingWorld(sandbox, host, person, pages);
    }

    /// <summary>
    /// The executable in a process of its own, publishing what this world accepts, with leases short enough to wait for.
    /// </summary>
    public Task<ApiServer> StartReplicaAsync(string? connectionString = null,
        IReadOnlyDictionary<string, string?>? settings = null)
    {
        var merged = new Dictionary<string, string?>(Sandbox.Settings)
        {
            ["Vault:MasterKeys:0:Id"] = "test",
            ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
            ["Queue:Lease"] = "00:00:02",
            ["Queue:Heartbeat"] = "00:00:00.5",
            ["Queue:ExpiryCheck"] = "00:00:00.2",
            ["Queue:PollAlone"] = "00:00:00.2",
            ["Queue:PollShared"] = "00:00:00.2",
            ["Deliveries:AttemptTimeout"] = "00:00:05",
            ["Deliveries:RetryBase"] = "00:00:00.2",
            ["Deliveries:DeferFor"] = "00:00:01",
            ["Deliveries:ReconcileBase"] = "00:00:00.2",
            ["Deliveries:Horizons:sandbox"] = "00:00:01",
            ["Providers:Sandbox:Timeout"] = "00:00:05",
            ["Api:RateLimits:Write"] = "1000000",
            ["Api:RateLimits:Read"] = "1000000",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        return ApiServer.StartAsync(connectionString ?? Host.ConnectionString, merged);
    }

    /// <summary>The consent trip as a browser makes it; the profiles in the order of <paramref name="destinations"/>.</summary>
    public static Task<IReadOnlyList<Profile>> ConnectAsync(
        PostMantisHost host, SandboxServer sandbox, Caller person, params string[] destinations) =>
        ConnectAccountAsync(host, sandbox, person, "lab", destinations);

    /// <summary>As <see cref="ConnectAsync"/>, of another account of the network.</summary>
    public static async Task<IReadOnlyList<Profile>> ConnectAccountAsync(
        PostMantisHost host, SandboxServer sandbox, Caller person, string account, params string[] destinations)
    {
        Task<T> RunAsync<T>(Func<ConnectionSessions, Task<T>> work) =>
            host.InScopeAsync(services => work(services.GetRequiredService<ConnectionSessions>()));
        var started = await RunAsync(s => s.StartAsync(person, ProviderCatalog.SandboxId, default));
        var back = HttpUtility.ParseQueryString((await sandbox.ConsentAsync(started.AuthorizeUrl, account)).Query);
        var session = await RunAsync(s =>
            s.CallbackAsync(person, ProviderCatalog.SandboxId, new(back["state"], back["code"], back["error"]), default));
        await RunAsync(s => s.ChooseAsync(person, session.Id, destinations, default));
        var profiles = await host.InDatabaseAsync(db => db.Profiles.AsNoTracking()
            .Where(p => p.UserId == person.UserId).ToListAsync());
        return [.. destinations.Select(id => profiles.Single(p => p.ProviderProfileId == id))];
    }

    public Profile PageOf(SettlementMode mode) => Pages[(int)mode];

    public DeliveryRunner Runner => Host.Services.GetRequiredService<DeliveryRunner>();

    public DeliveryReconciler Reconciler => Host.Services.GetRequiredService<DeliveryReconciler>();

    public Recovery Recovery => Host.Services.GetRequiredService<Recovery>();

    public Heartbeat Heartbeat => Host.Services.GetRequiredService<Heartbeat>();

    /// <summary>Accepts a post for <paramref name="page"/> with faults such as <c>publish=timeoutAfterAccept</c>.</summary>
    public Task<PostResource> PostAsync(string body, Profile page, string faults = "", DateTimeOffset? at = null,
        IReadOnlyList<string>? thread = null, string? firstComment = null, int? maxLatenessSeconds = null) =>
        CreateAsync(Body(body, [page], faults, at, thread, firstComment, maxLatenessSeconds));

    public Task<PostResource> CreateAsync(JsonObject body, Caller? caller = null) => Host.InScopeAsync(async services =>
        (await services.GetRequiredService<PostAcceptor>().CreateAsync(caller ?? Person, body, default)).Post);

    public static JsonObject Body(string body, IReadOnlyList<Profile> pages, string faults = "", DateTimeOffset? at = null,
        IReadOnlyList<string>? thread = null, string? firstComment = null, int? maxLatenessSeconds = null)
    {
        var post = new JsonObject { ["body"] = body };
        if (at is { } moment) post["scheduledAt"] = moment.ToString("O");
        if (thread is not null)
            post["thread"] = new JsonArray([.. thread.Select(t => (JsonNode)new JsonObject { ["body"] = t })]);
        if (firstComment is not null) post["firstComment"] = new JsonObject { ["body"] = firstComment };
        if (maxLatenessSeconds is { } late) post["maxLatenessSeconds"] = late;
        var request = new JsonObject
        {
            ["post"] = post,
            ["profiles"] = new JsonArray([.. pages.Select(p => (JsonNode)p.Id.ToString())]),
        };
        if (faults.Length > 0)
        {
            request["providerOptions"] = new JsonObject
            {
                ["sandbox"] = new JsonObject
                {
                    ["faults"] = new JsonArray([.. faults.Split(' ').Select(f => f.Split('=')).Select(f =>
                        (JsonNode)new JsonObject { ["on"] = f[0], ["fault"] = f[1] })]),
                },
            };
        }
        return request;
    }

    /// <summary>The post as a caller reads it.</summary>
    public Task<PostResource> ReadAsync(Guid postId) => Host.InScopeAsync(services =>
        services.GetRequiredService<PostReader>().GetAsync(Person, postId, default));

    /// <summary>The only delivery of a post.</summary>
    public async Task<DeliveryResource> DeliveryAsync(Guid postId) => Assert.Single((await ReadAsync(postId)).Deliveries);

    /// <summary>The ledger of a post's only delivery.</summary>
    public async Task<IReadOnlyList<AttemptResource>> LedgerAsync(Guid postId)
    {
        var delivery = await DeliveryAsync(postId);
        return await Host.InScopeAsync(services => services.GetRequiredService<PostReader>()
            .AttemptsAsync(Person, postId, delivery.Id, default));
    }

    /// <summary>How often a body stands on the network.</summary>
    public async Task<int> TimesAsync(string body) => (await Sandbox.PostsAsync()).Count(p => p.Body == body);

    /// <summary>Moves the clock and runs everything, until nothing is left that this much time allows.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        Host.Clock.Advance(time);
        while (await Runner.RunOnceAsync(default) + await Reconciler.RunOnceAsync(default) > 0)
        {
        }
    }

    /// <summary>Numbers what happened and answers its types in order.</summary>
    public async Task<IReadOnlyList<string>> EventsAsync(Guid postId)
    {
        while (await Host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
        return await Host.InDatabaseAsync(db => db.Events.Where(e => e.PostId == postId)
            .Join(db.EventNumbers, e => e.Id, n => n.EventId, (e, n) => new { e.Type, n.Sequence })
            .OrderBy(e => e.Sequence).Select(e => e.Type).ToListAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}
