using PostMantis.Core.Outbox;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Numbers committed events.</summary>
internal sealed class SequenceWorker(IServiceScopeFactory scopes, Heartbeat heartbeat, WakeUp wakeUp, TimeProvider time,
    ILogger<SequenceWorker> logger) : LoopWorker(EventWriter.Loop, wakeUp, time, logger)
{
    protected override TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(20);

    // What made the events is published or stored at the same moment, on the same processors.
    protected override TimeSpan Pause { get; } = TimeSpan.FromMilliseconds(10);

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Sequencer>().RunOnceAsync(ct) == Sequencer.MostPerBatch;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(heartbeat.Poll);
}
