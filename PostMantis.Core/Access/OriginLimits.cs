using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Access;

/// <summary>
/// Bounds how often one address may try what needs no sign-in. Kept per process: a shield against floods, not a promise;
/// what guards an account is its lock, which is in the database.
/// </summary>
public sealed class OriginLimits(IOptions<SignInOptions> options, TimeProvider time)
{
    private const int MostAddresses = 50_000;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Tries> _tries = new(StringComparer.Ordinal);

    /// <summary>Counts one try.</summary>
    /// <exception cref="ProblemException">rateLimited: too many within a minute.</exception>
    internal void Count(Origin origin)
    {
        var now = time.GetTimestamp();
        if (_tries.Count >= MostAddresses) _tries.Clear();
        var tries = _tries.AddOrUpdate(origin.Address ?? "", _ => new Tries(now, 1), (_, before) =>
            time.GetElapsedTime(before.Since, now) < Window ? before with { Count = before.Count + 1 } : new Tries(now, 1));
        if (tries.Count <= options.Value.MostTriesPerMinute) return;
        throw new ProblemException(ProblemCode.RateLimited, "Too many tries from your address. Wait a minute.");
    }

    private sealed record Tries(long Since, int Count);
}
