using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Why there is no answer.</summary>
internal enum SandboxSilence
{
    /// <summary>No connection was made: nothing was sent.</summary>
    NotSent,

    /// <summary>It was sent, or may have been.</summary>
    Lost,
}

/// <summary>What came back, or why nothing did. It does not print itself: an answer may hold tokens.</summary>
internal sealed class SandboxAnswer
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly UTF8Encoding StrictText = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public SandboxAnswer(SandboxSilence silence) => (Silence, Provider) = (silence, new ProviderError(null, null, null));

    private SandboxAnswer(HttpStatusCode status, JsonObject? body, TimeSpan? retryAfter, IReadOnlyList<string> secrets)
    {
        (Status, Body, RetryAfter) = (status, body, retryAfter);
        // Token endpoints answer the code directly, the others in an object.
        var error = body?["error"] as JsonObject;
        Provider = new ProviderError(ProviderText.Code(Text(error is null ? body?["error"] : error["code"]), secrets),
            ProviderText.Message(Text(error?["message"]), secrets), (int)status);
    }

    public HttpStatusCode? Status { get; }

    /// <summary>The body when it is one readable JSON object.</summary>
    public JsonObject? Body { get; }

    public TimeSpan? RetryAfter { get; }

    /// <summary>
    /// What the page's own window holds by <c>X-RateLimit-Remaining</c> and <c>X-RateLimit-Reset</c>; null when they are
    /// missing: a 429 without them is about that one call.
    /// </summary>
    public LearnedBudget? Budget { get; private init; }

    public SandboxSilence? Silence { get; }

    /// <summary>What the network said about it, fit to be kept.</summary>
    public ProviderError Provider { get; }

    public bool IsSuccess => Status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices;

    /// <summary>Nobody answered for the network: it may have taken the call, or may take it later.</summary>
    public bool IsServerFault => Status is >= HttpStatusCode.InternalServerError or HttpStatusCode.RequestTimeout;

    /// <summary>The network's own code, such as <c>content_rejected</c>.</summary>
    public string? Code => Provider.Code;

    public static SandboxAnswer Of(
        HttpResponseMessage response, byte[] content, IReadOnlyList<string> secrets, DateTimeOffset now) =>
        new(response.StatusCode, Parse(content), Wait(response, now), secrets) { Budget = BudgetOf(response, now) };

    /// <summary>A member as text; null when it is something else.</summary>
    public static string? Text(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public override string ToString() => nameof(SandboxAnswer);

    private static TimeSpan? Wait(HttpResponseMessage response, DateTimeOffset now)
    {
        var asked = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - now : null;
        return asked is not { } wait ? null : TimeSpan.FromTicks(Math.Clamp(wait.Ticks, 0, LongestWait.Ticks));
    }

    private static LearnedBudget? BudgetOf(HttpResponseMessage response, DateTimeOffset now) =>
        Number(response, "X-RateLimit-Remaining") is { } left && Number(response, "X-RateLimit-Reset") is { } seconds
            ? new LearnedBudget(left, now + TimeSpan.FromSeconds(Math.Min(seconds, (int)LongestWait.TotalSeconds)))
            : null;

    private static int? Number(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values)
        && int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static JsonObject? Parse(byte[] content)
    {
        try
        {
            var body = JsonNode.Parse(StrictText.GetString(content), documentOptions: Strict) as JsonObject;
            ReadAll(body);
            return body;
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
                Text(node);
                break;
        }
    }
}
