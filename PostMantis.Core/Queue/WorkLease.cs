using System.ComponentModel.DataAnnotations.Schema;

namespace PostMantis.Core.Queue;

/// <summary>A claimed work item: whoever knows the token may settle it.</summary>
public sealed record WorkLease
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    [NotMapped]
    public WorkKind Kind { get; init; }
    public Guid Key { get; init; }
    public Guid Lane { get; init; }

    /// <summary>Claims so far that count, this one included.</summary>
    public int Tries { get; init; }
    public Guid LeaseToken { get; init; }
    public DateTimeOffset RunAt { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>W3C trace context of what made the work necessary.</summary>
    public string? Traceparent { get; init; }
}

/// <summary>What a claim got.</summary>
/// <param name="Again">More is due than was looked at: look again at once.</param>
public readonly record struct Claim(IReadOnlyList<WorkLease> Leases, bool Again);

/// <summary>How much of one kind is due and for how long.</summary>
public sealed record QueueDepth
{
    public required string Kind { get; init; }
    public int Due { get; init; }
    public int Leased { get; init; }
    public DateTimeOffset? OldestDueAt { get; init; }
}
