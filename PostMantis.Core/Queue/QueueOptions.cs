using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Queue;

/// <summary>How work items are held, found and handed out (section <c>Queue</c>).</summary>
public sealed class QueueOptions : IValidatableObject
{
    public const string Section = "Queue";

    /// <summary>How long a worker that no longer beats keeps what it claimed.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:10:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a process says that it lives; at most a third of the lease.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:03:00")]
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often expired leases are looked for.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan ExpiryCheck { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>No wait for work is longer, however it is configured.</summary>
    public static TimeSpan LongestPoll { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest wait for work while no other replica can make some.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan PollAlone { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for work while other replicas exist: their notifications are only hints.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:00:10")]
    public TimeSpan PollShared { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How many due items one promotion looks at.</summary>
    [Range(10, 10_000)]
    public int PromoteBatch { get; set; } = 1000;

    /// <summary>How many items of one user and kind may be ready or in flight, so that nobody crowds others out.</summary>
    [Range(1, 1000)]
    public int PerUser { get; set; } = 32;

    /// <summary>Beyond this the clocks of processes and database are too far apart to be healthy.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan MostClockSkew { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Beyond this age of work that nobody took the queue is unhealthy.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan MostLag { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Whether publishing is held when a standby was promoted. False: every standby that may be promoted is synchronous, so
    /// nothing that was sent can have been forgotten.
    /// </summary>
    public bool HoldAfterPromotion { get; set; } = true;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Heartbeat > Lease / 3)
            yield return new ValidationResult("The heartbeat is at most a third of the lease.", [nameof(Heartbeat)]);
    }
}
