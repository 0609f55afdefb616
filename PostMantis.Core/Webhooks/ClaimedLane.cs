using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>A slot of an endpoint in our hands, with what is due there.</summary>
/// <param name="Endpoint">Null: nothing is pending there any more.</param>
internal sealed record ClaimedLane(WorkLease Lease, WebhookTarget? Endpoint, IReadOnlyList<DueMessage> Messages);

/// <summary>What sending needs of an endpoint, its secrets still sealed.</summary>
internal sealed record WebhookTarget
{
    public required Guid Id { get; init; }
    public required Guid UserId { get; init; }
    public required Uri Url { get; init; }
    public required bool IsDisabled { get; init; }
    public required byte[]? Secret { get; init; }
    public required byte[]? PreviousSecret { get; init; }
    public required DateTimeOffset? PreviousSecretEndsAt { get; init; }
    public required int Failures { get; init; }
    public required DateTimeOffset? RetryAt { get; init; }
}

/// <summary>A message whose moment has come, with its event.</summary>
internal sealed record DueMessage
{
    public required Guid Id { get; init; }
    public required Guid EventId { get; init; }
    public required long Sequence { get; init; }
    public required string Type { get; init; }
    public required int Attempts { get; init; }
    public required int Tries { get; init; }
    public required DateTimeOffset DueAt { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>JSON; null: the event is no longer kept.</summary>
    public required string? Data { get; init; }
    public required bool TestMode { get; init; }
    public required DateTimeOffset HappenedAt { get; init; }
    public required string? Traceparent { get; init; }
}
