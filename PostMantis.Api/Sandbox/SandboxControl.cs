using System.Collections.Concurrent;

namespace PostMantis.Api.Sandbox;

/// <summary>
/// Lets a test hold requests at a point and let them go, so that crash points are chosen from outside and the product
/// needs no switch. Kept in memory: a hold is about one run.
/// </summary>
internal sealed class SandboxControl
{
    private readonly ConcurrentDictionary<Guid, Hold> _holds = new();
    private int _refusedRefreshes;
    private int _lostRefreshes;

    /// <summary>Holds what comes next: before or after the network commits.</summary>
    public Hold Add(string when, int count)
    {
        var hold = new Hold(Guid.CreateVersion7(), when, count);
        _holds[hold.Id] = hold;
        return hold;
    }

    public Hold? Find(Guid id) => _holds.GetValueOrDefault(id);

    public void Release(Guid id)
    {
        if (_holds.TryRemove(id, out var hold)) hold.Gate.TrySetResult();
    }

    /// <summary>Waits while a hold for this point is in force; the caller going away ends it.</summary>
    public async Task PassAsync(string when, CancellationToken ct)
    {
        foreach (var hold in _holds.Values.Where(h => h.When == when))
        {
            if (!hold.Take()) continue;
            await hold.Gate.Task.WaitAsync(ct);
            return;
        }
    }

    /// <summary>The next <paramref name="count"/> refreshes are answered 503.</summary>
    public void RefuseRefreshes(int count) => Interlocked.Exchange(ref _refusedRefreshes, count);

    /// <summary>The next <paramref name="count"/> refreshes are committed and never answered.</summary>
    public void LoseRefreshes(int count) => Interlocked.Exchange(ref _lostRefreshes, count);

    public bool TakeRefusedRefresh() => Take(ref _refusedRefreshes);

    public bool TakeLostRefresh() => Take(ref _lostRefreshes);

    private static bool Take(ref int left)
    {
        if (Volatile.Read(ref left) <= 0) return false;
        return Interlocked.Decrement(ref left) >= 0;
    }

    internal sealed class Hold(Guid id, string when, int count)
    {
        private readonly TaskCompletionSource _full = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _waiting;

        public Guid Id { get; } = id;
        public string When { get; } = when;
        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public int Waiting => Math.Min(Volatile.Read(ref _waiting), count);

        /// <summary>Ends when as many requests wait as were asked for.</summary>
        public Task Full => _full.Task;

        public bool Take()
        {
            var mine = Interlocked.Increment(ref _waiting);
            if (mine == count) _full.TrySetResult();
            return mine <= count;
        }
    }
}
