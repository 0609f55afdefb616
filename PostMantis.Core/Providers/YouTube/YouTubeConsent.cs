namespace PostMantis.Core.Providers.YouTube;

/// <summary>Google's OAuth 2 with PKCE; consent is asked for each time, because only then a refresh token comes.</summary>
internal sealed class YouTubeConsent(YouTubeClient client, YouTubeSettings settings) : IConsent
{
    /// <summary>The fact that names the playlist of a channel's uploads.</summary>
    public const string UploadsFact = "uploads";

    public Uri ConsentPage => new(settings.ConsentUrl, "/o/oauth2/v2/auth");

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, ("client_id", settings.ClientId),
            ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("response_type", "code"),
            ("scope", string.Join(' ', YouTubeSettings.Scopes)), ("state", trip.State), ("access_type", "offline"),
            ("prompt", "consent"), ("code_challenge", trip.Challenge), ("code_challenge_method", "S256"))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var answer = await TokenAsync([back.Code, trip.CodeVerifier], ct, ("grant_type", "authorization_code"),
            ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code_verifier", trip.CodeVerifier));
        if (OAuth.Tokens(answer, client.Now) is not { } tokens)
            return new ConsentOutcome.Refused(answer switch
            {
                { IsSuccess: true } or { SaysNothing: true } => YouTubeErrors.Common.Unavailable(answer),
                { Code: "invalid_client" or "redirect_uri_mismatch" } => YouTubeErrors.Common.Misconfigured(answer),
                _ => YouTubeErrors.Common.Revoked(answer),
            });
        if (YouTubeSettings.Scopes.Except(tokens.Scopes).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(YouTubeErrors.Common.MissingScopes(missing));
        return await ListDestinationsAsync(tokens, ct) switch
        {
            DestinationsOutcome.Listed { Destinations: [var channel, ..] } => new ConsentOutcome.Granted(tokens,
                new ProviderAccount(channel.Id, channel.Name, channel.Handle, channel.PictureUrl)),
            DestinationsOutcome.Failed failed => new ConsentOutcome.Refused(failed.Error),
            _ => new ConsentOutcome.Refused(YouTubeErrors.Common.Restricted(null, "This Google account has no YouTube channel.")),
        };
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.GetAsync("/youtube/v3/channels?part=snippet,contentDetails&mine=true", tokens.AccessToken, ct);
        // A person without a channel gets an answer without items, or with none in them.
        if (!answer.IsSuccess || answer.Body is null || answer.Body.Text("kind") is null)
            return new DestinationsOutcome.Failed(answer.IsSuccess
                ? YouTubeErrors.Common.Unavailable(answer) : YouTubeErrors.Of(answer));
        List<Destination> found = [];
        foreach (var channel in answer.Body.Objects("items") ?? [])
        {
            if (channel.Id("id") is not { } id) continue;
            var facts = new Dictionary<string, string>();
            if (channel.Id("contentDetails", "relatedPlaylists", "uploads") is { } uploads) facts[UploadsFact] = uploads;
            found.Add(new Destination(id, channel.Words("snippet", "title") ?? id, channel.Words("snippet", "customUrl")?.TrimStart('@'),
                ProviderText.Url(channel.Text("snippet", "thumbnails", "default", "url")), facts));
        }
        return new DestinationsOutcome.Listed(found);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync([tokens.RefreshToken], ct, ("grant_type", "refresh_token"),
            ("refresh_token", tokens.RefreshToken ?? ""));
        if (OAuth.Tokens(answer, client.Now, tokens) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return YouTubeErrors.Common.OfRefresh(answer, answer.Code == "invalid_grant");
    }

    // In the form, not in the address: addresses are written down on the way.
    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return client.PostFormAsync(new Uri(settings.TokenUrl, "/revoke"),
            new Dictionary<string, string> { ["token"] = tokens.RefreshToken ?? tokens.AccessToken }, tokens.AllSecrets(), ct);
    }

    private Task<ProviderAnswer> TokenAsync(string?[] secrets, CancellationToken ct, params (string Name, string Value)[] fields)
    {
        var form = fields.ToDictionary(f => f.Name, f => f.Value);
        (form["client_id"], form["client_secret"]) = (settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(new Uri(settings.TokenUrl, "/token"), form, [settings.ClientSecret, .. secrets], ct);
    }
}
