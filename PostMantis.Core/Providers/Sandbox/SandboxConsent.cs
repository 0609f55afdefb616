namespace PostMantis.Core.Providers.Sandbox;

/// <summary>OAuth 2 with PKCE (RFC 6749, RFC 7636); access tokens are short-lived and refresh tokens rotate.</summary>
internal sealed class SandboxConsent(SandboxClient client, SandboxSettings settings, TimeProvider time) : IConsent
{
    public Uri ConsentPage => new(settings.BaseUrl, "/oauth/authorize");

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(new Uri(ConsentPage, "?response_type=code"
            + $"&client_id={Uri.EscapeDataString(settings.ClientId!)}"
            + $"&redirect_uri={Uri.EscapeDataString(trip.RedirectUri.AbsoluteUri)}"
            + $"&state={Uri.EscapeDataString(trip.State)}&code_challenge={trip.Challenge}&code_challenge_method=S256")));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        var answer = await client.PostFormAsync(client.At("/oauth/token"), Form("authorization_code",
            ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code_verifier", trip.CodeVerifier)),
            [settings.ClientSecret, back.Code, trip.CodeVerifier], ct);
        if (!answer.IsSuccess) return new ConsentOutcome.Refused(SandboxErrors.All.Of(answer));
        var account = answer.Body.Get("account");
        return ReadTokens(answer) is { } tokens && ProviderText.Id(account.Text("id")) is { } id
            ? new ConsentOutcome.Granted(tokens, new ProviderAccount(id, account.Words("name") ?? id,
                account.Words("handle"), null))
            : new ConsentOutcome.Refused(SandboxErrors.All.Of(answer));
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync("/v1/destinations", tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body.Objects("destinations") is not { } items)
            return new DestinationsOutcome.Failed(SandboxErrors.All.Of(answer));
        List<Destination> found = [];
        foreach (var item in items)
        {
            if (ProviderText.Id(item.Text("id")) is not { } id
                || ProviderText.Code(item.Text("mode")) is not { } mode)
                continue;
            found.Add(new Destination(id, item.Words("name") ?? id, item.Words("handle"), null,
                new Dictionary<string, string> { [SandboxPublisher.ModeFact] = mode }));
        }
        return new DestinationsOutcome.Listed(found);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.PostFormAsync(client.At("/oauth/token"),
            Form("refresh_token", ("refresh_token", tokens.RefreshToken ?? "")),
            [settings.ClientSecret, tokens.RefreshToken ?? ""], ct);
        if (answer.IsSuccess && ReadTokens(answer) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return SandboxErrors.All.OfRefresh(answer, answer.Code == "invalid_grant");
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        return client.PostFormAsync(client.At("/oauth/revoke"), Form("", ("token", tokens.AccessToken)),
            [settings.ClientSecret, tokens.AccessToken], ct);
    }

    private Dictionary<string, string> Form(string grantType, params (string Name, string Value)[] fields)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = grantType,
            ["client_id"] = settings.ClientId!,
            ["client_secret"] = settings.ClientSecret!,
        };
        foreach (var (name, value) in fields) form[name] = value;
        return form;
    }

    private GrantTokens? ReadTokens(ProviderAnswer answer)
    {
        if (ProviderText.Token(answer.Body.Text("access_token")) is not { } access) return null;
        return new GrantTokens
        {
            AccessToken = access,
            RefreshToken = ProviderText.Token(answer.Body.Text("refresh_token")),
            AccessTokenExpiresAt = After(answer.Body.Number("expires_in")),
            RefreshTokenExpiresAt = After(answer.Body.Number("refresh_token_expires_in")),
            Scopes = answer.Body.Words("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
        };
    }

    private DateTimeOffset? After(long? seconds) =>
        seconds is > 0 and <= int.MaxValue ? time.GetUtcNow().AddSeconds(seconds.Value) : null;
}
