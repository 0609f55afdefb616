using Microsoft.Extensions.Options;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;
using PostMantis.Core.Webhooks;

namespace PostMantis.Api.Workers;

/// <summary>Looks for what no other loop will finish.</summary>
internal sealed class RecoveryWorker(Recovery recovery, WebhookRecovery webhooks, IOptions<QueueOptions> options, WakeUp wakeUp, TimeProvider time,
    ILogger<RecoveryWorker> logger) : LoopWorker("Recovery", wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await recovery.RunOnceAsync(ct);
        await webhooks.RunOnceAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(options.Value.ExpiryCheck);
}
