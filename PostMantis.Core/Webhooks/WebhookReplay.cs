using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>Which events a replay sends.</summary>
public enum ReplayScope
{
    /// <summary>Everything the endpoint's filters let through.</summary>
    All,

    /// <summary>Only what was not delivered.</summary>
    Undelivered,
}

/// <summary>Where a replay stands.</summary>
public enum ReplayStatus
{
    /// <summary>Left when everything was sent (finished), or by its owner or a disabled endpoint (stopped).</summary>
    Running,
    Finished,
    Stopped,
}

/// <summary>Sends the events since a moment to one endpoint once more, oldest first, a window at a time.</summary>
public sealed class WebhookReplay
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public Guid EndpointId { get; init; }
    public DateTimeOffset Since { get; init; }
    public ReplayScope Scope { get; init; }
    public ReplayStatus Status { get; set; }

    /// <summary>The last number it looked at.</summary>
    public long Sequence { get; set; }

    /// <summary>The last number it looks at: what comes later is sent anyway.</summary>
    public long UntilSequence { get; init; }

    /// <summary>The number before the first one.</summary>
    public long FromSequence { get; init; }

    /// <summary>Messages asked for so far.</summary>
    public int Asked { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>It asks for nothing more.</summary>
    public void End(ReplayStatus status, DateTimeOffset now) => (Status, EndedAt) = (status, now);

    internal sealed class Configuration : IEntityTypeConfiguration<WebhookReplay>
    {
        public void Configure(EntityTypeBuilder<WebhookReplay> replay)
        {
            replay.ToTable("webhook_replays", t => t.HasCheckConstraint("ck_webhook_replays_ended",
                "(status = 'running') = (ended_at IS NULL)"));
            replay.Property(r => r.Scope).HasConversion<SnakeCase<ReplayScope>>();
            replay.Property(r => r.Status).HasConversion<SnakeCase<ReplayStatus>>();
            replay.HasIndex(r => r.EndpointId).IsUnique().HasFilter("status = 'running'")
                .HasDatabaseName("ix_webhook_replays_running");
            replay.HasIndex(r => new { r.EndpointId, r.Id });
            replay.HasOne<WebhookEndpoint>().WithMany().HasForeignKey(r => r.EndpointId).OnDelete(DeleteBehavior.Cascade);
            replay.HasOne<User>().WithMany().HasForeignKey(r => r.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
