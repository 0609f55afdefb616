using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>A post as callers read it (contract §3).</summary>
/// <param name="Status">Where it stands (contract §4).</param>
/// <param name="Outcome">What it came to; null until completed.</param>
/// <param name="NeedsAttention">A person should look: an outcome could not be proven, or a grant is gone.</param>
/// <param name="Revision">Rises with every change; the ETag.</param>
/// <param name="ScheduledAt">The moment it is due; for "now", when it was accepted; null on a draft without one.</param>
/// <param name="Issues">What a draft still lacks.</param>
/// <param name="Actions">What this caller may do with it now.</param>
/// <param name="NextCheckAt">When looking again can show something new; null: nothing changes by itself.</param>
public sealed record PostResource(
    string Object,
    Guid Id,
    PostStatus Status,
    PostOutcome? Outcome,
    bool NeedsAttention,
    int Revision,
    bool TestMode,
    string? Body,
    LinkCard? Link,
    IReadOnlyList<PartContent> Thread,
    PartContent? FirstComment,
    DateTimeOffset? ScheduledAt,
    int? MaxLatenessSeconds,
    string? ExternalId,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<MediaItem> Media,
    IReadOnlyDictionary<Guid, PostOverride> Overrides,
    IReadOnlyDictionary<string, JsonObject> ProviderOptions,
    IReadOnlyList<Issue> Issues,
    DeliveryCounts DeliveryCounts,
    IReadOnlyList<DeliveryResource> Deliveries,
    IReadOnlyList<string> Actions,
    DateTimeOffset? NextCheckAt,
    Creator CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? CompletedAt,
    DateTimeOffset? CanceledAt)
{
    public const string Kind = "post";

    /// <summary>The post and its deliveries as <paramref name="caller"/> sees them at <paramref name="now"/>.</summary>
    public static PostResource From(Post post, IReadOnlyList<Delivery> deliveries, Caller caller, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(post);
        ArgumentNullException.ThrowIfNull(deliveries);
        var content = post.Content;
        return new PostResource(Kind, post.Id, post.Status, post.Outcome, post.NeedsAttention, post.Revision,
            post.TestMode, content.Body, content.Link, content.Thread, content.FirstComment, post.ScheduledAt,
            post.MaxLatenessSeconds, post.ExternalId, post.Metadata, content.Media, content.Overrides,
            content.ProviderOptions, post.Issues, DeliveryCounts.Of(deliveries),
            [.. deliveries.OrderBy(d => d.Position).Select(d => DeliveryResource.From(post, d, caller, now))],
            PostActions.Of(post, deliveries, caller), NextCheck.Of(post, deliveries, now),
            new Creator(post.CreatedByType, post.CreatedById), post.CreatedAt, post.UpdatedAt, post.CompletedAt,
            post.CanceledAt);
    }
}

/// <summary>Who made a post.</summary>
public sealed record Creator(ActorType Type, Guid Id);

/// <summary>How many deliveries stand where.</summary>
public sealed record DeliveryCounts(
    int Total, int Pending, int Published, int Incomplete, int Failed, int Canceled, int Unknown)
{
    public static DeliveryCounts Of(IReadOnlyCollection<Delivery> deliveries)
    {
        int Count(DeliveryStatus status) => deliveries.Count(d => d.Status == status);
        return new DeliveryCounts(deliveries.Count, Count(DeliveryStatus.Pending), Count(DeliveryStatus.Published),
            Count(DeliveryStatus.Incomplete), Count(DeliveryStatus.Failed), Count(DeliveryStatus.Canceled),
            Count(DeliveryStatus.Unknown));
    }
}

/// <summary>A delivery as callers read it (contract §3).</summary>
/// <param name="Content">Exactly what is sent.</param>
/// <param name="LatenessMs">First public call minus the moment, in milliseconds.</param>
/// <param name="AttemptCount">Tries that count: deferrals do not.</param>
public sealed record DeliveryResource(
    string Object,
    Guid Id,
    Guid ProfileId,
    string ProfileName,
    string Provider,
    DeliveryStatus Status,
    DeliveryPhase? Phase,
    DeliveryContent Content,
    IReadOnlyList<DeliveryPart> Parts,
    DateTimeOffset? ScheduledAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? PublishedAt,
    DateTimeOffset? FailedAt,
    long? LatenessMs,
    int AttemptCount,
    DateTimeOffset? NextAttemptAt,
    string? DeferReason,
    string? ProviderPostId,
    string? Url,
    DeliveryError? Error,
    IReadOnlyList<string> Actions,
    DateTimeOffset? NextCheckAt)
{
    public const string Kind = "delivery";

    public static DeliveryResource From(Post post, Delivery delivery, Caller caller, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(delivery);
        return new DeliveryResource(Kind, delivery.Id, delivery.ProfileId, delivery.ProfileName, delivery.Provider,
            delivery.Status, delivery.Phase, delivery.Content, delivery.Parts, delivery.ScheduledAt,
            delivery.StartedAt, delivery.PublishedAt, delivery.FailedAt, delivery.LatenessMs, delivery.AttemptCount,
            delivery.NextAttemptAt, delivery.DeferReason, delivery.ProviderPostId, delivery.Url, delivery.Error,
            PostActions.Of(post, delivery, caller), NextCheck.Of(post, delivery, now));
    }
}

/// <summary>One line of the ledger as callers read it.</summary>
/// <param name="Verdict">Null while it runs.</param>
/// <param name="CalledAt">The mark: from here on the network may have taken it.</param>
/// <param name="Evidence">What a worker that no longer owned the attempt learned from the network.</param>
public sealed record AttemptResource(
    string Object,
    Guid Id,
    int Number,
    SettlementMode Mode,
    AttemptVerdict? Verdict,
    DateTimeOffset StartedAt,
    DateTimeOffset? CalledAt,
    DateTimeOffset? FinishedAt,
    IReadOnlyDictionary<string, string> Handles,
    IReadOnlyList<AttemptStep> Steps,
    IReadOnlyList<AttemptEvidence> Evidence,
    string? ProviderPostId,
    string? Url,
    DeliveryError? Error,
    string? TraceId)
{
    public const string Kind = "attempt";

    public static AttemptResource From(Attempt attempt)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        return new AttemptResource(Kind, attempt.Id, attempt.Number, attempt.Mode, attempt.Verdict, attempt.StartedAt,
            attempt.CalledAt, attempt.FinishedAt, attempt.Handles, attempt.Steps, attempt.Evidence,
            attempt.ProviderPostId, attempt.Url, attempt.Error,
            System.Diagnostics.ActivityContext.TryParse(attempt.Traceparent, null, out var context)
                ? context.TraceId.ToString()
                : null);
    }
}

/// <summary>An accepted command: the post as it is now, and what its author should know.</summary>
public sealed record AcceptedPost(PostResource Post, IReadOnlyList<Issue> Warnings);

/// <summary>A post as a person looks at it.</summary>
/// <param name="AcceptedAt">When publishing was accepted; null on a draft.</param>
/// <param name="TraceId">The trace the whole post belongs to.</param>
/// <param name="Attempts">The ledger, by delivery, oldest first.</param>
public sealed record PostDetail(
    PostResource Post, DateTimeOffset? AcceptedAt, string? TraceId, ILookup<Guid, AttemptResource> Attempts);
