using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>A slot of an endpoint in our hands, with what is due there.</summary>
/// <param name="Endpoint">Null: nothing is pending there any more.</param>
internal sealed record ClaimedLane(WorkLease Lease, WebhookTarget? Endpoint, LaneMessages Due);

/// <summary>What was read of a lane, in order.</summary>
/// <param name="HasMore">Perhaps not all that is due.</param>
internal sealed record LaneMessages(IReadOnlyList<DueMessage> Messages, bool HasMore)
{
    public static LaneMessages None { get; } = new([], false);
}

/// <summary>How far a lane was read.</summary>
internal readonly record struct LanePlace(Guid Lane, WebhookTarget Endpoint, DueMessage After);

/// <summary>What sending needs of an endpoint, its secrets still sealed.</summary>
internal sealed record WebhookTarget
{
    public required Guid Id { get; init; }
    public required Guid UserId { get; init; }
    public required Uri Url { get; init; }

    /// <summary>Without the values of its query.</summary>
    public required string ShownUrl { get; init; }
    public required bool IsDisabled { get; init; }
    public required byte[]? Secret { get; init; }
    public required byte[]? PreviousSecret { get; init; }
    public required DateTimeOffset? PreviousSecretEndsAt { get; init; }
    public required int Failures { get; init; }
    public required DateTimeOffset? RetryAt { get; init; }

    /// <summary>Another one: these are not its settings any more.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
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

    /// <summary>The event as it is sent; null: it is no longer kept.</summary>
    public required ReadOnlyMemory<byte>? Body { get; init; }
    public required DateTimeOffset HappenedAt { get; init; }
    public required string? Traceparent { get; init; }
}
