namespace PostMantis.Core.Outbox;

/// <summary>Told of events in the transaction that numbers them, when their user has somebody to be told.</summary>
public interface IEventFollower
{
    Task FollowAsync(IReadOnlyList<NumberedRange> numbered, CancellationToken ct);
}

/// <summary>Numbers that were given to one user's events, without a gap.</summary>
public sealed record NumberedRange
{
    public Guid UserId { get; init; }
    public long Lowest { get; init; }
    public long Highest { get; init; }
    public int Count { get; init; }

    /// <summary>Whether the user has a webhook endpoint that is enabled.</summary>
    public bool IsFollowed { get; init; }
}
