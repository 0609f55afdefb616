namespace PostMantis.Core.Providers.X;

/// <summary>OAuth 2.0 with PKCE; codes live half a minute, refresh tokens serve once.</summary>
internal sealed class XConsent(XClient client, XSettings settings, TimeProvider time) : IConsent
{
    public const string UserFact = "username";
    public const string SubscriptionFact = "subscription";
    private static readonly string[] Needed = ["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"];

    public Uri ConsentPage => settings.AuthorizeUrl;

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(new Uri(settings.AuthorizeUrl, "?response_type=code"
            + $"&client_id={Uri.EscapeDataString(settings.ClientId!)}&redirect_uri={Uri.EscapeDataString(trip.RedirectUri.AbsoluteUri)}"
            + $"&scope={Uri.EscapeDataString(string.Join(' ', Needed))}&state={Uri.EscapeDataString(trip.State)}"
            + $"&code_challenge={trip.Challenge}&code_challenge_method=S256")));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var answer = await TokenAsync("/2/oauth2/token", [back.Code, trip.CodeVerifier], ct, ("grant_type", "authorization_code"),
            ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code_verifier", trip.CodeVerifier));
        if (!answer.IsSuccess || Read(answer) is not { } tokens) return new ConsentOutcome.Refused(XClient.ErrorOf(answer));
        var missing = Needed.Except(tokens.Scopes).ToArray();
        if (missing.Length > 0)
        {
            await RevokeAsync(tokens, ct);
            return new ConsentOutcome.Refused(XClient.Errors.MissingScopes(missing));
        }
        var (_, destination) = await WhoAsync(tokens, ct);
        return destination is { } who
            ? new ConsentOutcome.Granted(tokens, new ProviderAccount(who.Id, who.Name, who.Handle, who.PictureUrl))
            : new ConsentOutcome.Refused(XClient.Errors.Unavailable());
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var (answer, destination) = await WhoAsync(tokens, ct);
        return destination is null
            ? new DestinationsOutcome.Failed(XClient.ErrorOf(answer))
            : new DestinationsOutcome.Listed([destination]);
    }

    /// <summary>The account as the only place to publish to; its subscription decides how long a post may be.</summary>
    public async Task<(ProviderAnswer Answer, Destination? Destination)> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync(client.At("/2/users/me?user.fields=profile_image_url,verified,verified_type,subscription_type,protected"),
            tokens.AccessToken, ct);
        var user = answer.Body.Get("data");
        if (!answer.IsSuccess || user.Id("id") is not { } id || user.Words("username") is not { } name) return (answer, null);
        return (answer, new Destination(id, user.Words("name") ?? name, $"@{name}", ProviderText.Url(user.Text("profile_image_url")),
            new Dictionary<string, string> { [UserFact] = name, [SubscriptionFact] = user.Words("subscription_type") ?? "None" }));
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync("/2/oauth2/token", tokens.AllSecrets(), ct,
            ("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken ?? ""));
        return answer.IsSuccess && Read(answer) is { } renewed
            ? new RefreshOutcome.Refreshed(renewed)
            : XClient.Errors.OfRefresh(answer, answer.Code is "invalid_request" or "invalid_grant");
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return TokenAsync("/2/oauth2/revoke", tokens.AllSecrets(), ct, ("token", tokens.RefreshToken ?? tokens.AccessToken));
    }

    // A client with a secret shows it in the header and does not name itself in the form.
    private Task<ProviderAnswer> TokenAsync(string path, IEnumerable<string?> secrets, CancellationToken ct, params (string Name, string Value)[] fields)
    {
        var form = fields.ToDictionary(field => field.Name, field => field.Value);
        Dictionary<string, string> headers = [];
        if (string.IsNullOrEmpty(settings.ClientSecret)) form["client_id"] = settings.ClientId!;
        else headers["Authorization"] = ProviderClient.Basic(settings.ClientId!, settings.ClientSecret);
        return client.PostFormAsync(client.At(path), form, [settings.ClientSecret, .. secrets], ct, headers: headers);
    }

    private GrantTokens? Read(ProviderAnswer answer) => ProviderText.Token(answer.Body.Text("access_token")) is { } access
        ? new GrantTokens
        {
            AccessToken = access,
            RefreshToken = ProviderText.Token(answer.Body.Text("refresh_token")),
            AccessTokenExpiresAt = time.GetUtcNow().AddSeconds(Math.Clamp(answer.Body.Number("expires_in") ?? 7200, 60, 86_400)),
            Scopes = answer.Body.Words("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
        }
        : null;
}
