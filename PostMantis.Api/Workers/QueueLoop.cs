using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>A loop over work items of one kind: it wakes for a signal, for the next due moment, or for the poll.</summary>
internal abstract class QueueLoop(WorkKind kind, IServiceScopeFactory scopes, Heartbeat heartbeat, WakeUp wakeUp,
    TimeProvider time, ILogger logger) : LoopWorker(kind.ToString(), wakeUp, time, logger)
{
    private readonly TimeProvider _time = time;

    /// <summary>What was due then has been seen by the last round; what was not taken waits for a signal.</summary>
    protected virtual DateTimeOffset Looked => DateTimeOffset.MinValue;

    protected override async Task<TimeSpan> NextAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var due = await scope.ServiceProvider.GetRequiredService<WorkQueue>().NextDueAsync(kind, Looked, ct);
        var poll = heartbeat.Poll;
        if (due is not { } moment) return poll;
        var wait = moment - _time.GetUtcNow();
        return wait <= TimeSpan.Zero ? TimeSpan.Zero : wait < poll ? wait : poll;
    }
}
