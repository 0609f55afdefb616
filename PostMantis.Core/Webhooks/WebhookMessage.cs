using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>Where a message stands.</summary>
public enum MessageStatus
{
    /// <summary>Left by a success (delivered) or when its last retry fails (failed).</summary>
    Pending,

    /// <summary>The endpoint answered 2xx; left by resend and replay (pending).</summary>
    Delivered,

    /// <summary>Every retry failed, or the endpoint answered 410; left by resend and replay (pending).</summary>
    Failed,
}

/// <summary>
/// One event for one endpoint. Its id is made of both, and begins with the event's moment: there is one message of a pair
/// however often it is asked for, and months are ranges of ids.
/// </summary>
public sealed class WebhookMessage
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public Guid EndpointId { get; init; }

    /// <summary>What receivers see as <c>webhook-id</c>.</summary>
    public Guid EventId { get; init; }

    /// <summary>The event's number in its user's feed.</summary>
    public long Sequence { get; init; }
    public required string Type { get; init; }

    /// <summary>One of the endpoint's slots; messages of one post share it, and go in order.</summary>
    public Guid Lane { get; init; }
    public MessageStatus Status { get; init; }

    /// <summary>Attempts in all.</summary>
    public int Attempts { get; init; }

    /// <summary>Failures since it was last asked for: the row of the schedule.</summary>
    public int Tries { get; init; }

    /// <summary>While pending.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }
    public DateTimeOffset? LastAttemptAt { get; init; }
    public WebhookError? LastError { get; init; }

    /// <summary>Of the last answer.</summary>
    public int? LastStatusCode { get; init; }
    public DateTimeOffset? DeliveredAt { get; init; }

    /// <summary>When the attempt began that delivered it at the first try; null: its attempts have rows of their own.</summary>
    public DateTimeOffset? FirstTryAt { get; init; }

    /// <summary>What that attempt was told.</summary>
    public FirstTry? FirstTry { get; init; }

    /// <summary>How long that attempt took, in milliseconds; null: see <see cref="Webhooks.FirstTry.DurationMs"/>.</summary>
    public int? FirstTryMs { get; init; }

    /// <summary>The trace that attempt belongs to; null: see <see cref="Webhooks.FirstTry.Traceparent"/>.</summary>
    public string? FirstTryTraceparent { get; init; }

    /// <summary>The replay that asked for it last.</summary>
    public Guid? ReplayId { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The attempt that is kept here, as one among others.</summary>
    public WebhookAttempt? FirstAttempt => FirstTry is not { } kept || FirstTryAt is not { } at ? null : new WebhookAttempt
    {
        Id = Id,
        UserId = UserId,
        EndpointId = EndpointId,
        MessageId = Id,
        Number = 1,
        Url = kept.Url,
        StartedAt = at,
        DurationMs = FirstTryMs ?? kept.DurationMs,
        StatusCode = kept.StatusCode,
        HttpVersion = kept.HttpVersion,
        AnswerHead = kept.AnswerHead,
        AnswerBody = kept.AnswerBody,
        Signatures = kept.Signatures,
        Traceparent = FirstTryTraceparent ?? kept.Traceparent,
    };

    internal sealed class Configuration : IEntityTypeConfiguration<WebhookMessage>
    {
        public void Configure(EntityTypeBuilder<WebhookMessage> message)
        {
            message.ToTable("webhook_messages", t => t.HasCheckConstraint("ck_webhook_messages_pending",
                "(status = 'pending') = (next_attempt_at IS NOT NULL)"));
            message.Property(m => m.Status).HasConversion<SnakeCase<MessageStatus>>();
            message.Property(m => m.LastError).HasConversion<SnakeCase<WebhookError>>();
            message.Property(m => m.FirstTry).AsJson().HasColumnType("json");
            message.Ignore(m => m.FirstAttempt);
            message.HasKey(m => new { m.EndpointId, m.Id });
            message.HasIndex(m => new { m.Lane, m.NextAttemptAt, m.Sequence }).HasFilter("status = 'pending'")
                .HasDatabaseName("ix_webhook_messages_due");
            message.HasIndex(m => m.ReplayId).HasFilter("status = 'pending' AND replay_id IS NOT NULL")
                .HasDatabaseName("ix_webhook_messages_replayed");
        }
    }
}
