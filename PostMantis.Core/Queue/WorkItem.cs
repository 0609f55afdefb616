using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>What a work item asks for.</summary>
public enum WorkKind
{
    Publish,
    Webhook,
    RefreshToken,
    ImportMedia,
    Reconcile,
    PrepareMedia,
}

/// <summary>Where a work item stands.</summary>
public enum WorkState
{
    /// <summary>
    /// Left by claim, when it is due: leased if its lane is free, its user below their share and a slot free; queued if its
    /// lane or its user's share is in the way; else it waits on, in its place.
    /// </summary>
    Waiting,

    /// <summary>Due but blocked by its lane or its user's share; left by claim, when those are free.</summary>
    Queued,

    /// <summary>Was queued and is now the first of a free lane; left by claim, when a slot is free.</summary>
    Ready,

    /// <summary>Left by settle (deleted or waiting again) or by the expiry of its lease (waiting again).</summary>
    Leased,
}

/// <summary>
/// Work that must happen: inserted in the transaction that makes it necessary, deleted in the one that settles it.
/// </summary>
public sealed class WorkItem
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public WorkKind Kind { get; init; }

    /// <summary>The thing to work on: a delivery, a slot of a webhook endpoint, a connection, an artifact, a post.</summary>
    public Guid Key { get; init; }

    /// <summary>One item of a lane is in flight at a time, across replicas.</summary>
    public Guid Lane { get; init; }

    /// <summary>What is bounded together: the network to be called; empty where nothing is.</summary>
    public string Pool { get; init; } = "";
    public WorkState State { get; set; } = WorkState.Waiting;
    public DateTimeOffset RunAt { get; set; }
    public int Tries { get; set; }
    public Guid? LeaseToken { get; set; }
    public DateTimeOffset? LeaseExpiresAt { get; set; }
    public Guid? WorkerId { get; set; }

    /// <summary>W3C trace context of what made the work necessary.</summary>
    public string? Traceparent { get; set; }
    public DateTimeOffset CreatedAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<WorkItem>
    {
        public void Configure(EntityTypeBuilder<WorkItem> item)
        {
            item.ToTable("work_items", t => t.HasCheckConstraint("ck_work_items_leased",
                "(state = 'leased') = (lease_token IS NOT NULL)"));
            item.Property(w => w.Kind).HasConversion<SnakeCase<WorkKind>>();
            item.Property(w => w.State).HasConversion<SnakeCase<WorkState>>();
            item.HasIndex(w => new { w.Kind, w.Key }).IsUnique();
            item.HasIndex(w => new { w.Kind, w.Pool, w.RunAt, w.Id }, "ix_work_items_ready").HasFilter("state = 'ready'")
                .HasDatabaseName("ix_work_items_ready");
            item.HasIndex(w => new { w.Kind, w.Pool, w.RunAt, w.Id }, "ix_work_items_waiting").HasFilter("state = 'waiting'")
                .HasDatabaseName("ix_work_items_waiting");
            item.HasIndex(w => new { w.Lane, w.RunAt, w.Id }).HasFilter("state IN ('waiting', 'queued')")
                .HasDatabaseName("ix_work_items_lane_due");
            item.HasIndex(w => new { w.Kind, w.UserId, w.Lane }).HasFilter("state = 'queued'")
                .HasDatabaseName("ix_work_items_queued");
            item.HasIndex(w => new { w.Kind, w.UserId, w.RunAt, w.Id }).HasFilter("state = 'queued'")
                .HasDatabaseName("ix_work_items_queued_due");
            item.HasIndex(w => new { w.UserId, w.Lane }).IsUnique().HasFilter("state IN ('ready', 'leased')")
                .HasDatabaseName("ix_work_items_busy");
        }
    }
}
