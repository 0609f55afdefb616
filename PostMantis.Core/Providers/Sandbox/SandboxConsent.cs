using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>OAuth 2 with PKCE (RFC 6749, RFC 7636); access tokens are short-lived and refresh tokens rotate.</summary>
internal sealed class SandboxConsent(SandboxClient client, IOptions<SandboxSettings> settings, TimeProvider time) : IConsent
{
    public Uri AuthorizeUrl(ConsentTrip trip)
    {
        ArgumentNullException.ThrowIfNull(trip);
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(trip.CodeVerifier)));
        return new Uri(settings.Value.BaseUrl, "/oauth/authorize?response_type=code"
            + $"&client_id={Uri.EscapeDataString(settings.Value.ClientId)}"
            + $"&redirect_uri={Uri.EscapeDataString(trip.RedirectUri.AbsoluteUri)}"
            + $"&state={Uri.EscapeDataString(trip.State)}&code_challenge={challenge}&code_challenge_method=S256");
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, string code, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        var answer = await client.PostFormAsync("/oauth/token", Form("authorization_code",
            ("code", code), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code_verifier", trip.CodeVerifier)),
            [settings.Value.ClientSecret, code, trip.CodeVerifier], ct);
        if (!answer.IsSuccess) return new ConsentOutcome.Refused(SandboxErrors.Of(answer));
        var account = answer.Body?["account"] as JsonObject;
        return ReadTokens(answer) is { } tokens && ProviderText.Id(SandboxAnswer.Text(account?["id"])) is { } id
            ? new ConsentOutcome.Granted(tokens, new ProviderAccount(id, Words(account?["name"]) ?? id,
                Words(account?["handle"]), null))
            : new ConsentOutcome.Refused(SandboxErrors.Of(answer));
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.GetAsync("/v1/destinations", tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body?["destinations"] is not JsonArray items)
            return new DestinationsOutcome.Failed(SandboxErrors.Of(answer));
        List<Destination> found = [];
        foreach (var item in items.OfType<JsonObject>())
        {
            if (ProviderText.Id(SandboxAnswer.Text(item["id"])) is not { } id
                || ProviderText.Code(SandboxAnswer.Text(item["mode"])) is not { } mode)
                continue;
            found.Add(new Destination(id, Words(item["name"]) ?? id, Words(item["handle"]), null,
                new Dictionary<string, string> { [SandboxPublisher.ModeFact] = mode }));
        }
        return new DestinationsOutcome.Listed(found);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.PostFormAsync("/oauth/token",
            Form("refresh_token", ("refresh_token", tokens.RefreshToken ?? "")),
            [settings.Value.ClientSecret, tokens.RefreshToken ?? ""], ct);
        if (answer.IsSuccess && ReadTokens(answer) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return answer.Code == "invalid_grant"
            ? new RefreshOutcome.Revoked(new DeliveryError(DeliveryErrorCode.AuthRevoked, "The grant has been ended.",
                NextStep.Reconnect, false, answer.Provider))
            : new RefreshOutcome.Transient(SandboxErrors.Unavailable(answer), answer.RetryAfter);
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return client.PostFormAsync("/oauth/revoke", Form("", ("token", tokens.AccessToken)),
            [settings.Value.ClientSecret, tokens.AccessToken], ct);
    }

    private Dictionary<string, string> Form(string grantType, params (string Name, string Value)[] fields)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = grantType,
            ["client_id"] = settings.Value.ClientId,
            ["client_secret"] = settings.Value.ClientSecret,
        };
        foreach (var (name, value) in fields) form[name] = value;
        return form;
    }

    private GrantTokens? ReadTokens(SandboxAnswer answer)
    {
        if (ProviderText.Token(SandboxAnswer.Text(answer.Body?["access_token"])) is not { } access) return null;
        return new GrantTokens
        {
            AccessToken = access,
            RefreshToken = ProviderText.Token(SandboxAnswer.Text(answer.Body?["refresh_token"])),
            AccessTokenExpiresAt = After(answer.Body?["expires_in"]),
            RefreshTokenExpiresAt = After(answer.Body?["refresh_token_expires_in"]),
            Scopes = Words(answer.Body?["scope"])?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
        };
    }

    private static string? Words(JsonNode? node) =>
        ProviderText.Message(SandboxAnswer.Text(node)) is { Length: > 0 } words ? words : null;

    private DateTimeOffset? After(JsonNode? seconds) =>
        seconds is JsonValue value && value.TryGetValue<int>(out var count) && count > 0
            ? time.GetUtcNow().AddSeconds(count)
            : null;
}
