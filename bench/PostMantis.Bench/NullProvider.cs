using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Bench;

/// <summary>A network that takes everything at once: what remains is what PostMantis itself costs.</summary>
internal sealed class NullProvider : IProvider, IPublisher, IReconciler, IConsent
{
    public const string Name = "null";

    /// <summary>When each delivery reached the network, for the deliveries that are listened for.</summary>
    public ConcurrentDictionary<Guid, TaskCompletionSource<long>> Arrivals { get; } = new();

    public string Id => Name;

    public string DisplayName => "Null";

    public ProviderRules Rules { get; } = new(MaxText: 500, TextUnit.CodePoints, UrlCounts: null, BodyRequired: true,
        MaxMedia: 0, Link: false, MaxThreadParts: 0, FirstComment: false, AltText: false);

    public JsonObject OptionsSchema { get; } = [];

    public IConsent Consent => this;

    public IPublisher Publisher => this;

    public IReconciler Reconciler => this;

    public IReadOnlyList<Issue> CheckOptions(JsonObject options) => [];

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Idempotent;

    public Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        work.CallStarts();
        if (Arrivals.TryRemove(work.Target.ProfileId, out var arrival))
            arrival.TrySetResult(TimeProvider.System.GetTimestamp());
        return Task.FromResult<PublishOutcome>(new PublishOutcome.Published(
            work.DeliveryId.ToString(), $"https://null.example/{work.DeliveryId}", []));
    }

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct) =>
        Task.FromResult<ReconcileOutcome>(new ReconcileOutcome.Inconclusive("null"));

    public Uri ConsentPage => new("https://null.example/");

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct) =>
        Task.FromResult<ConsentStart>(new ConsentStart.Leave(ConsentPage));

    public Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct) => throw new NotSupportedException();

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => Task.CompletedTask;
}
