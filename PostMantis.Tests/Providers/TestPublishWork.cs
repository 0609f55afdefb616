using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>An attempt whose handles and mark live in memory: what the adapter does with them is seen.</summary>
internal sealed class TestPublishWork(TimeProvider time) : PublishWork
{
    private readonly Dictionary<string, string> _saved = [];

    public DateTimeOffset? MarkedAt { get; private set; }

    public bool CallStarted { get; private set; }

    public IReadOnlyDictionary<string, string> Saved => _saved;

    /// <summary>How long the process was held up after the mark.</summary>
    public TimeSpan HeldUp { get; init; }

    public static TestPublishWork For(Destination destination, GrantTokens tokens, string body, TimeProvider time,
        System.Text.Json.Nodes.JsonObject? options = null, Guid? deliveryId = null, TimeSpan heldUp = default,
        IReadOnlyDictionary<string, string>? handles = null, IReadOnlyList<PartContent>? thread = null,
        PartContent? firstComment = null, IReadOnlyList<DeliveryPart>? parts = null)
    {
        var content = new DeliveryContent(body, null, [], thread ?? [], firstComment, options ?? []);
        return new TestPublishWork(time)
        {
            DeliveryId = deliveryId ?? Ids.New(time.GetUtcNow()),
            AttemptId = Ids.New(time.GetUtcNow()),
            AttemptNumber = 1,
            Target = new PublishTarget(Ids.New(time.GetUtcNow()), destination.Id, destination.Facts),
            Content = content,
            Tokens = tokens,
            Parts = parts ?? Core.Deliveries.PostAcceptor.PartsOf(content),
            Handles = handles ?? new Dictionary<string, string>(),
            HeldUp = heldUp,
        };
    }

    public override Task SaveHandleAsync(string name, string value, CancellationToken ct)
    {
        _saved[name] = value;
        return Task.CompletedTask;
    }

    public override Task<CallWindow> MarkAsync(CancellationToken ct)
    {
        MarkedAt = time.GetUtcNow();
        return Task.FromResult(new CallWindow(time, time.GetTimestamp() - (long)(HeldUp.TotalSeconds * time.TimestampFrequency),
            TimeSpan.FromSeconds(2)));
    }

    public override void CallStarts() => CallStarted = true;

    /// <summary>The same delivery asked about afterwards.</summary>
    public ReconcileWork Reconcile(SettlementMode mode, IReadOnlySet<string>? owned = null) => new(DeliveryId, Target,
        Content, mode, Tokens, Saved, MarkedAt, time.GetUtcNow(), owned ?? new HashSet<string>());
}
