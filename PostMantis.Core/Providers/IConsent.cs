using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace PostMantis.Core.Providers;

/// <summary>The consent trip of one network and the life of its tokens.</summary>
public interface IConsent
{
    /// <summary>What a person tells us before the trip; most networks need nothing.</summary>
    IReadOnlyList<ConsentField> Fields => [];

    /// <summary>Where browsers are sent for consent; null when that depends on what the person told us.</summary>
    Uri? ConsentPage => null;

    /// <summary>Begins a trip: sends the browser away, grants at once, or refuses.</summary>
    Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct);

    /// <summary>Whether an <c>error</c> of the way back means that the person said no.</summary>
    bool IsDenial(string error) => error == "access_denied";

    /// <summary>
    /// Trades what the way back brought for tokens, long-lived ones where the network has them, and says whose account it
    /// is. Tokens without the scopes that publishing needs are refused.
    /// </summary>
    Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct);

    /// <summary>The destinations the grant reaches; empty means there is nothing to publish to.</summary>
    Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct);

    /// <summary>Trades the refresh token for a new pair.</summary>
    Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct);

    /// <summary>Tells the network that the grant is over; best effort, never throws for what a network may do.</summary>
    Task RevokeAsync(GrantTokens tokens, CancellationToken ct);
}

/// <summary>One thing a person tells us before the trip.</summary>
/// <param name="Name">camelCase; unique within the network.</param>
/// <param name="Label">What the form says.</param>
/// <param name="IsRequired">Whether the trip cannot begin without it.</param>
/// <param name="IsSecret">Never shown again, and not kept unless the adapter asks for it.</param>
public sealed record ConsentField(
    string Name, string Label, string? Hint = null, bool IsRequired = false, bool IsSecret = false);

/// <summary>What one consent trip is bound to. It is sealed while it waits and never prints itself.</summary>
public sealed class ConsentTrip(string state, string codeVerifier, Uri redirectUri)
{
    public string State { get; } = state;

    /// <summary>PKCE code verifier (RFC 7636), 43–128 characters.</summary>
    public string CodeVerifier { get; } = codeVerifier;

    public Uri RedirectUri { get; } = redirectUri;

    /// <summary>What the person told us, by field; after the start without the secret fields.</summary>
    public IReadOnlyDictionary<string, string> Input { get; init; } = new Dictionary<string, string>();

    /// <summary>What the start asked to keep until the way back.</summary>
    public IReadOnlyDictionary<string, string> Secrets { get; init; } = new Dictionary<string, string>();

    /// <summary>The PKCE challenge of method S256, as RFC 7636 writes it.</summary>
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(CodeVerifier)));

    /// <summary>The same in lower-case hexadecimal, as TikTok wants it.</summary>
    public string HexChallenge => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(CodeVerifier)));

    public override string ToString() => nameof(ConsentTrip);
}

/// <summary>What the browser brought back.</summary>
public sealed record ConsentReturn(string? State, string? Code, string? Error = null)
{
    /// <summary>Everything else of the query, such as <c>iss</c>.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public override string ToString() => nameof(ConsentReturn);
}

public abstract record ConsentStart
{
    /// <summary>The browser goes to the network.</summary>
    /// <param name="Secrets">Kept sealed until the way back.</param>
    public sealed record Leave(Uri Url, IReadOnlyDictionary<string, string>? Secrets = null) : ConsentStart;

    /// <summary>What the person told us was enough.</summary>
    public sealed record Granted(GrantTokens Tokens, ProviderAccount Account) : ConsentStart;

    /// <summary>The trip cannot begin.</summary>
    /// <param name="Field">The field that is wrong, if one is.</param>
    public sealed record Refused(DeliveryError Error, string? Field = null) : ConsentStart;

    public sealed override string ToString() => GetType().Name;
}

/// <summary>The tokens of one grant, opened. Never logged: it does not print itself.</summary>
public sealed record GrantTokens
{
    public required string AccessToken { get; init; }
    public string? RefreshToken { get; init; }
    public DateTimeOffset? AccessTokenExpiresAt { get; init; }
    public DateTimeOffset? RefreshTokenExpiresAt { get; init; }
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>
    /// What else belongs to the grant, by the adapter's own names: tokens of single destinations, a proof key, the client of
    /// one server. What a renewal does not name stays.
    /// </summary>
    public IReadOnlyDictionary<string, string> Secrets { get; init; } = new Dictionary<string, string>();

    /// <summary>Everything in it that must never be told: what answers are cleaned of.</summary>
    internal IEnumerable<string> AllSecrets() =>
        ((string?[])[AccessToken, RefreshToken, .. Secrets.Values]).OfType<string>();

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
