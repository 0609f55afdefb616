namespace PostMantis.Core.Providers;

/// <summary>How a public call can be decided after its answer was lost (architecture, "Publishing").</summary>
public enum SettlementMode
{
    /// <summary>Repeat with the same key: the network keeps one.</summary>
    Idempotent,

    /// <summary>Ask the handle known before the call.</summary>
    Probe,

    /// <summary>Find it in the account's listing.</summary>
    ReadBack,

    /// <summary>Nothing can tell; a person decides.</summary>
    None,
}

/// <summary>Sends one delivery to one profile.</summary>
public interface IPublisher
{
    /// <summary>The settlement mode for this destination and content.</summary>
    SettlementMode ModeOf(PublishTarget target, DeliveryContent content);

    /// <summary>
    /// Does or continues one attempt and answers with an outcome, never an exception for what a network may do.
    /// Handles are saved through <paramref name="work"/> as soon as they exist; a public call of mode ReadBack or
    /// None is made only inside the window that <see cref="PublishWork.MarkAsync"/> opened. Before one of the other modes
    /// a handle is saved, or its key follows from the delivery: the claim alone need not be durable yet.
    /// </summary>
    Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct);
}

/// <summary>Settles a delivery whose outcome is unknown, without ever sending it.</summary>
public interface IReconciler
{
    Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct);
}

/// <summary>The destination as the adapter needs it.</summary>
public sealed record PublishTarget(Guid ProfileId, string ProviderProfileId, IReadOnlyDictionary<string, string> Facts);

/// <summary>One attempt in the hands of an adapter.</summary>
public abstract class PublishWork
{
    public required Guid DeliveryId { get; init; }
    public required Guid AttemptId { get; init; }

    /// <summary>From 1; deferrals do not count.</summary>
    public required int AttemptNumber { get; init; }
    public required PublishTarget Target { get; init; }
    public required DeliveryContent Content { get; init; }
    public required GrantTokens Tokens { get; init; }

    /// <summary>The files of <see cref="Content"/> as this network takes them, by artifact id.</summary>
    public IReadOnlyDictionary<Guid, PublishFile> Files { get; init; } = new Dictionary<Guid, PublishFile>();

    /// <summary>Parts already live, for a retry that resumes at the failed one.</summary>
    public required IReadOnlyList<DeliveryPart> Parts { get; init; }

    /// <summary>Handles saved in this attempt so far (container id, session URI, own key).</summary>
    public required IReadOnlyDictionary<string, string> Handles { get; init; }

    /// <summary>The files of some items in their order, each as this network takes it; null when one is not there.</summary>
    public IReadOnlyList<PublishFile>? FilesOf(IReadOnlyList<MediaItem> items) =>
        items.All(item => Files.ContainsKey(item.ArtifactId)) ? [.. items.Select(item => Files[item.ArtifactId])] : null;

    /// <summary>Stores a handle durably before the next step; throws when the lease is lost.</summary>
    public abstract Task SaveHandleAsync(string name, string value, CancellationToken ct);

    /// <summary>
    /// As <see cref="SaveHandleAsync"/>, for what is done beside a post that is public already; false: the lease is lost, and
    /// what is public must still be told.
    /// </summary>
    public async Task<bool> TrySaveHandleAsync(string name, string value, CancellationToken ct)
    {
        try
        {
            await SaveHandleAsync(name, value, ct);
            return true;
        }
        catch (LeaseLostException)
        {
            return false;
        }
    }

    /// <summary>
    /// Commits the mark (<c>called_at</c>), guarded by the lease. Call it just before the public call of a ReadBack
    /// or None delivery. The returned window tells whether the call may still start (2 s by monotonic clock).
    /// </summary>
    public abstract Task<CallWindow> MarkAsync(CancellationToken ct);

    /// <summary>Says that the first public call starts now: the end of lateness.</summary>
    public abstract void CallStarts();

    /// <summary>Tells what an answer said about the budget; a work that keeps no budgets passes over it.</summary>
    public virtual void Learn(LearnedBudget learned)
    {
    }
}

/// <summary>The short time after a mark in which the public call may start.</summary>
public sealed class CallWindow(TimeProvider time, long markedAt, TimeSpan length)
{
    /// <summary>False: the process was held up; the call must not start and the attempt is given back.</summary>
    public bool IsOpen => time.GetElapsedTime(markedAt) <= length;
}

/// <summary>Thrown by <see cref="PublishWork"/> when another worker owns the attempt now; adapters let it pass.</summary>
public sealed class LeaseLostException() : Exception("The lease of this attempt was lost.");

public abstract record PublishOutcome
{
    /// <summary>It is public.</summary>
    public sealed record Published(string ProviderPostId, string? Url, IReadOnlyList<DeliveryPart> Parts)
        : PublishOutcome;

    /// <summary>The root is live, a thread part failed.</summary>
    public sealed record Incomplete(string ProviderPostId, string? Url, IReadOnlyList<DeliveryPart> Parts,
        DeliveryError Error) : PublishOutcome;

    /// <summary>The network is still working on it; ask again with the saved handles.</summary>
    public sealed record Processing(TimeSpan CheckAfter) : PublishOutcome;

    /// <summary>Nothing was created and the network asked us to wait: does not count as a try.</summary>
    public sealed record Deferred(DeliveryError Error, TimeSpan? RetryAfter) : PublishOutcome;

    /// <summary>Nothing was created and trying again may help.</summary>
    public sealed record Retry(DeliveryError Error, TimeSpan? RetryAfter = null) : PublishOutcome;

    /// <summary>Nothing was created and trying again will not help.</summary>
    public sealed record Rejected(DeliveryError Error) : PublishOutcome;

    /// <summary>The network may have taken it.</summary>
    public sealed record Unconfirmed(string Cause, ProviderError? Provider = null) : PublishOutcome;
}

/// <summary>What is known about a delivery of unknown outcome.</summary>
/// <param name="MarkedAt">When the mark was committed; null for modes without one.</param>
/// <param name="OwnedPostIds">Remote posts that other deliveries of this profile own: never proof for this one.</param>
public sealed record ReconcileWork(
    Guid DeliveryId,
    PublishTarget Target,
    DeliveryContent Content,
    SettlementMode Mode,
    GrantTokens Tokens,
    IReadOnlyDictionary<string, string> Handles,
    DateTimeOffset? MarkedAt,
    DateTimeOffset Now,
    IReadOnlySet<string> OwnedPostIds)
{
    public override string ToString() => $"{nameof(ReconcileWork)} {DeliveryId}";
}

public abstract record ReconcileOutcome
{
    /// <summary>Found: it is public.</summary>
    public sealed record Found(string ProviderPostId, string? Url) : ReconcileOutcome
    {
        /// <summary>The same as the outcome of an attempt.</summary>
        public PublishOutcome.Published AsPublished() => new(ProviderPostId, Url, []);
    }

    /// <summary>A complete listing shows that it is not there; whether that proves absence is decided by the caller's
    /// horizon.</summary>
    public sealed record NotListed : ReconcileOutcome;

    /// <summary>The network says definitely that the handle never became public.</summary>
    public sealed record Absent : ReconcileOutcome;

    /// <summary>No answer now; ask again.</summary>
    public sealed record Inconclusive(string Cause, TimeSpan? RetryAfter = null) : ReconcileOutcome;

    /// <summary>This mode has no way to tell.</summary>
    public sealed record CannotTell : ReconcileOutcome;
}
