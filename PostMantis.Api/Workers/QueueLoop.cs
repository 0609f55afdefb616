using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>A loop over work items of one kind: it wakes for a signal, for the next due moment, or for the poll.</summary>
internal abstract class QueueLoop(WorkKind kind, IServiceScopeFactory scopes, Heartbeat heartbeat, WakeUp wakeUp,
    TimeProvider time, ILogger logger) : LoopWorker(kind.ToString(), wakeUp, time, logger)
{
    private readonly TimeProvider _time = time;

    protected override async Task<TimeSpan> NextAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var due = await scope.ServiceProvider.GetRequiredService<WorkQueue>().NextDueAsync(kind, ct);
        var poll = heartbeat.Poll;
        if (due is not { } moment) return poll;
        var wait = moment - _time.GetUtcNow();
        return wait <= TimeSpan.Zero ? TimeSpan.Zero : wait < poll ? wait : poll;
    }
}
