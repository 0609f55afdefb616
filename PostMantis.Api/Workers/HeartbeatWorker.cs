using Microsoft.Extensions.Options;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Says that this process lives, for as long as it does.</summary>
internal sealed class HeartbeatWorker(Heartbeat heartbeat, InstanceLineage lineage, IOptions<QueueOptions> options, WakeUp wakeUp,
    TimeProvider time, ILogger<HeartbeatWorker> logger) : LoopWorker("Heartbeat", wakeUp, time, logger)
{
    // Before anything is claimed: a restored database is held, and whoever holds a lease is on the list.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await lineage.CheckAsync(cancellationToken);
        await heartbeat.BeatAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await heartbeat.LeaveAsync(cancellationToken);
    }

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await heartbeat.BeatAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(options.Value.Heartbeat);
}
