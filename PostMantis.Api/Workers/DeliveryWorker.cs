using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Publishes what is due.</summary>
internal sealed class DeliveryWorker(DeliveryRunner runner, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<DeliveryWorker> logger)
    : QueueLoop(WorkKind.Publish, scopes, heartbeat, wakeUp, time, logger)
{
    private const int EnoughAtOnce = 100;
    private readonly Heartbeat _heartbeat = heartbeat;

    protected override TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(8);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await runner.StopAsync();
    }

    // After a small claim those that become due or free meanwhile share the next one.
    protected override async Task<bool> RunOnceAsync(CancellationToken ct) =>
        (await runner.StartAsync(ct)).Count >= EnoughAtOnce;

    // A slot that becomes free rings; until then there is no use in looking.
    protected override async Task<TimeSpan> NextAsync(CancellationToken ct) =>
        runner.FreeSlots > 0 ? await base.NextAsync(ct) : _heartbeat.Poll;
}
