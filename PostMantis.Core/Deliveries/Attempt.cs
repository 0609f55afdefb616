using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>How one try ended.</summary>
public enum AttemptVerdict
{
    Published,
    Incomplete,
    Rejected,
    Retry,

    /// <summary>Nothing was sent; not counted as a try.</summary>
    Deferred,

    /// <summary>The network may have taken it.</summary>
    Unconfirmed,

    /// <summary>Canceled or given back before any public call.</summary>
    Released,
}

/// <summary>One dated line of the ledger: a step, a lease that expired, a late answer filed as evidence.</summary>
public sealed record AttemptStep(DateTimeOffset At, string Name, string? Detail = null);

/// <summary>What a worker that no longer owned the attempt learned from the network.</summary>
public sealed record AttemptEvidence(
    DateTimeOffset At, string Kind, string? ProviderPostId = null, string? Url = null, DeliveryError? Error = null);

/// <summary>One try of a delivery, from its first claim to a verdict; written before the network is called.</summary>
public sealed class Attempt
{
    public Guid Id { get; init; }
    public Guid DeliveryId { get; init; }
    public Guid UserId { get; init; }

    /// <summary>From 1, per delivery.</summary>
    public int Number { get; init; }
    public SettlementMode Mode { get; set; }

    /// <summary>The lease that owns it: every write of a worker is guarded by this token.</summary>
    public Guid LeaseToken { get; set; }
    public Guid WorkerId { get; set; }
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>
    /// From here on the network may have taken it: the mark, committed just before a public call that cannot be repeated
    /// or probed; else the first public call, stored with what is known of it.
    /// </summary>
    public DateTimeOffset? CalledAt { get; set; }

    /// <summary>Whether sending again finds out what became of it: the key or the handle keeps it from doubling.</summary>
    public bool CanRepeat => Mode is SettlementMode.Idempotent or SettlementMode.Probe;
    public DateTimeOffset? FinishedAt { get; set; }
    public AttemptVerdict? Verdict { get; set; }

    /// <summary>Handles the network returned before the post was public, and ours.</summary>
    public Dictionary<string, string> Handles { get; set; } = [];
    public List<AttemptStep> Steps { get; set; } = [];
    public List<AttemptEvidence> Evidence { get; set; } = [];
    public DeliveryError? Error { get; set; }
    public string? ProviderPostId { get; set; }
    public string? Url { get; set; }
    public string? Traceparent { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<Attempt>
    {
        public void Configure(EntityTypeBuilder<Attempt> attempt)
        {
            attempt.ToTable("attempts", t => t.HasCheckConstraint("ck_attempts_finished",
                "(finished_at IS NULL) = (verdict IS NULL)"));
            attempt.Ignore(a => a.CanRepeat);
            attempt.Property(a => a.Mode).HasConversion<SnakeCase<SettlementMode>>();
            attempt.Property(a => a.Verdict).HasConversion<SnakeCase<AttemptVerdict>>();
            attempt.Property(a => a.Handles).AsJson();
            attempt.Property(a => a.Steps).AsJson();
            attempt.Property(a => a.Evidence).AsJson();
            attempt.Property(a => a.Error).AsJson();
            attempt.HasIndex(a => a.DeliveryId).IsUnique().HasFilter("finished_at IS NULL")
                .HasDatabaseName("ix_attempts_open");
            attempt.HasIndex(a => new { a.DeliveryId, a.Number }).IsUnique();
            // No foreign key: only drafts are deleted, which have no attempts, and its check costs as much as the row.
        }
    }
}
