using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Finds out what became of deliveries whose outcome is unknown.</summary>
internal sealed class ReconcileWorker(DeliveryReconciler reconciler, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<ReconcileWorker> logger)
    : QueueLoop(WorkKind.Reconcile, scopes, heartbeat, wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct) => await reconciler.RunOnceAsync(ct) > 0;
}
