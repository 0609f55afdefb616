using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>What the networks' ways of OAuth 2 have in common (RFC 6749).</summary>
internal static class OAuth
{
    /// <summary>An address with a query.</summary>
    public static Uri Url(Uri page, params IEnumerable<(string Name, string? Value)> query) => new(page, "?" + string.Join('&',
        query.Where(q => q.Value is not null).Select(q => $"{q.Name}={Uri.EscapeDataString(q.Value!)}")));

    /// <summary>
    /// The tokens of an answer; null when it holds none. What a renewal leaves out stays as it was before; granted scopes are
    /// told apart by commas, spaces or both.
    /// </summary>
    public static GrantTokens? Tokens(ProviderAnswer answer, DateTimeOffset now, GrantTokens? before = null,
        string refreshLife = "refresh_token_expires_in")
    {
        if (!answer.IsSuccess || ProviderText.Token(answer.Body.Text("access_token")) is not { } access) return null;
        return new GrantTokens
        {
            AccessToken = access,
            RefreshToken = ProviderText.Token(answer.Body.Text("refresh_token")) ?? before?.RefreshToken,
            AccessTokenExpiresAt = After(answer.Body, "expires_in", now),
            RefreshTokenExpiresAt = After(answer.Body, refreshLife, now) ?? before?.RefreshTokenExpiresAt,
            Scopes = answer.Body.Text("scope")?.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
                ?? before?.Scopes ?? [],
        };
    }

    private static DateTimeOffset? After(JsonNode? body, string name, DateTimeOffset now) =>
        body.Number(name) is > 0 and <= int.MaxValue and var seconds ? now.AddSeconds(seconds) : null;
}
