using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>An attempt whose handles and mark live in memory: what the adapter does with them is seen.</summary>
internal sealed class TestPublishWork(TimeProvider time) : PublishWork
{
    private int _count;
    private Dictionary<string, string> _saved = [];

    public DateTimeOffset? MarkedAt { get; private set; }

    public bool CallStarted { get; private set; }

    public IReadOnlyDictionary<string, string> Saved => _saved;

    /// <summary>How long the process was held up after the mark.</summary>
    public TimeSpan HeldUp { get; init; }

    /// <summary>What happens after that many handles were saved: the process is killed.</summary>
    public int? KilledAfterHandles { get; init; }

    /// <summary>How often a handle was saved.</summary>
    public int Saves => _count;

    public List<LearnedBudget> Learned { get; } = [];

    public static TestPublishWork For(Destination destination, GrantTokens tokens, string body, TimeProvider time,
        System.Text.Json.Nodes.JsonObject? options = null, Guid? deliveryId = null, TimeSpan heldUp = default,
        IReadOnlyDictionary<string, string>? handles = null, IReadOnlyList<PartContent>? thread = null,
        PartContent? firstComment = null, IReadOnlyList<DeliveryPart>? parts = null) =>
        For(destination, tokens, new DeliveryContent(body, null, [], thread ?? [], firstComment, options ?? []), [], time,
            deliveryId, heldUp, handles, parts);

    public static TestPublishWork For(Destination destination, GrantTokens tokens, DeliveryContent content,
        IReadOnlyList<TestFile> files, TimeProvider time, Guid? deliveryId = null, TimeSpan heldUp = default,
        IReadOnlyDictionary<string, string>? handles = null, IReadOnlyList<DeliveryPart>? parts = null,
        int? killedAfterHandles = null, int attempt = 1)
    {
        var saved = new Dictionary<string, string>(handles ?? new Dictionary<string, string>());
        return new TestPublishWork(time)
        {
            DeliveryId = deliveryId ?? Ids.New(time.GetUtcNow()),
            AttemptId = Ids.New(time.GetUtcNow()),
            AttemptNumber = attempt,
            Target = new PublishTarget(Ids.New(time.GetUtcNow()), destination.Id, destination.Facts),
            Content = content,
            Tokens = tokens,
            Files = files.ToDictionary(f => f.ArtifactId, f => (PublishFile)f),
            Parts = parts ?? Core.Deliveries.PostAcceptor.PartsOf(content),
            Handles = saved,
            _saved = saved,
            HeldUp = heldUp,
            KilledAfterHandles = killedAfterHandles,
        };
    }

    /// <summary>The same attempt taken up again, with all that was saved.</summary>
    public TestPublishWork Resume(int? killedAfterHandles = null)
    {
        Dictionary<string, string> saved = new(_saved);
        return new TestPublishWork(time)
        {
            DeliveryId = DeliveryId,
            AttemptId = AttemptId,
            AttemptNumber = AttemptNumber,
            Target = Target,
            Content = Content,
            Tokens = Tokens,
            Files = Files,
            Parts = Parts,
            Handles = saved,
            _saved = saved,
            MarkedAt = MarkedAt,
            CallStarted = CallStarted,
            KilledAfterHandles = killedAfterHandles,
        };
    }

    public override Task SaveHandleAsync(string name, string value, CancellationToken ct)
    {
        _saved[name] = value;
        if (++_count >= KilledAfterHandles) throw new LeaseLostException();
        return Task.CompletedTask;
    }

    public override Task<CallWindow> MarkAsync(CancellationToken ct)
    {
        MarkedAt = time.GetUtcNow();
        return Task.FromResult(new CallWindow(time, time.GetTimestamp() - (long)(HeldUp.TotalSeconds * time.TimestampFrequency),
            TimeSpan.FromSeconds(2)));
    }

    public override void CallStarts() => CallStarted = true;

    public override void Learn(LearnedBudget learned) => Learned.Add(learned);

    /// <summary>The same delivery asked about afterwards.</summary>
    public ReconcileWork Reconcile(SettlementMode mode, IReadOnlySet<string>? owned = null) => new(DeliveryId, Target,
        Content, mode, Tokens, Saved, MarkedAt, time.GetUtcNow(), owned ?? new HashSet<string>());
}
