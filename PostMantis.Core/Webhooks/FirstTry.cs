namespace PostMantis.Core.Webhooks;

/// <summary>
/// An attempt that delivered its message at the first try, as nearly all do: it is kept in the row of the message and has
/// none of its own.
/// </summary>
public sealed record FirstTry
{
    /// <inheritdoc cref="WebhookAttempt.Url"/>
    public required string Url { get; init; }
    public required int DurationMs { get; init; }
    public required int? StatusCode { get; init; }

    /// <inheritdoc cref="WebhookAttempt.HttpVersion"/>
    public required string? HttpVersion { get; init; }

    /// <inheritdoc cref="WebhookAttempt.AnswerHead"/>
    public required string? AnswerHead { get; init; }

    /// <inheritdoc cref="WebhookAttempt.AnswerBody"/>
    public required string? AnswerBody { get; init; }

    /// <inheritdoc cref="WebhookAttempt.Signatures"/>
    public required int Signatures { get; init; }

    /// <inheritdoc cref="WebhookAttempt.Traceparent"/>
    public required string? Traceparent { get; init; }

    internal static FirstTry Of(WebhookAttempt attempt) => new()
    {
        Url = attempt.Url,
        DurationMs = attempt.DurationMs,
        StatusCode = attempt.StatusCode,
        HttpVersion = attempt.HttpVersion,
        AnswerHead = attempt.AnswerHead,
        AnswerBody = attempt.AnswerBody,
        Signatures = attempt.Signatures,
        Traceparent = attempt.Traceparent,
    };
}
