using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Outbound;

namespace PostMantis.Core.Providers;

/// <summary>What the clients of all networks stand on.</summary>
internal sealed class ProviderTransport(IHttpClientFactory clients, OutboundGuard guard, TimeProvider time)
{
    public IHttpClientFactory Clients => clients;

    public TimeProvider Time => time;

    /// <summary>What speaks against calling an address that a person chose; null when nothing does.</summary>
    public string? Refusal(Uri address) => guard.Refusal(address);
}

/// <summary>
/// Speaks one network's HTTP: one call, one answer, nothing resent, no redirect followed, no exception for what a network
/// may do. A network derives from it to say where its errors stand.
/// </summary>
/// <param name="name">The network's id: its HTTP client is registered under it.</param>
internal abstract class ProviderClient(string name, ProviderSettings settings, ProviderTransport transport)
{
    /// <summary>Longest answer in bytes; a longer one counts as unreadable.</summary>
    public const int MostAnswer = 1 << 20;

    private readonly bool _isGuarded = settings.IsGuarded;

    protected TimeProvider Time => transport.Time;

    public DateTimeOffset Now => Time.GetUtcNow();

    /// <summary>A point on the machine's own clock, to be measured from.</summary>
    public long Stamp => Time.GetTimestamp();

    /// <summary>The time since a <see cref="Stamp"/>.</summary>
    public TimeSpan Since(long stamp) => Time.GetElapsedTime(stamp);

    /// <summary>Where the network's words for an error stand in its answer.</summary>
    protected abstract (string? Code, string? Message) ReadError(JsonNode? body);

    /// <summary>An address below the configured base.</summary>
    public Uri At(string path) => new(settings.BaseUrl, path);

    public Task<ProviderAnswer> GetAsync(Uri url, string? token, CancellationToken ct) =>
        SendAsync(Request(HttpMethod.Get, url, token), [token], ct);

    public Task<ProviderAnswer> PostJsonAsync(Uri url, JsonObject body, string? token, CancellationToken ct,
        IReadOnlyDictionary<string, string>? headers = null) =>
        SendAsync(Request(HttpMethod.Post, url, token, Json(body), headers), [token], ct);

    /// <summary>Posts a form; <paramref name="secrets"/> are those of its values that an answer must not repeat.</summary>
    public Task<ProviderAnswer> PostFormAsync(Uri url, IReadOnlyDictionary<string, string> form,
        IEnumerable<string?> secrets, CancellationToken ct, string? token = null,
        IReadOnlyDictionary<string, string>? headers = null) =>
        SendAsync(Request(HttpMethod.Post, url, token, new FormUrlEncodedContent(form), headers), [token, .. secrets], ct);

    /// <summary>Sends a file or a part of it: as <see cref="SendAsync"/>, with more time.</summary>
    public Task<ProviderAnswer> UploadAsync(HttpMethod method, Uri url, HttpContent content, string? token,
        CancellationToken ct, IReadOnlyDictionary<string, string>? headers = null) =>
        SendAsync(Request(method, url, token, content, headers), [token], ct, settings.UploadTimeout);

    /// <summary>A JSON body.</summary>
    public static HttpContent Json(JsonObject body) =>
        new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");

    /// <summary>The value of an Authorization header of scheme Basic.</summary>
    public static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(
        Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}"));

    /// <summary>A request with a bearer token.</summary>
    public static HttpRequestMessage Request(HttpMethod method, Uri url, string? token, HttpContent? content = null,
        IReadOnlyDictionary<string, string>? headers = null)
    {
        var request = new HttpRequestMessage(method, url) { Content = content };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (header, value) in headers ?? new Dictionary<string, string>())
            if (!request.Headers.TryAddWithoutValidation(header, value)) content?.Headers.TryAddWithoutValidation(header, value);
        return request;
    }

    /// <summary>One call, one answer; <paramref name="request"/> is disposed of.</summary>
    /// <param name="secrets">What the answer's words must not repeat.</param>
    public virtual async Task<ProviderAnswer> SendAsync(
        HttpRequestMessage request, IEnumerable<string?> secrets, CancellationToken ct, TimeSpan? within = null)
    {
        using (request)
        {
            if (_isGuarded && transport.Refusal(request.RequestUri!) is not null)
                return new ProviderAnswer(ProviderSilence.NotSent);
            // By the machine's own clock, as every timeout of a connection is.
            using var timeout = new CancellationTokenSource(within ?? settings.Timeout);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
            try
            {
                using var client = transport.Clients.CreateClient(name);
                using var response = await client.SendAsync(request, either.Token);
                // As bytes: the charset a network names need not exist.
                var content = await response.Content.ReadAsByteArrayAsync(either.Token);
                return new ProviderAnswer(response, content, ReadError, [.. secrets.OfType<string>()], transport.Time.GetUtcNow());
            }
            catch (HttpRequestException e)
            {
                // Without a connection nothing was sent; with one, nobody knows.
                var wasSent = e.InnerException is not OutboundRefusedException
                    && e.HttpRequestError is not (HttpRequestError.ConnectionError
                        or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError);
                return new ProviderAnswer(wasSent ? ProviderSilence.Lost : ProviderSilence.NotSent);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return new ProviderAnswer(ProviderSilence.Lost);
            }
        }
    }
}
