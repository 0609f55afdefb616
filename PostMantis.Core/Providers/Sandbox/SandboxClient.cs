using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Speaks the network's HTTP: one call, one answer, nothing resent, no exception for what a network may do.</summary>
internal sealed class SandboxClient(IHttpClientFactory clients)
{
    public const string Name = "sandbox";

    /// <summary>Longest answer in bytes; a longer one counts as unreadable.</summary>
    public const int MostAnswer = 1 << 20;

    public Task<SandboxAnswer> GetAsync(string path, string token, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), token, ct);

    public Task<SandboxAnswer> PostAsync(string path, string token, JsonObject body,
        IReadOnlyDictionary<string, string> headers, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return SendAsync(request, token, ct);
    }

    public Task<SandboxAnswer> PostFormAsync(string path, Dictionary<string, string> form, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form) }, null, ct);

    private async Task<SandboxAnswer> SendAsync(HttpRequestMessage request, string? token, CancellationToken ct)
    {
        using (request)
        {
            if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            try
            {
                using var client = clients.CreateClient(Name);
                using var response = await client.SendAsync(request, ct);
                var text = await response.Content.ReadAsStringAsync(ct);
                return new SandboxAnswer(response.StatusCode, Parse(text), response.Headers.RetryAfter?.Delta, null);
            }
            catch (HttpRequestException e)
            {
                // Without a connection nothing was sent; with one, nobody knows.
                var wasSent = e.HttpRequestError is not (HttpRequestError.ConnectionError
                    or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError);
                return new SandboxAnswer(null, null, null, wasSent ? SandboxSilence.Lost : SandboxSilence.NotSent);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return new SandboxAnswer(null, null, null, SandboxSilence.Lost);
            }
        }
    }

    private static JsonObject? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Why there is no answer.</summary>
internal enum SandboxSilence
{
    /// <summary>No connection was made: nothing was sent.</summary>
    NotSent,

    /// <summary>It was sent, or may have been.</summary>
    Lost,
}

/// <summary>What came back, or why nothing did.</summary>
internal sealed record SandboxAnswer(
    HttpStatusCode? Status, JsonObject? Body, TimeSpan? RetryAfter, SandboxSilence? Silence)
{
    private const int MostMessage = 500;

    public bool IsSuccess => Status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices;

    public bool IsServerFault => Status >= HttpStatusCode.InternalServerError;

    /// <summary>The network's own code, such as <c>content_rejected</c>; token answers carry it directly.</summary>
    public string? Code => Text(Body?["error"] is JsonObject error ? error["code"] : Body?["error"]);

    public ProviderError Provider =>
        new(Code, Text(Body?["error"] is JsonObject error ? error["message"] : null), (int?)Status);

    /// <summary>A member as text, cut; null when it is something else.</summary>
    public static string? Text(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text)
            ? text.Length <= MostMessage ? text : text[..MostMessage]
            : null;
}
