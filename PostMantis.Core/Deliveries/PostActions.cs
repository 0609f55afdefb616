using PostMantis.Core.Access;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>What a caller may do with a post or delivery now: the same table serves answers, refusals and buttons.</summary>
public static class PostActions
{
    public const string Update = "update";
    public const string Delete = "delete";
    public const string Publish = "publish";
    public const string Cancel = "cancel";

    /// <summary>A person's decision on a post that waits for approval.</summary>
    public const string Approve = "approve";
    public const string Retry = "retry";
    public const string Resolve = "resolve";

    public static IReadOnlyList<string> Of(Post post, IReadOnlyCollection<Delivery> deliveries, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(post);
        ArgumentNullException.ThrowIfNull(caller);
        List<string> actions = [];
        if (MayEdit(post, deliveries, caller)) actions.Add(Update);
        if (post.Status == PostStatus.Draft && caller.May(Permission.Draft)) actions.Add(Delete);
        if (!caller.May(Permission.Publish)) return actions;
        if (post.Status == PostStatus.Draft || (IsUntouched(post, deliveries) && !caller.Rules.ApprovalRequired))
            actions.Add(Publish);
        if (post.Status == PostStatus.AwaitingApproval && caller.ActorType == ActorType.User) actions.Add(Approve);
        if (post.Status == PostStatus.AwaitingApproval || deliveries.Any(d => IsCancelable(post, d))) actions.Add(Cancel);
        return actions;
    }

    public static IReadOnlyList<string> Of(Post post, Delivery delivery, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(delivery);
        ArgumentNullException.ThrowIfNull(caller);
        List<string> actions = [];
        if (caller.May(Permission.Publish))
        {
            if (IsCancelable(post, delivery)) actions.Add(Cancel);
            if (delivery.Status is DeliveryStatus.Failed or DeliveryStatus.Incomplete
                && delivery.Phase is null && !caller.Rules.ApprovalRequired)
                actions.Add(Retry);
        }
        if (delivery.Status == DeliveryStatus.Unknown && caller.Grants.Contains(Grant.Resolve)) actions.Add(Resolve);
        return actions;
    }

    /// <summary>Nothing of it was started: it can be edited and moved.</summary>
    public static bool IsUntouched(Post post, IReadOnlyCollection<Delivery> deliveries)
    {
        ArgumentNullException.ThrowIfNull(post);
        return post.Status is PostStatus.Pending or PostStatus.Scheduled
            && deliveries.All(d => d.Status == DeliveryStatus.Pending && d.StartedAt is null
                && d.Phase is DeliveryPhase.Waiting or DeliveryPhase.Deferred);
    }

    /// <summary>No worker holds it and nothing is on its way.</summary>
    public static bool IsCancelable(Post post, Delivery delivery)
    {
        ArgumentNullException.ThrowIfNull(post);
        ArgumentNullException.ThrowIfNull(delivery);
        return post.Status is PostStatus.AwaitingApproval or PostStatus.Pending or PostStatus.Scheduled
                or PostStatus.Publishing
            && delivery.Status == DeliveryStatus.Pending
            && delivery.Phase is DeliveryPhase.Waiting or DeliveryPhase.Deferred or DeliveryPhase.Retrying;
    }

    private static bool MayEdit(Post post, IReadOnlyCollection<Delivery> deliveries, Caller caller) =>
        post.Status == PostStatus.Draft
            ? caller.May(Permission.Draft)
            : caller.May(Permission.Publish) && !caller.Rules.ApprovalRequired && IsUntouched(post, deliveries);
}

/// <summary>When looking again can show something new.</summary>
internal static class NextCheck
{
    private static readonly TimeSpan WhilePublishing = TimeSpan.FromSeconds(1);

    public static DateTimeOffset? Of(Post post, IEnumerable<Delivery> deliveries, DateTimeOffset now) =>
        deliveries.Select(d => Of(post, d, now)).Min();

    public static DateTimeOffset? Of(Post post, Delivery delivery, DateTimeOffset now)
    {
        if (post.Status is PostStatus.Draft or PostStatus.AwaitingApproval) return null;
        var at = delivery.Phase switch
        {
            null => (DateTimeOffset?)null,
            DeliveryPhase.Waiting => delivery.ScheduledAt,
            DeliveryPhase.Deferred or DeliveryPhase.Retrying or DeliveryPhase.Processing
                or DeliveryPhase.Reconciling => delivery.NextAttemptAt,
            _ => now,
        };
        if (delivery.Phase is null) return null;
        var soonest = now + WhilePublishing;
        return at is { } moment && moment > soonest ? moment : soonest;
    }
}
