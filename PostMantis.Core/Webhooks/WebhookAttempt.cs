using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>Why an attempt failed.</summary>
public enum WebhookError
{
    /// <summary>A status that is not 2xx.</summary>
    Status,

    /// <summary>A redirect: never followed.</summary>
    Redirect,

    /// <summary>410: the endpoint is disabled.</summary>
    Gone,

    /// <summary>No answer in time.</summary>
    Timeout,

    /// <summary>No connection.</summary>
    NotReachable,

    /// <summary>Its name has no address.</summary>
    NameNotFound,

    /// <summary>Its certificate or its TLS is not acceptable.</summary>
    TlsFailed,

    /// <summary>What came is no HTTP answer, or its head is too long.</summary>
    BadAnswer,

    /// <summary>Its address is not public.</summary>
    AddressRefused,

    /// <summary>Nothing was sent: the event is no longer kept.</summary>
    EventExpired,
}

/// <summary>One HTTP try of a message. One that delivers it at once has no row: see <see cref="FirstTry"/>.</summary>
public sealed class WebhookAttempt
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public Guid EndpointId { get; init; }
    public Guid MessageId { get; init; }

    /// <summary>From 1, per message.</summary>
    public int Number { get; init; }

    /// <summary>Where it went, without the values of the query.</summary>
    public required string Url { get; init; }

    /// <summary>When; its seconds are the <c>webhook-timestamp</c>.</summary>
    public DateTimeOffset StartedAt { get; init; }
    public int DurationMs { get; init; }
    public int? StatusCode { get; init; }

    /// <summary>Null: it was delivered.</summary>
    public WebhookError? Error { get; init; }

    /// <summary>Such as <c>2.0</c>.</summary>
    public string? HttpVersion { get; init; }

    /// <summary>A few headers of the answer.</summary>
    public string? AnswerHead { get; init; }

    /// <summary>The beginning of the answer, with what looks like a secret taken out.</summary>
    public string? AnswerBody { get; init; }

    /// <summary>How many secrets signed it.</summary>
    public int Signatures { get; init; }

    /// <summary>Its span: part of the trace of the post.</summary>
    public string? Traceparent { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<WebhookAttempt>
    {
        public void Configure(EntityTypeBuilder<WebhookAttempt> attempt)
        {
            attempt.ToTable("webhook_attempts");
            attempt.Property(a => a.Error).HasConversion<SnakeCase<WebhookError>>();
            attempt.HasKey(a => new { a.MessageId, a.Id });
            attempt.HasIndex(a => new { a.EndpointId, a.Id });
        }
    }
}
