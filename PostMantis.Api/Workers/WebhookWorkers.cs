using PostMantis.Core.Queue;
using PostMantis.Core.Webhooks;

namespace PostMantis.Api.Workers;

/// <summary>Sends webhooks that are due.</summary>
internal sealed class WebhookWorker(WebhookRunner runner, IServiceScopeFactory scopes, Heartbeat heartbeat, WakeUp wakeUp,
    TimeProvider time, ILogger<WebhookWorker> logger)
    : QueueLoop(WorkKind.Webhook, scopes, heartbeat, wakeUp, time, logger)
{
    private static readonly TimeSpan SoonAgain = TimeSpan.FromMilliseconds(20);
    private readonly Heartbeat _heartbeat = heartbeat;
    private readonly TimeProvider _time = time;
    private DateTimeOffset _looked;
    private bool _hasClaimed;

    protected override DateTimeOffset Looked => _looked;

    protected override TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(5);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await runner.StopAsync();
    }

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        _looked = _time.GetUtcNow();
        _hasClaimed = (await runner.StartAsync(ct)).Count > 0;
        return false;
    }

    // A slot that becomes free rings; until then there is no use in looking. Where there was work there is more: only a
    // round that found none asks when there will be some.
    protected override async Task<TimeSpan> NextAsync(CancellationToken ct) => runner.FreeSlots <= 0 ? _heartbeat.Poll
        : _hasClaimed ? SoonAgain
        : await base.NextAsync(ct);
}

/// <summary>Goes on with replays.</summary>
internal sealed class ReplayWorker(IServiceScopeFactory scopes, Heartbeat heartbeat, WakeUp wakeUp, TimeProvider time,
    ILogger<ReplayWorker> logger) : LoopWorker(WebhookReplays.Loop, wakeUp, time, logger)
{
    private static readonly TimeSpan _soon = TimeSpan.FromMilliseconds(200);
    private bool _isRunning;

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        _isRunning = await scope.ServiceProvider.GetRequiredService<WebhookReplays>().RunOnceAsync(ct) > 0;
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(_isRunning ? _soon : heartbeat.Poll);
}
