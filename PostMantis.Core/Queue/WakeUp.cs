using System.Collections.Concurrent;

namespace PostMantis.Core.Queue;

/// <summary>
/// Wakes the loops of this process: a signal ends the wait at once. Signals given while nobody waits are kept (one is
/// enough), so none is lost between looking for work and waiting for it.
/// </summary>
public sealed class WakeUp
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _bells = new(StringComparer.Ordinal);

    /// <summary>Told of every signal of this process: what carries it to other replicas.</summary>
    public event Action<string>? Signaled;

    /// <summary>The loop that runs work items of <paramref name="kind"/> has something to do.</summary>
    public void Signal(WorkKind kind) => Signal(kind.ToString());

    /// <summary>As <see cref="Signal(WorkKind)"/>, for loops without work items, such as the sequencer.</summary>
    public void Signal(string loop)
    {
        Ring(loop);
        Signaled?.Invoke(loop);
    }

    /// <summary>A signal that came from another replica: not told on.</summary>
    public void Ring(string loop)
    {
        var bell = Bell(loop);
        lock (bell)
        {
            if (bell.CurrentCount == 0) bell.Release();
        }
    }

    /// <summary>Waits for a signal, at most <paramref name="longest"/>.</summary>
    public async Task WaitAsync(string loop, TimeSpan longest, TimeProvider time, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            await Bell(loop).WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The time is up: the poll is the truth, the signal only a hint.
        }
    }

    private SemaphoreSlim Bell(string loop) => _bells.GetOrAdd(loop, _ => new SemaphoreSlim(0, 1));
}
