namespace PostMantis.Core.Webhooks;

/// <summary>
/// An attempt that delivered its message at the first try, as nearly all do: it is kept in the row of the message and has
/// none of its own. What is here is the same for many; what is each one's own has its columns.
/// </summary>
public sealed record FirstTry
{
    /// <inheritdoc cref="WebhookAttempt.Url"/>
    public required string Url { get; init; }

    /// <summary>Of messages that versions before the column stored; else 0, which those expect.</summary>
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

    /// <summary>Of messages that versions before the column stored.</summary>
    public required string? Traceparent { get; init; }

    internal static FirstTry Of(WebhookAttempt attempt) => new()
    {
        Url = attempt.Url,
        DurationMs = 0,
        StatusCode = attempt.StatusCode,
        HttpVersion = attempt.HttpVersion,
        AnswerHead = attempt.AnswerHead,
        AnswerBody = attempt.AnswerBody,
        Signatures = attempt.Signatures,
        Traceparent = null,
    };
}
