using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>Why there is no answer.</summary>
internal enum ProviderSilence
{
    /// <summary>No connection was made: nothing was sent.</summary>
    NotSent,

    /// <summary>It was sent, or may have been.</summary>
    Lost,
}

/// <summary>What is left of an allowance, by the headers of an answer.</summary>
internal readonly record struct RateLimit(int Remaining, DateTimeOffset ResetsAt);

/// <summary>What came back, or why nothing did. It does not print itself: an answer may hold tokens.</summary>
internal sealed class ProviderAnswer
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // What is further away is no clock.
    private static readonly TimeSpan MostAhead = TimeSpan.FromDays(366);
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly UTF8Encoding StrictText = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // Seconds beyond this are a moment since 1970, not a wait.
    private const long FirstMoment = 1_000_000_000;
    private const long LastMoment = 253_402_300_799;

    private readonly HttpResponseHeaders? _headers;
    private readonly HttpContentHeaders? _contentHeaders;
    private readonly DateTimeOffset _now;

    public ProviderAnswer(ProviderSilence silence) => (Silence, Error) = (silence, new ProviderError(null, null, null));

    internal ProviderAnswer(HttpResponseMessage response, byte[] content, Func<JsonNode?, (string? Code, string? Message)> read,
        IReadOnlyCollection<string> secrets, DateTimeOffset now)
    {
        (_headers, _contentHeaders, _now) = (response.Headers, response.Content.Headers, now);
        (Status, Json) = (response.StatusCode, Parse(content));
        var (code, message) = read(Json);
        Error = new ProviderError(ProviderText.Code(code, secrets), ProviderText.Message(message, secrets), (int)response.StatusCode);
        RetryAfter = Asked(response.Headers.RetryAfter, now);
        Ahead = response.Headers.Date - now is { } ahead && ahead.Duration() < MostAhead ? ahead : null;
    }

    /// <summary>When it came, by our clock.</summary>
    public DateTimeOffset Now => _now;

    public HttpStatusCode? Status { get; }

    /// <summary>The body when it is readable JSON: an object or an array.</summary>
    public JsonNode? Json { get; }

    /// <summary>The body when it is one readable JSON object.</summary>
    public JsonObject? Body => Json as JsonObject;

    public ProviderSilence? Silence { get; }

    /// <summary>What the network said about it, fit to be kept.</summary>
    public ProviderError Error { get; }

    /// <summary>The network's own code, such as <c>content_rejected</c>.</summary>
    public string? Code => Error.Code;

    /// <summary>What <c>Retry-After</c> asks for; at most a day.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>How far the network's clock is ahead of ours, by its <c>Date</c>; null when it does not tell.</summary>
    public TimeSpan? Ahead { get; }

    public bool IsSuccess => Status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices;

    /// <summary>Nobody answered for the network: it may have taken the call, or may take it later.</summary>
    public bool IsServerFault => Status is >= HttpStatusCode.InternalServerError or HttpStatusCode.RequestTimeout;

    /// <summary>Nothing that can be read as yes or no: silence, a fault, or a yes without its words.</summary>
    public bool SaysNothing => Silence is not null || IsServerFault || (IsSuccess && Json is null);

    /// <summary>How long to wait: as asked, or until the allowance that is used up comes back.</summary>
    public TimeSpan? Wait => RetryAfter ?? (RateLimit is { Remaining: <= 0 } limit ? Until(limit.ResetsAt) : null);

    /// <summary>
    /// The allowance that the usual headers tell: <c>X-RateLimit-*</c>, <c>x-rate-limit-*</c> or <c>RateLimit-*</c>, their
    /// reset as seconds to wait, a moment since 1970, or an ISO 8601 time.
    /// </summary>
    public RateLimit? RateLimit =>
        RateLimitOf("x-rate-limit-") ?? RateLimitOf("X-RateLimit-") ?? RateLimitOf("RateLimit-");

    /// <summary>As <see cref="RateLimit"/>, of headers that begin with <paramref name="prefix"/>.</summary>
    public RateLimit? RateLimitOf(string prefix) =>
        int.TryParse(Header(prefix + "Remaining"), NumberStyles.None, CultureInfo.InvariantCulture, out var remaining)
        && Moment(Header(prefix + "Reset")) is { } reset
            ? new RateLimit(remaining, reset)
            : null;

    /// <summary>A header's first value; null when it is missing.</summary>
    public string? Header(string name) =>
        (_headers?.TryGetValues(name, out var values) ?? false) ? values.First()
        : (_contentHeaders?.TryGetValues(name, out var others) ?? false) ? others.First()
        : null;

    /// <summary>From now until a moment; at most a day.</summary>
    public TimeSpan Until(DateTimeOffset moment) => Clamp(moment - _now);

    public override string ToString() => nameof(ProviderAnswer);

    private DateTimeOffset? Moment(string? text)
    {
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return seconds < FirstMoment ? _now + Clamp(TimeSpan.FromSeconds((double)seconds))
                : seconds <= LastMoment ? DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000)) : null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
    }

    private static TimeSpan? Asked(RetryConditionHeaderValue? header, DateTimeOffset now) =>
        (header?.Delta ?? header?.Date - now) is { } wait ? Clamp(wait) : null;

    private static TimeSpan Clamp(TimeSpan wait) => TimeSpan.FromTicks(Math.Clamp(wait.Ticks, 0, LongestWait.Ticks));

    private static JsonNode? Parse(byte[] content)
    {
        try
        {
            var body = JsonNode.Parse(StrictText.GetString(content), documentOptions: Strict);
            ReadAll(body);
            return body is JsonObject or JsonArray ? body : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            return null;
        }
    }

    // Names and strings are decoded when they are first read, and half a surrogate pair throws only then.
    private static void ReadAll(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (_, member) in members) ReadAll(member);
                break;
            case JsonArray items:
                foreach (var item in items) ReadAll(item);
                break;
            default:
                node.Text();
                break;
        }
    }
}
