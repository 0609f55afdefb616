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
/// it lives. One account is one destination.
/// </summary>
internal sealed class MetaLogin(
    MetaClient client, MetaErrors errors, MetaLoginSettings settings, MetaLoginWay way, TimeProvider time) : IConsent
{
    public Uri ConsentPage => settings.SignInUrl;

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(new Uri(settings.SignInUrl, "/oauth/authorize?"
            + MetaClient.Query(("client_id", settings.ClientId ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri),
                ("response_type", "code"), ("scope", string.Join(',', way.Scopes)), ("state", trip.State)))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var code = (back.Code ?? "").Split('#')[0];
        var first = await client.PostFormAsync(new Uri(settings.TokenUrl, "/oauth/access_token"),
            new Dictionary<string, string>
            {
                ["client_id"] = settings.ClientId ?? "",
                ["client_secret"] = settings.ClientSecret ?? "",
                ["grant_type"] = "authorization_code",
                ["redirect_uri"] = trip.RedirectUri.AbsoluteUri,
                ["code"] = code,
            }, [settings.ClientSecret, code], ct);

        // Both shapes have been seen: the members by themselves, and in a list of one.
        var answer = first.IsSuccess ? first.Body.Objects("data") is [var only, ..] ? only : first.Body : null;
        if (ProviderText.Token(answer.Text("access_token")) is not { } brief)
            return new ConsentOutcome.Refused(errors.Of(first));
        var scopes = ScopesOf(answer?["permissions"]);
        var longer = await client.SendAsync(ProviderClient.Request(HttpMethod.Get, client.At("/access_token?" + MetaClient.Query(
            ("grant_type", $"{way.Prefix}_exchange_token"), ("client_secret", settings.ClientSecret ?? ""),
            ("access_token", brief))), token: null), [settings.ClientSecret, brief], ct);
        if (TokensOf(longer, scopes) is not { } tokens) return new ConsentOutcome.Refused(errors.Of(longer));
        if (tokens.Scopes.Count > 0 && way.Needed.Except(tokens.Scopes).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(errors.MissingScopes(missing));
        var (account, said) = await WhoAsync(tokens, ct);
        return account is null
            ? new ConsentOutcome.Refused(errors.Of(said))
            : new ConsentOutcome.Granted(tokens, account);
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var (account, said) = await WhoAsync(tokens, ct);
        return account is null
            ? new DestinationsOutcome.Failed(errors.Of(said))
            : new DestinationsOutcome.Listed([new Destination(account.Id, account.Name, account.Handle, account.PictureUrl,
                way.Facts(tokens))]);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var old = tokens.RefreshToken ?? tokens.AccessToken;
        var answer = await client.SendAsync(ProviderClient.Request(HttpMethod.Get, client.At("/refresh_access_token?"
            + MetaClient.Query(("grant_type", $"{way.Prefix}_refresh_token"), ("access_token", old))), token: null), [old], ct);
        if (TokensOf(answer, tokens.Scopes) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return errors.MeaningOf(answer) is MetaMeaning.Revoked or MetaMeaning.Permission
            ? new RefreshOutcome.Revoked(errors.Revoked(answer))
            : new RefreshOutcome.Transient(errors.Unavailable(answer), MetaErrors.WaitOf(answer, null));
    }

    /// <summary>There is no way to tell these networks; the person removes the app there.</summary>
    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => Task.CompletedTask;

    private async Task<(ProviderAccount? Account, ProviderAnswer Said)> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var said = await client.ReadAsync("me", way.Fields, tokens.AccessToken, ct);
        if (!said.IsSuccess || ProviderText.Id(said.Body.Text(way.IdField)) is not { } id) return (null, said);
        var handle = said.Body.Words("username");
        return (new ProviderAccount(id, said.Body.Words("name") ?? handle ?? id, handle,
            ProviderText.Url(said.Body.Text(way.PictureField))), said);
    }

    private GrantTokens? TokensOf(ProviderAnswer answer, IReadOnlyList<string> scopes)
    {
        if (!answer.IsSuccess || ProviderText.Token(answer.Body.Text("access_token")) is not { } access) return null;

        // It renews itself: the token is its own refresh token. Without a word about its life the documented 60 days hold.
        var seconds = answer.Body.Number("expires_in") is { } said and > 0 and <= int.MaxValue ? said : 60 * 24 * 3600;
        var ends = time.GetUtcNow().AddSeconds(seconds);
        return new GrantTokens
        {
            AccessToken = access,
            RefreshToken = access,
            AccessTokenExpiresAt = ends,
            RefreshTokenExpiresAt = ends,
            Scopes = ScopesOf(answer.Body?["permissions"]) is { Count: > 0 } told ? told : scopes,
        };
    }

    private static IReadOnlyList<string> ScopesOf(JsonNode? node) => node.Texts()
        ?? node.Text()?.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}
