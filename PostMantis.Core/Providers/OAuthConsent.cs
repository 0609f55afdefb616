namespace PostMantis.Core.Providers;

/// <summary>Consent by OAuth 2 with a code (RFC 6749), as most networks have it: a network says what differs.</summary>
internal abstract class OAuthConsent(ProviderClient client, ProviderSettings settings, ProviderErrors errors, TimeProvider time) : IConsent
{
    public abstract Uri ConsentPage { get; }

    /// <summary>What is asked for, all of which publishing needs.</summary>
    protected abstract IReadOnlyList<string> Scopes { get; }

    /// <summary>Where codes and refresh tokens are traded.</summary>
    protected abstract Uri TokenUrl { get; }

    /// <summary>Between two scopes.</summary>
    protected virtual char Apart => ' ';

    /// <summary>How a form names this instance's app.</summary>
    protected virtual string ClientField => "client_id";

    /// <summary>Where an answer tells how long a refresh token lives.</summary>
    protected virtual string RefreshLife => "refresh_token_expires_in";

    /// <summary>What the consent page is told besides.</summary>
    protected virtual IEnumerable<(string Name, string? Value)> Asked => [];

    /// <summary>What the trade of a code says besides.</summary>
    protected virtual IEnumerable<(string Name, string Value)> Traded => [];

    /// <summary>The challenge of PKCE; null where the network has none.</summary>
    protected virtual string? ChallengeOf(ConsentTrip trip) => trip.Challenge;

    public virtual bool IsDenial(string error) => error == "access_denied";

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        var challenge = ChallengeOf(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, [
            (ClientField, settings.ClientId), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("response_type", "code"),
            ("scope", string.Join(Apart, Scopes)), ("state", trip.State), ("code_challenge", challenge),
            ("code_challenge_method", challenge is null ? null : "S256"), .. Asked])));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var answer = await TokenAsync(TokenUrl, [back.Code, trip.CodeVerifier], [
            ("grant_type", "authorization_code"), ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri),
            .. ChallengeOf(trip) is null ? [] : new[] { ("code_verifier", trip.CodeVerifier) }, .. Traded], ct);
        if (TokensOf(answer, null) is not { } tokens)
            return new ConsentOutcome.Refused(answer switch
            {
                { SaysNothing: true } or { IsSuccess: true, Code: null } => errors.Unavailable(answer),
                { Code: "invalid_client" or "redirect_uri_mismatch" } => errors.Misconfigured(answer, "The network does not know this app, its secret or its address."),
                _ => errors.Revoked(answer),
            });
        if (MissingOf(tokens) is not { Count: > 0 } missing) return await WhoAsync(tokens, ct);
        await DiscardAsync(tokens, ct);
        return new ConsentOutcome.Refused(errors.MissingScopes(missing));
    }

    public abstract Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct);

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync(TokenUrl, tokens.AllSecrets(),
            [("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken ?? "")], ct);
        return TokensOf(answer, tokens) is { } renewed
            ? new RefreshOutcome.Refreshed(renewed)
            : errors.OfRefresh(answer, IsOver(answer));
    }

    public abstract Task RevokeAsync(GrantTokens tokens, CancellationToken ct);

    /// <summary>Whether a refusal to renew means that only a person can go on.</summary>
    protected virtual bool IsOver(ProviderAnswer answer) => answer.Code == "invalid_grant";

    /// <summary>Scopes that were not granted.</summary>
    protected virtual IReadOnlyList<string> MissingOf(GrantTokens tokens) => [.. Scopes.Except(tokens.Scopes)];

    /// <summary>Ends a grant that is no use, where that ends no other of the same person.</summary>
    protected virtual Task DiscardAsync(GrantTokens tokens, CancellationToken ct) => Task.CompletedTask;

    /// <summary>Whose account it is: the first destination, where the two are the same.</summary>
    protected virtual async Task<ConsentOutcome> WhoAsync(GrantTokens tokens, CancellationToken ct) =>
        await ListDestinationsAsync(tokens, ct) switch
        {
            DestinationsOutcome.Listed { Destinations: [var own, ..] } =>
                new ConsentOutcome.Granted(tokens, new ProviderAccount(own.Id, own.Name, own.Handle, own.PictureUrl)),
            DestinationsOutcome.Failed failed => new ConsentOutcome.Refused(failed.Error),
            _ => new ConsentOutcome.Refused(errors.Restricted(null, "There is nothing to publish to.")),
        };

    /// <summary>Calls an endpoint that wants to know the app.</summary>
    protected virtual Task<ProviderAnswer> TokenAsync(
        Uri url, IEnumerable<string?> secrets, IEnumerable<(string Name, string Value)> fields, CancellationToken ct)
    {
        var form = fields.ToDictionary(field => field.Name, field => field.Value);
        (form[ClientField], form["client_secret"]) = (settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(url, form, [settings.ClientSecret, .. secrets], ct);
    }

    // An error with status 200 has no tokens beside it.
    private GrantTokens? TokensOf(ProviderAnswer answer, GrantTokens? before) =>
        answer.Code is null ? OAuth.Tokens(answer, time.GetUtcNow(), before, RefreshLife) : null;
}
