using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Hears what other replicas signal.</summary>
internal sealed class ReplicaListener(ReplicaSignals signals, WakeUp wakeUp, TimeProvider time,
    ILogger<ReplicaListener> logger) : LoopWorker("ReplicaListener", wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await signals.ListenAsync(ct);
        return true;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(TimeSpan.Zero);
}

/// <summary>Tells other replicas what is signaled here.</summary>
internal sealed class ReplicaTeller(ReplicaSignals signals, WakeUp wakeUp, TimeProvider time,
    ILogger<ReplicaTeller> logger) : LoopWorker("ReplicaTeller", wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await signals.TellAsync(ct);
        return true;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(TimeSpan.Zero);
}
