using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace PostMantis.Simulators.Bones;

/// <summary>Somebody who has an account on the network.</summary>
/// <param name="Id">The network's id.</param>
/// <param name="Handle">The name without @.</param>
/// <param name="Name">The name shown.</param>
internal sealed record Account(string Id, string Handle, string Name)
{
    /// <summary>What is special about the account: private, premium, suspended …; a network says which it
    /// knows.</summary>
    public ConcurrentDictionary<string, string> Traits { get; } = new();

    public bool Has(string trait) => Traits.ContainsKey(trait);
}

/// <summary>What an account allowed an app to do.</summary>
internal sealed class Grant
{
    public required Account Account { get; init; }
    public required string Client { get; init; }
    public required IReadOnlySet<string> Scopes { get; set; }
    public string Access { get; set; } = "";
    public DateTimeOffset AccessUntil { get; set; }
    public string? Refresh { get; set; }
    public DateTimeOffset RefreshUntil { get; set; }
    public bool Revoked { get; set; }

    /// <summary>Refresh tokens that were used up, and when.</summary>
    public Dictionary<string, DateTimeOffset> Spent { get; } = [];

    /// <summary>What else a network binds to it, as the key of a proof.</summary>
    public string? Bound { get; set; }
}

/// <summary>A consent on its way back to the app.</summary>
internal sealed record Code(
    Account Account, string Client, string RedirectUri, IReadOnlySet<string> Scopes, string? Challenge,
    string? ChallengeMethod, DateTimeOffset Until, string? Bound);

/// <summary>All grants of a network.</summary>
internal sealed class Grants
{
    private readonly ConcurrentDictionary<Grant, bool> _all = new();
    private readonly ConcurrentDictionary<string, Code> _codes = new();

    public IEnumerable<Grant> All => _all.Keys;

    public void Add(Grant grant) => _all[grant] = true;

    public string Keep(Code code)
    {
        var secret = Secret();
        _codes[secret] = code;
        return secret;
    }

    /// <summary>Takes a code, once.</summary>
    public Code? Redeem(string? code) => code is not null && _codes.TryRemove(code, out var kept) ? kept : null;

    public Grant? ByAccess(string? token) => token is null ? null : All.FirstOrDefault(grant => grant.Access == token);

    public Grant? ByRefresh(string? token) => token is null ? null
        : All.FirstOrDefault(grant => grant.Refresh == token);

    /// <summary>Held by whoever looks at refresh tokens and uses them up, so that each serves once.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Uses up a refresh token: the grant it was good for, or the one it had been good for.</summary>
    public (Grant? Live, Grant? Replayed) Spend(string? token, DateTimeOffset now, Predicate<Grant> fits)
    {
        lock (Gate)
        {
            if (BySpent(token) is { } replayed) return (null, replayed);
            if (ByRefresh(token) is not { Revoked: false } grant || grant.RefreshUntil <= now || !fits(grant))
                return (null, null);
            grant.Spent[token!] = now;
            grant.Refresh = null;
            return (grant, null);
        }
    }

    public Grant? BySpent(string? token) =>
        token is null ? null : All.FirstOrDefault(grant => grant.Spent.ContainsKey(token));

    /// <summary>A secret that nobody guesses, of letters that need no escape.</summary>
    public static string Secret(int bytes = 24) => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(bytes));
}
