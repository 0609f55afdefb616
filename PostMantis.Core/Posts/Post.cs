using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Posts;

/// <summary>Where a post stands (contract §4).</summary>
public enum PostStatus
{
    /// <summary>Left by publishing, by a person or a key; only a draft can be deleted.</summary>
    Draft,

    /// <summary>Left by a person's decision in the dashboard.</summary>
    AwaitingApproval,

    /// <summary>Accepted, media being prepared; left by the media worker.</summary>
    Pending,

    /// <summary>Ready and waiting for its moment; left by the worker that claims its first delivery.</summary>
    Scheduled,

    /// <summary>A delivery has started; left when the last open delivery settles.</summary>
    Publishing,

    /// <summary>Every delivery settled; left by retry or resolve.</summary>
    Completed,

    /// <summary>Final: every delivery canceled.</summary>
    Canceled,
}

/// <summary>What a completed post came to.</summary>
public enum PostOutcome
{
    Published,
    Partial,
    Failed,
    Unknown,
}

/// <summary>One profile's deviations from the post: null inherits, empty clears.</summary>
public sealed record PostOverride(
    string? Body,
    IReadOnlyList<MediaItem>? Media,
    DateTimeOffset? ScheduledAt,
    JsonObject? Options);

/// <summary>What a post says, as the caller gave it.</summary>
public sealed record PostContent(
    string? Body,
    LinkCard? Link,
    IReadOnlyList<PartContent> Thread,
    PartContent? FirstComment,
    IReadOnlyList<MediaItem> Media,
    IReadOnlyDictionary<string, JsonObject> ProviderOptions,
    IReadOnlyDictionary<Guid, PostOverride> Overrides)
{
    public static PostContent Empty { get; } = new(null, null, [], null, [],
        new Dictionary<string, JsonObject>(), new Dictionary<Guid, PostOverride>());
}

/// <summary>What to say, when, to which profiles. Content only: what happens to it belongs to its deliveries.</summary>
public sealed class Post
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public PostStatus Status { get; private set; } = PostStatus.Draft;
    public PostOutcome? Outcome { get; private set; }
    public bool NeedsAttention { get; set; }

    /// <summary>Rises with every change; the ETag.</summary>
    public int Revision { get; set; } = 1;
    public bool TestMode { get; set; }
    public PostContent Content { get; set; } = PostContent.Empty;

    /// <summary>The caller's moment; for "now", the moment of acceptance; null for a draft without one.</summary>
    public DateTimeOffset? ScheduledAt { get; set; }

    /// <summary>Beyond <c>scheduledAt</c> plus this, a delivery fails with tooLate; null: no limit.</summary>
    public int? MaxLatenessSeconds { get; set; }
    public string? ExternalId { get; set; }
    public Dictionary<string, string> Metadata { get; set; } = [];

    /// <summary>What a draft still lacks.</summary>
    public List<Issue> Issues { get; set; } = [];

    /// <summary>Deliveries not settled yet; at 0 the post completes.</summary>
    public int OpenDeliveries { get; set; }
    public ActorType CreatedByType { get; init; }
    public Guid CreatedById { get; init; }

    /// <summary>When publishing was accepted; null on a draft.</summary>
    public DateTimeOffset? AcceptedAt { get; private set; }

    /// <summary>The user or key that asked to publish; what a key's daily cap counts.</summary>
    public Guid? AcceptedById { get; private set; }

    /// <summary>Accepted by a key that has a daily cap.</summary>
    public bool IsCapped { get; private set; }

    /// <summary>W3C trace context of the accepting request: the trace the whole post belongs to.</summary>
    public string? Traceparent { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }
    public DateTimeOffset? CompletedAt { get; private set; }
    public DateTimeOffset? CanceledAt { get; private set; }

    /// <summary>Moves on, throwing when the contract's table has no such move.</summary>
    public void MoveTo(PostStatus next, DateTimeOffset now, PostOutcome? outcome = null)
    {
        if (!PostMoves.IsLegal(Status, next)) throw new IllegalMoveException(nameof(Post), Status, next);
        if (next == PostStatus.Completed != outcome.HasValue)
            throw new ArgumentException("A completed post has an outcome, and no other has.", nameof(outcome));
        Status = next;
        Outcome = outcome;
        CompletedAt = next == PostStatus.Completed ? now : null;
        CanceledAt = next == PostStatus.Canceled ? now : null;
        UpdatedAt = now;
    }

    /// <summary>Takes the post for publishing: from here on it is never lost.</summary>
    public void Accept(Guid acceptedById, bool needsApproval, bool isCapped, DateTimeOffset now)
    {
        MoveTo(needsApproval ? PostStatus.AwaitingApproval : PostStatus.Pending, now);
        (AcceptedAt, AcceptedById, IsCapped, Issues) = (now, acceptedById, isCapped, []);
    }

    /// <summary>As it was read, without its content: for those who only move it on.</summary>
    internal Post Standing(PostStatus status, PostOutcome? outcome, DateTimeOffset? completedAt, DateTimeOffset? canceledAt)
    {
        (Status, Outcome, CompletedAt, CanceledAt) = (status, outcome, completedAt, canceledAt);
        return this;
    }

    internal sealed class Configuration : IEntityTypeConfiguration<Post>
    {
        public void Configure(EntityTypeBuilder<Post> post)
        {
            post.ToTable("posts", t =>
            {
                t.HasCheckConstraint("ck_posts_completed", "(status = 'completed') = (completed_at IS NOT NULL)");
                t.HasCheckConstraint("ck_posts_outcome", "(status = 'completed') = (outcome IS NOT NULL)");
                t.HasCheckConstraint("ck_posts_canceled", "(status = 'canceled') = (canceled_at IS NOT NULL)");
                t.HasCheckConstraint("ck_posts_open_deliveries", "open_deliveries >= 0");
                t.HasCheckConstraint("ck_posts_accepted", "(status = 'draft') = (accepted_at IS NULL)");
            });
            post.Property(p => p.Status).HasConversion<SnakeCase<PostStatus>>();
            post.Property(p => p.Outcome).HasConversion<SnakeCase<PostOutcome>>();
            post.Property(p => p.CreatedByType).HasConversion<SnakeCase<ActorType>>();
            post.Property(p => p.Content).AsJson();
            post.Property(p => p.Metadata).AsJson();
            post.Property(p => p.Issues).AsJson();
            post.Property(p => p.Revision).IsConcurrencyToken();
            post.HasIndex(p => new { p.UserId, p.CreatedAt, p.Id });
            post.HasIndex(p => new { p.UserId, p.ScheduledAt, p.Id });
            post.HasIndex(p => new { p.UserId, p.UpdatedAt, p.Id });
            post.HasIndex(p => new { p.UserId, p.ExternalId }).HasFilter("external_id IS NOT NULL");
            post.HasIndex(p => new { p.AcceptedById, p.AcceptedAt }).HasFilter("is_capped");

            // What a person has to look at is little, whatever else there is.
            post.HasIndex(p => new { p.UserId, p.UpdatedAt, p.Id }, "ix_posts_for_person")
                .HasFilter("needs_attention OR status = 'awaiting_approval' OR outcome IN ('failed', 'partial')")
                .HasDatabaseName("ix_posts_for_person");

            // By columns that change only when it ends, so that moving on costs no index entry.
            post.HasIndex(p => p.Id).HasFilter("accepted_at IS NOT NULL AND completed_at IS NULL AND canceled_at IS NULL")
                .HasDatabaseName("ix_posts_open_walk");
            post.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
