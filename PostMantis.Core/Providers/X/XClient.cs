using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.X;

/// <summary>Speaks X's API v2.</summary>
internal sealed class XClient(XSettings settings, ProviderTransport transport) : ProviderClient(XProvider.Name, settings, transport)
{
    private static readonly string[] Windows = ["x-rate-limit-", "x-user-limit-24hour-", "x-app-limit-24hour-"];

    public static ProviderErrors Errors { get; } = new XErrors();

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
}

/// <summary>What X's refusals mean.</summary>
internal sealed class XErrors() : ProviderErrors("X")
{
    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (answer.Status, answer.Code) switch
    {
        (HttpStatusCode.PaymentRequired, _) => Misconfigured(answer, "The credits of this instance's app at X are used up."),
        (HttpStatusCode.TooManyRequests, "usage-capped") => new DeliveryError(DeliveryErrorCode.BudgetExhausted,
            "X takes no more from this instance's app this month.", NextStep.AskOperator, Retryable: true, answer.Error),
        (HttpStatusCode.Forbidden, "unsupported-authentication" or "client-forbidden") => Revoked(answer),
        (HttpStatusCode.Forbidden, _) when answer.Error.Message?.Contains("duplicate", StringComparison.OrdinalIgnoreCase) == true =>
            Duplicate(answer, "X takes the same text once a day."),
        (HttpStatusCode.Forbidden, _) => Content(answer, "X does not permit this post: it is too long for the account, or the account may not post it."),
        (HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType, _) when !isFile => Content(answer),
        (HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity, _) => Misconfigured(answer),
        _ => null,
    };

    // The latest of the windows that are used up.
    protected override TimeSpan? WaitOf(ProviderAnswer answer) =>
        XClient.UsedUpUntil(answer) is { } until ? answer.Until(until) : answer.Wait;
}
