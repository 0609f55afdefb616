using System.Collections.Concurrent;

namespace PostMantis.Api.Sandbox;

/// <summary>
/// Lets a test hold requests at a point and let them go, so that crash points are chosen from outside and the product
/// needs no switch. Kept in memory: a hold is about one run.
/// </summary>
internal sealed class SandboxControl(TimeProvider time)
{
    private const int MostRequests = 50_000;
    private readonly ConcurrentDictionary<Guid, Hold> _holds = new();
    private readonly ConcurrentQueue<SandboxRequest> _requests = new();
    private (int Status, string Error) _tokenError;
    private int _refusedTokens;
    private int _lostTokens;

    /// <summary>What arrived, oldest first: no bodies, no tokens.</summary>
    public IEnumerable<SandboxRequest> Requests => _requests;

    public void Note(HttpRequest request)
    {
        if (request.Path.StartsWithSegments("/control")) return;
        _requests.Enqueue(new SandboxRequest(time.GetUtcNow(), request.Method, request.Path.ToString(),
            request.Headers.TraceParent.ToString(), request.Headers["Idempotency-Key"].ToString()));
        while (_requests.Count > MostRequests && _requests.TryDequeue(out _)) { }
    }

    public void Forget() => _requests.Clear();

    /// <summary>
    /// Holds what comes next: <c>before</c> or <c>after</c> a post is committed, when a <c>container</c> was made,
    /// <c>tokenBefore</c> or <c>tokenAfter</c> tokens are traded.
    /// </summary>
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

    /// <summary>The next <paramref name="count"/> token calls are refused and change nothing.</summary>
    public void RefuseTokens(int count, int status, string error)
    {
        _tokenError = (status, error);
        Interlocked.Exchange(ref _refusedTokens, count);
    }

    /// <summary>The next <paramref name="count"/> token calls are committed and never answered.</summary>
    public void LoseTokens(int count) => Interlocked.Exchange(ref _lostTokens, count);

    public (int Status, string Error)? TakeTokenError() => Take(ref _refusedTokens) ? _tokenError : null;

    public bool TakeLostToken() => Take(ref _lostTokens);

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

/// <summary>One request as the network received it.</summary>
internal sealed record SandboxRequest(DateTimeOffset At, string Method, string Path, string TraceParent, string IdempotencyKey);
