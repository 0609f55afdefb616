using System.Collections.Concurrent;

namespace PostMantis.Core.Queue;

/// <summary>
/// The leases this process works under. The heartbeat keeps every lease of a process alive, also one it never learned
/// of, because the answer to its claim was lost, or gave up, because a settlement failed: those are disowned.
/// </summary>
public sealed class HeldLeases
{
    private readonly ConcurrentDictionary<Guid, int> _tokens = new();

    internal IReadOnlyCollection<Guid> Tokens => [.. _tokens.Keys];

    /// <summary>From here until disposed the lease is in somebody's hands.</summary>
    public IDisposable Hold(WorkLease lease)
    {
        ArgumentNullException.ThrowIfNull(lease);
        _tokens[lease.LeaseToken] = 0;
        return new Held(this, lease.LeaseToken);
    }

    private sealed class Held(HeldLeases owner, Guid token) : IDisposable
    {
        public void Dispose() => owner._tokens.TryRemove(token, out _);
    }
}
