namespace PostMantis.Core.Queue;

/// <summary>
/// Lets many callers share one commit: while one group is being written the next one gathers, so a lone caller never
/// waits and a crowd pays once.
/// </summary>
internal sealed class Grouped<TRequest, TResult>(
    int most, Func<IReadOnlyList<TRequest>, Task<IReadOnlyList<TResult>>> write)
{
    private readonly Lock _gate = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<TResult> Answer)> _pending = new();
    private bool _isWriting;

    public Task<TResult> AddAsync(TRequest request)
    {
        var answer = new TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _pending.Enqueue((request, answer));
            if (_isWriting) return answer.Task;
            _isWriting = true;
        }

        // A group belongs to no one's trace.
        using (ExecutionContext.SuppressFlow()) _ = Task.Run(WriteAllAsync);
        return answer.Task;
    }

    private async Task WriteAllAsync()
    {
        while (Take() is { Count: > 0 } group)
        {
            try
            {
                var results = await write([.. group.Select(entry => entry.Request)]);
                for (var i = 0; i < group.Count; i++) group[i].Answer.SetResult(results[i]);
            }
            catch (Exception exception)
            {
                foreach (var (_, answer) in group) answer.SetException(exception);
            }
        }
    }

    private List<(TRequest Request, TaskCompletionSource<TResult> Answer)> Take()
    {
        List<(TRequest, TaskCompletionSource<TResult>)> group = [];
        lock (_gate)
        {
            while (group.Count < most && _pending.TryDequeue(out var entry)) group.Add(entry);
            _isWriting = group.Count > 0;
        }
        return group;
    }
}
