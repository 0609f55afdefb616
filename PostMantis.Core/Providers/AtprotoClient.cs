using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>Speaks XRPC to an account's own server, with a session's token or with a token and its proof.</summary>
internal sealed class AtprotoClient(AtprotoSettings settings, ProviderTransport transport)
    : ProviderClient(settings.Network, settings, transport)
{
    /// <summary>What a grant keeps: the account's server and, of OAuth, the proof key and where its tokens come from.</summary>
    public const string Server = "server";

    public const string Key = "dpopKey";
    public const string Issuer = "issuer";
    public const string TokenEndpoint = "tokenEndpoint";
    public const string RevokeEndpoint = "revokeEndpoint";
    private const int MostServers = 1000;

    // A hint only: a server that wants another nonce says so.
    private readonly ConcurrentDictionary<string, string> _nonces = new();

    public static ProviderErrors Errors { get; } = new AtprotoErrors();

    public static Uri Xrpc(Uri server, string call) => new(server, "/xrpc/" + call);

    /// <summary>Calls the account's server.</summary>
    public Task<ProviderAnswer> CallAsync(GrantTokens tokens, HttpMethod method, string call, Func<HttpContent?>? content,
        CancellationToken ct, TimeSpan? within = null)
    {
        var url = Xrpc(new Uri(tokens.Secrets[Server]), call);
        return tokens.Secrets.TryGetValue(Key, out var key)
            ? ProveAsync(key, method, url, tokens.AccessToken, content, tokens.AllSecrets(), ct, within)
            : SendAsync(Request(method, url, tokens.AccessToken, content?.Invoke()), tokens.AllSecrets(), ct, within);
    }

    /// <summary>Calls with a proof; once more when the server wants another nonce, because it has done nothing then.</summary>
    public async Task<ProviderAnswer> ProveAsync(string savedKey, HttpMethod method, Uri url, string? token,
        Func<HttpContent?>? content, IEnumerable<string?> secrets, CancellationToken ct, TimeSpan? within = null)
    {
        using var key = DpopKey.Open(savedKey);
        var place = url.GetLeftPart(UriPartial.Authority);
        string?[] hidden = [savedKey, .. secrets];
        for (var again = false; ; again = true)
        {
            var nonce = _nonces.GetValueOrDefault(place);
            var request = Request(method, url, null, content?.Invoke());
            request.Headers.TryAddWithoutValidation("DPoP", key.Proof(method, url, nonce, token, Time.GetUtcNow()));
            if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("DPoP", token);
            var answer = await SendAsync(request, hidden, ct, within);
            var next = answer.Header("DPoP-Nonce");
            if (next is not null)
            {
                if (_nonces.Count >= MostServers) _nonces.Clear();
                _nonces[place] = next;
            }
            if (again || next is null || next == nonce || answer.Code != "use_dpop_nonce"
                || answer.Status is not (HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized))
                return answer;
        }
    }

    protected override (string? Code, string? Message) ReadError(JsonNode? body) =>
        (body.Text("error"), body.Text("message") ?? body.Text("error_description"));

    /// <summary>When a session's token ends: a hint when to renew it, for nobody but its server can read it for sure.</summary>
    public static DateTimeOffset? EndOf(string token)
    {
        try
        {
            return token.Split('.') is [_, var body, _] && Base64Url.IsValid(body)
                && JsonNode.Parse(Base64Url.DecodeFromChars(body)).Number("exp") is > 0 and < 99_999_999_999 and var end
                    ? DateTimeOffset.FromUnixTimeSeconds(end) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>What refusals of the AT Protocol's servers mean.</summary>
internal sealed class AtprotoErrors() : ProviderErrors("Bluesky")
{
    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (answer.Status, answer.Code) switch
    {
        (_, "ExpiredToken" or "invalid_token") => Expired(answer),
        (_, "RateLimitExceeded") => RateLimited(answer),
        (HttpStatusCode.Unauthorized, "unconfirmed_email") =>
            Restricted(answer, "Bluesky wants the account's e-mail address confirmed before it takes films."),
        (HttpStatusCode.TooManyRequests, _) => null,
        (HttpStatusCode.Unauthorized, _) or (_, "InvalidToken" or "ScopeMissingError" or "AccountTakedown" or "AccountDeactivated") => Revoked(answer),
        (_, "BlobNotFound") => Media(answer) with { Retryable = true, NextStep = NextStep.Retry },
        (_, "InvalidMimeType" or "InvalidSize") => Media(answer),
        (HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity, _) => Misconfigured(answer),
        _ => null,
    };
}
