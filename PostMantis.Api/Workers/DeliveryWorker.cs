using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Publishes what is due.</summary>
internal sealed class DeliveryWorker(DeliveryRunner runner, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<DeliveryWorker> logger)
    : QueueLoop(WorkKind.Publish, scopes, heartbeat, wakeUp, time, logger)
{
    private const int EnoughAtOnce = 100;
    private static readonly TimeSpan SoonAgain = TimeSpan.FromMilliseconds(20);
    private readonly Heartbeat _heartbeat = heartbeat;
    private readonly TimeProvider _time = time;
    private DateTimeOffset _looked;
    private bool _hasClaimed;

    protected override DateTimeOffset Looked => _looked;

    protected override TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(8);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await runner.StopAsync();
    }

    // After a small claim those that become due or free meanwhile share the next one.
    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        _looked = _time.GetUtcNow();
        var claimed = (await runner.StartAsync(ct)).Count;
        _hasClaimed = claimed > 0;
        return claimed >= EnoughAtOnce;
    }

    // A slot that becomes free rings; until then there is no use in looking. Where there was work there is more: only a
    // round that found none asks when there will be some.
    protected override async Task<TimeSpan> NextAsync(CancellationToken ct) => runner.FreeSlots <= 0 ? _heartbeat.Poll
        : _hasClaimed ? SoonAgain
        : await base.NextAsync(ct);
}
