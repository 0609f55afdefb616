using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.X;

/// <summary>Speaks X's API v2.</summary>
internal sealed class XClient(XSettings settings, ProviderTransport transport) : ProviderClient(XProvider.Name, settings, transport)
{
    private static readonly string[] Windows = ["x-rate-limit-", "x-user-limit-24hour-", "x-app-limit-24hour-"];

    public static ProviderErrors Errors { get; } = new("X");

    /// <summary>When what is used up comes back: the latest of the windows that have nothing left; null while all have.</summary>
    public static DateTimeOffset? UsedUpUntil(ProviderAnswer answer) => Windows.Select(answer.RateLimitOf)
        .Where(window => window is { Remaining: <= 0 }).Max(window => (DateTimeOffset?)window!.Value.ResetsAt);

    protected override (string? Code, string? Message) ReadError(JsonNode? body)
    {
        if (body.Text("error") is { } oauth) return (oauth, body.Text("error_description"));
        var first = body.Objects("errors") is [var one, ..] ? one : null;
        var type = body.Text("type") ?? first.Text("type");
        return (type is null or "about:blank" ? body.Text("title") ?? first?["code"]?.ToString() : type[(type.LastIndexOf('/') + 1)..],
            body.Text("detail") ?? first.Text("detail") ?? first.Text("message"));
    }

    /// <summary>What an answer that is no yes means.</summary>
    public static DeliveryError ErrorOf(ProviderAnswer answer, bool isFile = false) => (answer.Status, answer.Code) switch
    {
        (null or >= HttpStatusCode.InternalServerError, _) => Errors.Unavailable(answer),
        (>= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices, _) => Errors.Unavailable(answer),
        (HttpStatusCode.Unauthorized, _) => Errors.Expired(answer),
        (HttpStatusCode.PaymentRequired, _) => Errors.Misconfigured(answer, "The credits of this instance's app at X are used up."),
        (HttpStatusCode.TooManyRequests, "usage-capped") => new DeliveryError(DeliveryErrorCode.BudgetExhausted,
            "X takes no more from this instance's app this month.", NextStep.AskOperator, Retryable: true, answer.Error),
        (HttpStatusCode.TooManyRequests, _) => Errors.RateLimited(answer),
        (HttpStatusCode.Forbidden, "unsupported-authentication" or "client-forbidden") => Errors.Revoked(answer),
        (HttpStatusCode.Forbidden, _) when answer.Error.Message?.Contains("duplicate", StringComparison.OrdinalIgnoreCase) == true =>
            new DeliveryError(DeliveryErrorCode.DuplicateContent, "X takes the same text once a day.", NextStep.EditAndRetry, Retryable: false, answer.Error),
        (HttpStatusCode.Forbidden, _) => Errors.Content(answer, "X does not permit this post: it is too long for the account, or the account may not post it."),
        (HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType, _) =>
            isFile ? Errors.Media(answer) : Errors.Content(answer),
        _ => Errors.Misconfigured(answer),
    };

    /// <summary>As <see cref="ProviderErrors.BeforePublic"/>, waiting for the latest window.</summary>
    public static PublishOutcome Hinder(ProviderAnswer answer, bool isFile) =>
        Waiting(answer, Errors.BeforePublic(answer, ErrorOf(answer, isFile)));

    /// <summary>A deferral waits for the latest of the windows that are used up.</summary>
    public static PublishOutcome Waiting(ProviderAnswer answer, PublishOutcome outcome) =>
        outcome is PublishOutcome.Deferred deferred && UsedUpUntil(answer) is { } until
            ? deferred with { RetryAfter = answer.Until(until) } : outcome;
}
