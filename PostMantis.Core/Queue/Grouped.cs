namespace PostMantis.Core.Queue;

/// <summary>
/// Lets many callers share one commit: while one group is being written the next one gathers, so a lone caller never
/// waits and a crowd pays once.
/// </summary>
/// <param name="most">The largest group.</param>
/// <param name="write">Writes a group, with a result for each.</param>
/// <param name="pause">How long a group may gather in which nobody waits yet.</param>
/// <param name="time">What measures the pause.</param>
internal sealed class Grouped<TRequest, TResult>(int most, Func<IReadOnlyList<TRequest>, Task<IReadOnlyList<TResult>>> write,
    TimeSpan pause = default, TimeProvider? time = null)
{
    private readonly Lock _gate = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<TResult>? Answer)> _pending = new();
    private TaskCompletionSource? _gathered;
    private bool _isAwaited;
    private bool _isWriting;

    /// <summary>Ends when it is written.</summary>
    public Task<TResult> AddAsync(TRequest request) => Add(request, isAwaited: true);

    /// <summary>
    /// Ends when it is written, with what comes soon, at the latest after the pause; who comes to wait for it says so
    /// (<see cref="Hurry"/>).
    /// </summary>
    public Task<TResult> AddSoonAsync(TRequest request) => Add(request, isAwaited: false);

    /// <summary>Nobody waits for it: it is written with what comes soon, at the latest after the pause.</summary>
    public void Add(TRequest request) => Add(request, null, isAwaited: false);

    /// <summary>What is gathered by now is waited for.</summary>
    public void Hurry()
    {
        lock (_gate)
        {
            if (_pending.Count == 0) return;
            _isAwaited = true;
            _gathered?.TrySetResult();
        }
    }

    private Task<TResult> Add(TRequest request, bool isAwaited)
    {
        var answer = new TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(request, answer, isAwaited);
        return answer.Task;
    }

    private void Add(TRequest request, TaskCompletionSource<TResult>? answer, bool isAwaited)
    {
        lock (_gate)
        {
            _pending.Enqueue((request, answer));
            _isAwaited |= isAwaited;
            if (IsGathered) _gathered?.TrySetResult();
            if (_isWriting) return;
            _isWriting = true;
        }

        // A group belongs to no one's trace.
        using (ExecutionContext.SuppressFlow()) _ = Task.Run(WriteAllAsync);
    }

    private bool IsGathered => _isAwaited || _pending.Count >= most || pause == default;

    private async Task WriteAllAsync()
    {
        while (await TakeAsync() is { Count: > 0 } group)
        {
            try
            {
                var results = await write([.. group.Select(entry => entry.Request)]);
                for (var i = 0; i < group.Count; i++) group[i].Answer?.SetResult(results[i]);
            }
            catch (Exception exception)
            {
                foreach (var (_, answer) in group) answer?.SetException(exception);
            }
        }
    }

    private async ValueTask<List<(TRequest Request, TaskCompletionSource<TResult>? Answer)>> TakeAsync()
    {
        lock (_gate)
        {
            if (_pending.Count == 0 || IsGathered) return Take();
            _gathered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        await _gathered.Task.WaitAsync(pause, time ?? TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            _gathered = null;
            return Take();
        }
    }

    private List<(TRequest Request, TaskCompletionSource<TResult>? Answer)> Take()
    {
        List<(TRequest, TaskCompletionSource<TResult>? Answer)> group = [];
        while (group.Count < most && _pending.TryDequeue(out var entry)) group.Add(entry);
        if (_pending.Count == 0) _isAwaited = false;
        _isWriting = group.Count > 0;
        return group;
    }
}
