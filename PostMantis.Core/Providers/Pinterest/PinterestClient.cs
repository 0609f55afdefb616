using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Speaks Pinterest's API of version 5.</summary>
internal sealed class PinterestClient(PinterestSettings settings, ProviderTransport transport)
    : ProviderClient(PinterestProvider.Name, settings, transport)
{
    private static readonly ProviderErrors Words = new("Pinterest");

    public static ProviderErrors Errors => Words;

    public Task<ProviderAnswer> GetAsync(string path, string token, CancellationToken ct) => GetAsync(At(path), token, ct);

    public Task<ProviderAnswer> PostAsync(string path, JsonObject body, string token, CancellationToken ct) =>
        PostJsonAsync(At(path), body, token, ct);

    /// <summary>What an answer that is not a yes means: by its status first, then by Pinterest's own code.</summary>
    public static DeliveryError ErrorOf(ProviderAnswer answer) => (answer.Status, answer.Code) switch
    {
        _ when answer.SaysNothing => Words.Unavailable(answer),
        (HttpStatusCode.Unauthorized, "3") => Words.Revoked(answer),
        (HttpStatusCode.Unauthorized, _) => Words.Expired(answer),
        (HttpStatusCode.Forbidden, _) => Words.Restricted(answer),
        (HttpStatusCode.NotFound, "2031") => Words.Content(answer, "The board has no such section."),
        (HttpStatusCode.NotFound, _) => Words.Restricted(answer, "Pinterest no longer shows that board to this account."),
        (HttpStatusCode.TooManyRequests, _) => Words.RateLimited(answer),
        (HttpStatusCode.Conflict, _) => Words.Unavailable(answer),
        (HttpStatusCode.BadRequest, _) => Words.Content(answer),
        (HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType, _) => Words.Media(answer),
        _ => Words.Misconfigured(answer),
    };

    /// <summary>A refusal with the wait that its header asks for, of which only the first number is sure.</summary>
    public static PublishOutcome Refusal(ProviderAnswer answer) => ProviderErrors.Refusal(answer, ErrorOf(answer)) switch
    {
        PublishOutcome.Deferred { RetryAfter: null, Error.Code: DeliveryErrorCode.ProviderRateLimited } deferred =>
            deferred with { RetryAfter = FirstNumber(answer.Header("x-ratelimit-reset")) },
        var outcome => outcome,
    };

    /// <summary>What an answer before anything is public means.</summary>
    public static PublishOutcome Before(ProviderAnswer answer) => answer.SaysNothing || answer.IsSuccess
        ? new PublishOutcome.Retry(Words.Unavailable(answer), answer.Wait) : Refusal(answer);

    protected override (string? Code, string? Message) ReadError(JsonNode? body) => (
        body.Number("code")?.ToString(CultureInfo.InvariantCulture) ?? body.Text("code"), body.Text("message"));

    private static TimeSpan? FirstNumber(string? text)
    {
        var digits = string.Concat((text ?? "").SkipWhile(c => !char.IsAsciiDigit(c)).TakeWhile(char.IsAsciiDigit));
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(Math.Min(seconds, 86_400)) : null;
    }
}
