namespace PostMantis.Core.Providers;

/// <summary>The consent trip of one network and the life of its tokens.</summary>
public interface IConsent
{
    /// <summary>Where the browser goes; <paramref name="trip"/> carries state and PKCE.</summary>
    Uri AuthorizeUrl(ConsentTrip trip);

    /// <summary>Exchanges the code of a callback for tokens and says whose account it is.</summary>
    Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, string code, CancellationToken ct);

    /// <summary>The destinations the grant reaches; empty means there is nothing to publish to.</summary>
    Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct);

    /// <summary>Trades the refresh token for a new pair.</summary>
    Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct);

    /// <summary>Tells the network that the grant is over; best effort, never throws for what a network may do.</summary>
    Task RevokeAsync(GrantTokens tokens, CancellationToken ct);
}

/// <summary>What one consent trip is bound to. The verifier is a secret: it is sealed while it waits.</summary>
public sealed class ConsentTrip(string state, string codeVerifier, Uri redirectUri)
{
    public string State { get; } = state;

    /// <summary>PKCE code verifier (RFC 7636), 43–128 characters.</summary>
    public string CodeVerifier { get; } = codeVerifier;

    public Uri RedirectUri { get; } = redirectUri;

    public override string ToString() => nameof(ConsentTrip);
}

/// <summary>The tokens of one grant, opened. Never logged: it does not print itself.</summary>
public sealed class GrantTokens
{
    public required string AccessToken { get; init; }
    public string? RefreshToken { get; init; }
    public DateTimeOffset? AccessTokenExpiresAt { get; init; }
    public DateTimeOffset? RefreshTokenExpiresAt { get; init; }
    public IReadOnlyList<string> Scopes { get; init; } = [];

    public override string ToString() => nameof(GrantTokens);
}

/// <summary>The account that gave consent.</summary>
public sealed record ProviderAccount(string Id, string Name, string? Handle, string? PictureUrl);

/// <summary>One place a grant can publish to.</summary>
/// <param name="Facts">What the adapter must know about the destination later, such as its settlement mode.</param>
public sealed record Destination(
    string Id, string Name, string? Handle, string? PictureUrl, IReadOnlyDictionary<string, string> Facts);

public abstract record ConsentOutcome
{
    public sealed record Granted(GrantTokens Tokens, ProviderAccount Account) : ConsentOutcome;

    /// <summary>The network said no, or answered something else than tokens.</summary>
    public sealed record Refused(DeliveryError Error) : ConsentOutcome;
}

public abstract record DestinationsOutcome
{
    public sealed record Listed(IReadOnlyList<Destination> Destinations) : DestinationsOutcome;

    public sealed record Failed(DeliveryError Error) : DestinationsOutcome;
}

public abstract record RefreshOutcome
{
    public sealed record Refreshed(GrantTokens Tokens) : RefreshOutcome;

    /// <summary>A definite auth error: only a person can renew the grant.</summary>
    public sealed record Revoked(DeliveryError Error) : RefreshOutcome;

    /// <summary>Nothing definite was said; the old pair stays.</summary>
    public sealed record Transient(DeliveryError Error, TimeSpan? RetryAfter = null) : RefreshOutcome;
}
