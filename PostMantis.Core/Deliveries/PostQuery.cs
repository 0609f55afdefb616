using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Which posts are asked for; every filter narrows, several values of one filter widen it.</summary>
/// <param name="ScheduledAfter">Inclusive, as every After; Before is exclusive.</param>
/// <param name="ByKey">Written or published with this key.</param>
/// <param name="ForPersonSince">At which a person has to look, whenever that was, or that failed at one since then.</param>
/// <param name="Metadata">All of these names with these values.</param>
public sealed record PostQuery(
    IReadOnlyList<PostStatus>? Status = null,
    IReadOnlyList<DeliveryStatus>? DeliveryStatus = null,
    IReadOnlyList<PostOutcome>? Outcome = null,
    IReadOnlyList<Guid>? ProfileIds = null,
    IReadOnlyList<string>? Providers = null,
    IReadOnlyList<Guid>? BrandId = null,
    IReadOnlyList<string>? ExternalId = null,
    IReadOnlyDictionary<string, string>? Metadata = null,
    DateTimeOffset? ScheduledAfter = null,
    DateTimeOffset? ScheduledBefore = null,
    DateTimeOffset? CreatedAfter = null,
    DateTimeOffset? CreatedBefore = null,
    DateTimeOffset? UpdatedAfter = null,
    DateTimeOffset? UpdatedBefore = null,
    bool? NeedsAttention = null,
    Guid? ByKey = null,
    DateTimeOffset? ForPersonSince = null,
    PostSort Sort = PostSort.CreatedAt,
    bool Descending = true);

/// <summary>The orders of a post list.</summary>
public enum PostSort
{
    CreatedAt,
    ScheduledAt,
    UpdatedAt,
}
