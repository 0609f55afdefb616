using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Meta;

/// <summary>The differences between the logins of Instagram and Threads.</summary>
/// <param name="Prefix">Of grant types: <c>ig</c> or <c>th</c>.</param>
/// <param name="Scopes">All that is asked for.</param>
/// <param name="Needed">Without these nothing can be published.</param>
/// <param name="Fields">Of the account.</param>
/// <param name="IdField">Where the account's id is.</param>
/// <param name="PictureField">Where its picture is.</param>
internal sealed record MetaLoginWay(
    string Prefix, IReadOnlyList<string> Scopes, IReadOnlyList<string> Needed, string Fields, string IdField, string PictureField)
{
    /// <summary>What an account's rules must know of what was granted.</summary>
    public Func<GrantTokens, IReadOnlyDictionary<string, string>> Facts { get; init; } = _ => new Dictionary<string, string>();
}

/// <summary>
/// The login of Instagram and Threads: a code becomes a token of an hour, that one of 60 days, and that renews itself while
/// it lives. One account is one destination. These networks cannot be told that it is over: the person removes the app there.
/// </summary>
internal sealed class MetaLogin(
    MetaClient client, MetaErrors errors, MetaLoginSettings settings, MetaLoginWay way, TimeProvider time)
    : OAuthConsent(client, settings, errors, time, new OAuthWay(
        new Uri(settings.SignInUrl, "/oauth/authorize"), new Uri(settings.TokenUrl, "/oauth/access_token"), way.Scopes)
    {
        Apart = ',', Needed = way.Needed, MayBeSilent = true, Challenge = PkceChallenge.None,
    })
{
    // Without a word about a token's life the documented 60 days hold.
    private const long UsualLife = 60 * 24 * 3600;

    protected override async Task<(GrantTokens? Tokens, ProviderAnswer Said)> LastingAsync(
        GrantTokens first, ProviderAnswer answer, CancellationToken ct)
    {
        var said = await RenewAsync("/access_token", [("grant_type", $"{way.Prefix}_exchange_token"),
            ("client_secret", settings.ClientSecret), ("access_token", first.AccessToken)], ct);
        return (TokensOf(said, first), said);
    }

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var said = await client.ReadAsync("me", way.Fields, tokens, ct);
        if (!said.IsSuccess || said.Body.Id(way.IdField) is not { } id) return Failed(said, tokens);
        var handle = said.Body.Words("username");
        return new DestinationsOutcome.Listed([new Destination(id, said.Body.Words("name") ?? handle ?? id, handle,
            ProviderText.Url(said.Body.Text(way.PictureField)), way.Facts(tokens))]);
    }

    public override async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await RenewAsync("/refresh_access_token", [("grant_type", $"{way.Prefix}_refresh_token"),
            ("access_token", tokens.RefreshToken ?? tokens.AccessToken)], ct);
        return TokensOf(answer, tokens) is { } renewed ? new RefreshOutcome.Refreshed(renewed) : errors.OfRenewal(answer);
    }

    // Both shapes have been seen: the members by themselves, and in a list of one. A token is its own refresh token.
    protected override GrantTokens? TokensOf(ProviderAnswer answer, GrantTokens? before)
    {
        var body = answer.Body.Objects("data") is [var only, ..] ? only : answer.Body;
        if (!answer.IsSuccess || ProviderText.Token(body.Text("access_token")) is not { } access) return null;
        var ends = client.Now.AddSeconds(body.Number("expires_in") is { } said and > 0 and <= int.MaxValue ? said : UsualLife);
        return new GrantTokens
        {
            AccessToken = access,
            RefreshToken = access,
            AccessTokenExpiresAt = ends,
            RefreshTokenExpiresAt = ends,
            Scopes = body.Get("permissions") is { } told && ScopesOf(told) is { Count: > 0 } granted ? granted : before?.Scopes ?? [],
        };
    }

    private Task<ProviderAnswer> RenewAsync(string path, (string Name, string? Value)[] query, CancellationToken ct) =>
        client.SendAsync(ProviderClient.Request(HttpMethod.Get, OAuth.Url(client.At(path), query), token: null),
            query.Where(q => q.Name != "grant_type").Select(q => q.Value), ct);

    private static IReadOnlyList<string> ScopesOf(JsonNode node) => node.Texts()
        ?? node.Text()?.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}
