using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Webhooks;

/// <summary>A host that may call this machine, a receiver on it, and a person.</summary>
internal sealed class WebhookWorld : IAsyncDisposable
{
    private WebhookWorld(PostMantisHost host, WebhookReceiver receiver, Caller person) =>
        (Host, Receiver, Person) = (host, receiver, person);

    public PostMantisHost Host { get; }

    public WebhookReceiver Receiver { get; }

    public Caller Person { get; }

    public static IReadOnlyDictionary<string, string?> Settings { get; } =
        new Dictionary<string, string?> { ["Outbound:AllowedRanges:0"] = "127.0.0.0/8" };

    public static async Task<WebhookWorld> StartAsync(IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null, X509Certificate2? certificate = null)
    {
        var merged = new Dictionary<string, string?>(Settings);
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        var host = await PostMantisHost.StartAsync(merged, configure);
        return new WebhookWorld(host, await WebhookReceiver.StartAsync(certificate), await Seed.UserAsync(host));
    }

    public WebhookRunner Runner => Host.Services.GetRequiredService<WebhookRunner>();

    /// <summary>An endpoint at <paramref name="path"/> of the receiver, with its secret.</summary>
    public Task<SecretShown> EndpointAsync(string path = "/", WebhookMode mode = WebhookMode.Both,
        IReadOnlyList<string>? types = null, IReadOnlyList<Guid>? brands = null, IReadOnlyList<Guid>? profiles = null,
        Caller? owner = null) =>
        EndpointsAsync(e => e.CreateAsync(owner ?? Person,
            new WebhookSettings(path, Receiver.Url(path), mode, types ?? [], brands ?? [], profiles ?? []), default));

    public Task<T> EndpointsAsync<T>(Func<WebhookEndpoints, Task<T>> work) =>
        Host.InScopeAsync(services => work(services.GetRequiredService<WebhookEndpoints>()));

    public Task EndpointsAsync(Func<WebhookEndpoints, Task> work) => EndpointsAsync<object?>(async endpoints =>
    {
        await work(endpoints);
        return null;
    });

    public Task<T> ReadAsync<T>(Func<WebhookReader, Task<T>> work) =>
        Host.InScopeAsync(services => work(services.GetRequiredService<WebhookReader>()));

    public Task<T> ReplaysAsync<T>(Func<WebhookReplays, Task<T>> work) =>
        Host.InScopeAsync(services => work(services.GetRequiredService<WebhookReplays>()));

    /// <summary>Stops a replay.</summary>
    public Task StopAsync(Guid replayId, Caller? by = null) => ReplaysAsync(async replays =>
    {
        await replays.StopAsync(by ?? Person, replayId, default);
        return true;
    });

    /// <summary>Something happens.</summary>
    public Task HappenAsync(string type = EventTypes.PostCreated, Guid? postId = null, Guid? profileId = null,
        bool testMode = false, Caller? owner = null, string? traceparent = null, int times = 1) =>
        Host.InScopeAsync(services =>
        {
            var events = services.GetRequiredService<EventWriter>();
            for (var i = 0; i < times; i++)
            {
                events.Add((owner ?? Person).UserId, type, new JsonObject { ["n"] = i, ["text"] = "Grüße 🐝" }, testMode,
                    postId ?? Ids.New(Host.Clock.GetUtcNow()), profileId: profileId, traceparent: traceparent);
            }
            return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
        });

    /// <summary>Numbers what happened.</summary>
    public async Task NumberAsync()
    {
        while (await Host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
    }

    /// <summary>Numbers what happened and sends what is due.</summary>
    public async Task SendAsync()
    {
        await NumberAsync();
        while (await Runner.RunOnceAsync(default) > 0)
        {
        }
    }

    /// <summary>Moves the clock, then sends what is due.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        Host.Clock.Advance(time);
        await SendAsync();
    }

    /// <summary>Every message, in the order of the feed.</summary>
    public Task<List<WebhookMessage>> MessagesAsync(Guid? endpointId = null) => Host.InDatabaseAsync(db =>
        db.WebhookMessages.AsNoTracking().Where(m => endpointId == null || m.EndpointId == endpointId)
            .OrderBy(m => m.Sequence).ToListAsync());

    public async Task<WebhookMessage> MessageAsync() => Assert.Single(await MessagesAsync());

    /// <summary>Every attempt, oldest first.</summary>
    public Task<List<WebhookAttempt>> AttemptsAsync() => AttemptsAsync(Host);

    /// <inheritdoc cref="AttemptsAsync()"/>
    public static Task<List<WebhookAttempt>> AttemptsAsync(PostMantisHost host) => host.InDatabaseAsync(async db =>
    {
        var rows = await db.WebhookAttempts.AsNoTracking().ToListAsync();
        var first = await db.WebhookMessages.AsNoTracking().Where(m => m.FirstTryAt != null).ToListAsync();
        return rows.Concat(first.Select(m => m.FirstAttempt!)).OrderBy(a => a.StartedAt).ThenBy(a => a.Id).ToList();
    });

    public Task<WebhookEndpoint> StoredAsync(Guid endpointId) => Host.InDatabaseAsync(db =>
        db.WebhookEndpoints.AsNoTracking().SingleAsync(e => e.Id == endpointId));

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Receiver.DisposeAsync();
    }
}
