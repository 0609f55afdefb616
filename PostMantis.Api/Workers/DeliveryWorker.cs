using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Publishes what is due.</summary>
internal sealed class DeliveryWorker(DeliveryRunner runner, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<DeliveryWorker> logger)
    : QueueLoop(WorkKind.Publish, scopes, heartbeat, wakeUp, time, logger)
{
    private readonly Heartbeat _heartbeat = heartbeat;

    protected override TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(5);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await runner.StopAsync();
    }

    protected override async Task<bool> RunOnceAsync(CancellationToken ct) => (await runner.StartAsync(ct)).Count > 0;

    // A slot that becomes free rings; until then there is no use in looking.
    protected override async Task<TimeSpan> NextAsync(CancellationToken ct) =>
        runner.FreeSlots > 0 ? await base.NextAsync(ct) : _heartbeat.Poll;
}
