namespace PostMantis.Core.Providers;

/// <summary>How a network wants the PKCE challenge (RFC 7636).</summary>
public enum PkceChallenge
{
    /// <summary>The hash as the standard writes it.</summary>
    Base64Url,

    /// <summary>The hash in hexadecimal.</summary>
    Hex,

    /// <summary>No challenge: the state alone.</summary>
    None,
}

/// <summary>What differs between the networks' ways of OAuth 2.</summary>
/// <param name="ConsentPage">Where browsers are sent.</param>
/// <param name="TokenUrl">Where codes and refresh tokens are traded.</param>
/// <param name="Scopes">What is asked for.</param>
internal sealed record OAuthWay(Uri ConsentPage, Uri TokenUrl, IReadOnlyList<string> Scopes)
{
    /// <summary>Between two scopes.</summary>
    public char Apart { get; init; } = ' ';

    /// <summary>Without these nothing can be published; all that is asked for, unless it says otherwise.</summary>
    public IReadOnlyList<string> Needed { get; init; } = Scopes;

    /// <summary>Whether the network need not tell what was granted: then nothing is missed.</summary>
    public bool MayBeSilent { get; init; }

    public PkceChallenge Challenge { get; init; }

    /// <summary>How a form names this instance's app.</summary>
    public string ClientField { get; init; } = "client_id";

    /// <summary>Where an answer tells how long a refresh token lives.</summary>
    public string RefreshLife { get; init; } = "refresh_token_expires_in";

    /// <summary>What the consent page is told besides.</summary>
    public IReadOnlyList<(string Name, string? Value)> Asked { get; init; } = [];

    /// <summary>What the trade of a code says besides.</summary>
    public IReadOnlyList<(string Name, string Value)> Traded { get; init; } = [];

    /// <summary>What a refusal to renew says when only a person can go on.</summary>
    public IReadOnlyList<string> Over { get; init; } = ["invalid_grant"];

    /// <summary>Where a grant is ended; null: nowhere.</summary>
    public Uri? RevokeUrl { get; init; }

    /// <summary>Whether it is ended by its refresh token, not by the access token.</summary>
    public bool RevokesRefreshToken { get; init; }

    /// <summary>What the way back says when a person said no.</summary>
    public IReadOnlyList<string> Denials { get; init; } = ["access_denied"];
}

/// <summary>Consent by OAuth 2 with a code (RFC 6749), as most networks have it: a network says what differs.</summary>
internal abstract class OAuthConsent(
    ProviderClient client, ProviderSettings settings, ProviderErrors errors, TimeProvider time, OAuthWay way) : IConsent
{
    public Uri ConsentPage => way.ConsentPage;

    public bool IsDenial(string error) => way.Denials.Contains(error);

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        var challenge = ChallengeOf(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, [
            (way.ClientField, settings.ClientId), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("response_type", "code"),
            ("scope", string.Join(way.Apart, way.Scopes)), ("state", trip.State), ("code_challenge", challenge),
            ("code_challenge_method", challenge is null ? null : "S256"), .. way.Asked])));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        // Some come with "#_" behind them.
        var code = (back.Code ?? "").Split('#')[0];
        var answer = await TokenAsync(way.TokenUrl, [code, trip.CodeVerifier], [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", trip.RedirectUri.AbsoluteUri),
            .. ChallengeOf(trip) is null ? [] : new[] { ("code_verifier", trip.CodeVerifier) }, .. way.Traded], ct);
        if (TokensOf(answer, null) is not { } first) return new ConsentOutcome.Refused(errors.OfTrade(answer));
        var (tokens, said) = await LastingAsync(first, answer, ct);
        if (tokens is null) return new ConsentOutcome.Refused(errors.OfTrade(said));
        var missing = way.MayBeSilent && tokens.Scopes.Count == 0 ? [] : way.Needed.Except(tokens.Scopes).ToList();
        if (missing.Count == 0) return await WhoAsync(tokens, ct);
        await DiscardAsync(tokens, ct);
        return new ConsentOutcome.Refused(errors.MissingScopes(missing));
    }

    public abstract Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct);

    public virtual async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await TokenAsync(way.TokenUrl, tokens.AllSecrets(),
            [("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken ?? "")], ct);
        return TokensOf(answer, tokens) is { } renewed
            ? new RefreshOutcome.Refreshed(renewed)
            : errors.OfRefresh(answer, IsOver(answer));
    }

    public virtual Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => way.RevokeUrl is not { } url
        ? Task.CompletedTask
        : TokenAsync(url, tokens.AllSecrets(),
            [("token", (way.RevokesRefreshToken ? tokens.RefreshToken : null) ?? tokens.AccessToken)], ct);

    /// <summary>Whether a refusal to renew means that only a person can go on.</summary>
    protected virtual bool IsOver(ProviderAnswer answer) => way.Over.Contains(answer.Code);

    /// <summary>Trades tokens that soon end for those that last, where a network gives them one after the other.</summary>
    /// <returns>The tokens, or the answer that came instead.</returns>
    protected virtual Task<(GrantTokens? Tokens, ProviderAnswer Said)> LastingAsync(
        GrantTokens first, ProviderAnswer answer, CancellationToken ct) => Task.FromResult<(GrantTokens?, ProviderAnswer)>((first, answer));

    /// <summary>Why destinations cannot be told.</summary>
    protected DestinationsOutcome.Failed Failed(ProviderAnswer answer, GrantTokens tokens) => new(errors.Of(answer, tokens));

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
        (form[way.ClientField], form["client_secret"]) = (settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(url, form, [settings.ClientSecret, .. secrets], ct);
    }

    /// <summary>The tokens of an answer; null when it holds none. An error with status 200 has none beside it.</summary>
    protected virtual GrantTokens? TokensOf(ProviderAnswer answer, GrantTokens? before) =>
        answer.Code is null ? OAuth.Tokens(answer, time.GetUtcNow(), before, way.RefreshLife) : null;

    private string? ChallengeOf(ConsentTrip trip) => way.Challenge switch
    {
        PkceChallenge.Base64Url => trip.Challenge,
        PkceChallenge.Hex => trip.HexChallenge,
        _ => null,
    };
}
