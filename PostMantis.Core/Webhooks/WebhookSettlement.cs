using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>What is to be stored: an outcome, the end of a turn in a lane, or both.</summary>
/// <param name="Left">The lane is given back, or ends when nothing is pending there.</param>
internal sealed record WebhookSettlement(WebhookOutcome? Outcome, LaneLeft? Left);

/// <summary>A lane that is left.</summary>
/// <param name="NotBefore">It is not to be looked at sooner, whatever is due.</param>
internal sealed record LaneLeft(WorkLease Lease, Guid? EndpointId, DateTimeOffset? NotBefore);
