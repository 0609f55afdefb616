using PostMantis.Core.Posts;
using static PostMantis.Core.Deliveries.DeliveryStatus;

namespace PostMantis.Core.Deliveries;

/// <summary>What a post comes to when its last open delivery has settled.</summary>
public static class PostCompletion
{
    /// <summary>The outcome; null when every delivery was canceled, which cancels the post.</summary>
    public static PostOutcome? OutcomeOf(IEnumerable<DeliveryStatus> deliveries)
    {
        var settled = deliveries.Where(status => status != Canceled).ToList();
        if (settled.Count == 0) return null;
        if (settled.Contains(Unknown)) return PostOutcome.Unknown;
        if (settled.TrueForAll(status => status == Published)) return PostOutcome.Published;
        return settled.Exists(status => status is Published or Incomplete) ? PostOutcome.Partial : PostOutcome.Failed;
    }

    /// <summary>Counts <paramref name="closed"/> deliveries as settled and ends the post with the last of them.</summary>
    /// <returns>True when the post ended: completed or canceled.</returns>
    public static bool Close(Post post, IReadOnlyCollection<Delivery> deliveries, int closed, DateTimeOffset now) =>
        Close(post, [.. deliveries.Select(DeliveryStanding.Of)], closed, now);

    /// <summary>As above, for those who know only where the deliveries stand.</summary>
    internal static bool Close(
        Post post, IReadOnlyCollection<DeliveryStanding> deliveries, int closed, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(post);
        post.OpenDeliveries -= closed;
        post.NeedsAttention = deliveries.Any(d => d.Status == Unknown && d.Phase is null);
        if (post.OpenDeliveries > 0) return false;
        var outcome = OutcomeOf(deliveries.Select(d => d.Status));
        post.MoveTo(outcome is null ? PostStatus.Canceled : PostStatus.Completed, now, outcome);
        return true;
    }
}
