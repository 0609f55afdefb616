using System.Globalization;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>Login Kit: a client key, scopes apart by commas, and refresh tokens that serve once.</summary>
internal sealed class TikTokConsent(TikTokClient client, TikTokSettings settings) : IConsent
{
    /// <summary>The fact that names the account in addresses.</summary>
    public const string UsernameFact = "username";

    public Uri ConsentPage => new(settings.ConsentUrl, "/v2/auth/authorize/");

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        var challenge = settings.Challenge switch
        {
            TikTokChallenge.Hex => trip.HexChallenge,
            TikTokChallenge.Base64Url => trip.Challenge,
            _ => null,
        };
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, ("client_key", settings.ClientId),
            ("response_type", "code"), ("scope", string.Join(',', TikTokSettings.Scopes)),
            ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("state", trip.State), ("code_challenge", challenge),
            ("code_challenge_method", challenge is null ? null : "S256"))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        List<(string, string)> form =
            [("grant_type", "authorization_code"), ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri)];
        if (settings.Challenge != TikTokChallenge.None) form.Add(("code_verifier", trip.CodeVerifier));
        var answer = await TokenAsync([back.Code, trip.CodeVerifier], form, ct);
        if (Tokens(answer, null) is not { } tokens)
            return new ConsentOutcome.Refused(answer switch
            {
                { SaysNothing: true } or { IsSuccess: true, Code: null } => TikTokErrors.Common.Unavailable(answer),
                { Code: "invalid_client" } => TikTokErrors.Common.Misconfigured(answer, "TikTok does not know this app's key or secret."),
                _ => TikTokErrors.Common.Revoked(answer),
            });
        if (TikTokSettings.Scopes.Except(tokens.Scopes).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(TikTokErrors.Common.MissingScopes(missing));
        return await ListDestinationsAsync(tokens, ct) switch
        {
            DestinationsOutcome.Listed { Destinations: [var account, ..] } => new ConsentOutcome.Granted(tokens,
                new ProviderAccount(account.Id, account.Name, account.Handle, account.PictureUrl)),
            DestinationsOutcome.Failed failed => new ConsentOutcome.Refused(failed.Error),
            _ => new ConsentOutcome.Refused(TikTokErrors.Common.Unavailable()),
        };
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.GetAsync(
            client.At("/v2/user/info/?fields=open_id,union_id,avatar_url,display_name,username"), tokens.AccessToken, ct);
        var user = answer.Body.Get("data", "user");
        if (!TikTokClient.IsOk(answer) || user.Id("open_id") is not { } id)
            return new DestinationsOutcome.Failed(TikTokClient.IsOk(answer)
                ? TikTokErrors.Common.Unavailable(answer) : TikTokErrors.Of(answer));
        var handle = user.Words("username");
        return new DestinationsOutcome.Listed([new Destination(id, user.Words("display_name") ?? handle ?? id, handle,
            ProviderText.Url(user.Text("avatar_url")),
            handle is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [UsernameFact] = handle })]);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync([tokens.RefreshToken],
            [("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken ?? "")], ct);
        if (Tokens(answer, tokens) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return TikTokErrors.Common.OfRefresh(answer, answer.Code == "invalid_grant");
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return PostAsync("/v2/oauth/revoke/", [tokens.AccessToken], [("token", tokens.AccessToken)], ct);
    }

    // An error with status 200 has no tokens beside it.
    private GrantTokens? Tokens(ProviderAnswer answer, GrantTokens? before) =>
        answer.Code is null ? OAuth.Tokens(answer, client.Now, before, "refresh_expires_in") : null;

    private Task<ProviderAnswer> TokenAsync(string?[] secrets, List<(string, string)> fields, CancellationToken ct) =>
        PostAsync("/v2/oauth/token/", secrets, fields, ct);

    private Task<ProviderAnswer> PostAsync(string path, string?[] secrets, List<(string Name, string Value)> fields, CancellationToken ct)
    {
        var form = fields.ToDictionary(f => f.Name, f => f.Value);
        (form["client_key"], form["client_secret"]) = (settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(client.At(path), form, [settings.ClientSecret, .. secrets], ct);
    }
}

/// <summary>What a creator may choose, as TikTok tells it at any moment.</summary>
/// <param name="PrivacyLevels">By TikTok's names.</param>
internal sealed record TikTokCreator(
    string? Username, IReadOnlyList<string> PrivacyLevels, bool CommentOff, bool DuetOff, bool StitchOff, int? MostSeconds);

/// <summary>Asks what a creator may choose; kept as facts of the profile for rules and choices.</summary>
internal sealed class TikTokCreators(TikTokClient client) : IAccountLimits
{
    public const string PrivacyFact = "privacyLevels";
    public const string SecondsFact = "mostSeconds";
    public const string OffFact = "off";

    public TimeSpan FreshFor => TimeSpan.FromMinutes(5);

    public async Task<(TikTokCreator? Creator, ProviderAnswer Answer)> AskAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.PostAsync("/v2/post/publish/creator_info/query/", [], tokens.AccessToken, ct);
        var data = answer.Body.Get("data");
        if (!TikTokClient.IsOk(answer) || data.Texts("privacy_level_options") is not { Count: > 0 } levels) return (null, answer);
        return (new TikTokCreator(data.Words("creator_username"), levels, data.Flag("comment_disabled") ?? false,
            data.Flag("duet_disabled") ?? false, data.Flag("stitch_disabled") ?? false,
            data.Number("max_video_post_duration_sec") is > 0 and < 86_400 and var seconds ? (int)seconds : null), answer);
    }

    public async Task<IReadOnlyDictionary<string, string>?> ReadAsync(
        PublishTarget target, GrantTokens tokens, CancellationToken ct)
    {
        var (creator, _) = await AskAsync(tokens, ct);
        if (creator is null) return null;
        Dictionary<string, string> facts = new()
        {
            [PrivacyFact] = string.Join(',', creator.PrivacyLevels.Select(TikTokOptions.LevelOf).OfType<string>()),
            [OffFact] = string.Join(',', creator.Off()),
        };
        if (creator.MostSeconds is { } most) facts[SecondsFact] = most.ToString(CultureInfo.InvariantCulture);
        if (creator.Username is { } name) facts[TikTokConsent.UsernameFact] = name;
        return facts;
    }
}
