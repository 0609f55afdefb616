using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>Where a delivery stands (contract §4).</summary>
public enum DeliveryStatus
{
    /// <summary>Left by the worker's verdict or by cancel.</summary>
    Pending,

    /// <summary>Final: it is public.</summary>
    Published,

    /// <summary>The root is live, a thread part failed; left by retry.</summary>
    Incomplete,

    /// <summary>Left by retry.</summary>
    Failed,

    /// <summary>Final.</summary>
    Canceled,

    /// <summary>The network may have taken it; left by proof, by evidence or by a person.</summary>
    Unknown,
}

/// <summary>What a pending or unknown delivery is doing.</summary>
public enum DeliveryPhase
{
    Waiting,
    Publishing,
    Processing,
    Deferred,
    Retrying,
    Reconciling,
}

/// <summary>One post on its way to one profile.</summary>
public sealed class Delivery
{
    public Guid Id { get; init; }
    public Guid PostId { get; init; }
    public Guid UserId { get; init; }
    public Guid ProfileId { get; init; }

    /// <summary>Order of the profiles in the request.</summary>
    public int Position { get; set; }
    public required string Provider { get; init; }
    public required string ProfileName { get; set; }
    public bool TestMode { get; init; }
    public DeliveryStatus Status { get; set; } = DeliveryStatus.Pending;

    /// <summary>Null once settled.</summary>
    public DeliveryPhase? Phase { get; set; } = DeliveryPhase.Waiting;
    public required DeliveryContent Content { get; set; }

    /// <summary>SHA-256 of the content, for the duplicate guard and for reconciling.</summary>
    public required byte[] ContentHash { get; set; }
    public List<DeliveryPart> Parts { get; set; } = [];

    /// <summary>The moment it is due; null on a draft without one.</summary>
    public DateTimeOffset? ScheduledAt { get; set; }

    /// <summary>After this it fails with tooLate.</summary>
    public DateTimeOffset? LatestAt { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? PublishedAt { get; set; }
    public DateTimeOffset? FailedAt { get; set; }

    /// <summary>First public call minus the moment, in milliseconds.</summary>
    public long? LatenessMs { get; set; }

    /// <summary>Tries that count: deferrals do not.</summary>
    public int AttemptCount { get; set; }
    public DateTimeOffset? NextAttemptAt { get; set; }
    public string? DeferReason { get; set; }
    public string? ProviderPostId { get; set; }
    public string? Url { get; set; }
    public DeliveryError? Error { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The root is public and its id known: nothing may send it again or show it as unsent.</summary>
    public bool IsRootLive => Parts.Exists(p => p is { Kind: PartKind.Root, Status: PartStatus.Published });

    /// <summary>A copy to change; lists and documents are replaced whole, never changed in place.</summary>
    internal Delivery Copy() => (Delivery)MemberwiseClone();

    internal sealed class Configuration : IEntityTypeConfiguration<Delivery>
    {
        private const string ContentKey = "ContentKey";

        public void Configure(EntityTypeBuilder<Delivery> delivery)
        {
            delivery.ToTable("deliveries", t =>
            {
                t.HasCheckConstraint("ck_deliveries_published",
                    "(status IN ('published', 'incomplete')) = (published_at IS NOT NULL)");
                t.HasCheckConstraint("ck_deliveries_failed", "(status = 'failed') = (failed_at IS NOT NULL)");
                t.HasCheckConstraint("ck_deliveries_phase",
                    "status = 'unknown' OR (status = 'pending') = (phase IS NOT NULL)");
            });
            delivery.Property(d => d.Status).HasConversion<SnakeCase<DeliveryStatus>>();
            delivery.Property(d => d.Phase).HasConversion<SnakeCase<DeliveryPhase>>();
            delivery.Property(d => d.Content).AsJson();
            delivery.Property(d => d.Parts).AsJson();
            delivery.Property(d => d.Error).AsJson();
            delivery.HasIndex(d => new { d.PostId, d.Position });
            delivery.HasIndex(d => new { d.ProfileId, d.ProviderPostId }).IsUnique();

            // Every version of a row is written to a place of its own of an index over hashes, so that one is kept narrow.
            delivery.Property<long>(ContentKey).HasComputedColumnSql(
                "('x' || left(encode(sha256(uuid_send(profile_id) || content_hash), 'hex'), 16))::bit(64)::bigint", stored: true);
            delivery.HasIndex(ContentKey);
            delivery.HasIndex(d => d.ProfileId).HasFilter("status = 'unknown'").HasDatabaseName("ix_deliveries_unknown");
            delivery.HasIndex(d => new { d.UserId, d.Status, d.UpdatedAt });
            delivery.HasIndex(d => new { d.ProfileId, d.ScheduledAt })
                .HasFilter("status IN ('pending', 'unknown')").HasDatabaseName("ix_deliveries_open");
            delivery.HasIndex(d => d.Id).HasFilter("status IN ('pending', 'unknown')")
                .HasDatabaseName("ix_deliveries_open_walk");
            delivery.HasOne<Post>().WithMany().HasForeignKey(d => d.PostId).OnDelete(DeleteBehavior.Cascade);
            delivery.HasOne<Profile>().WithMany().HasForeignKey(d => d.ProfileId).OnDelete(DeleteBehavior.Restrict);
        }
    }
}
