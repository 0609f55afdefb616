using System.Collections.Concurrent;

namespace PostMantis.Simulators.Bones;

/// <summary>What is left of an allowance.</summary>
internal readonly record struct Allowance(bool Granted, int Limit, int Remaining, DateTimeOffset ResetAt);

/// <summary>Counts what each key used in windows that start with the first use.</summary>
internal sealed class Windows(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, (DateTimeOffset Until, int Used)> _windows = new();
    private readonly Lock _gate = new();

    /// <summary>Takes some of the allowance, or says when there is more.</summary>
    public Allowance Take(string key, int limit, TimeSpan period, int cost = 1)
    {
        var now = time.GetUtcNow();
        return Take(key, limit, now + period, cost);
    }

    /// <summary>Takes some of an allowance that ends at a fixed time when it is new.</summary>
    public Allowance Take(string key, int limit, DateTimeOffset until, int cost)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (!_windows.TryGetValue(key, out var window) || window.Until <= now) window = (until, 0);
            var granted = window.Used + cost <= limit;
            if (granted) window.Used += cost;
            _windows[key] = window;
            return new Allowance(granted, limit, Math.Max(0, limit - window.Used), window.Until);
        }
    }
}
