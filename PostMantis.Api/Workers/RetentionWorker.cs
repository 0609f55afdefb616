using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Queue;
using PostMantis.Core.Retention;
using PostMantis.Core.Webhooks;

namespace PostMantis.Api.Workers;

/// <summary>Erases what is kept for a time only, every hour.</summary>
internal sealed class RetentionWorker(IServiceScopeFactory scopes, WakeUp wakeUp, TimeProvider time,
    ILogger<RetentionWorker> logger) : LoopWorker("Retention", wakeUp, time, logger)
{
    private static readonly TimeSpan _interval = TimeSpan.FromHours(1);

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Sweeper>().RunOnceAsync(ct);
        await scope.ServiceProvider.GetRequiredService<WebhookRetention>().RunOnceAsync(ct);
        await scope.ServiceProvider.GetRequiredService<AuditRetention>().RunOnceAsync(ct);
        await scope.ServiceProvider.GetRequiredService<Sessions>().SweepAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(_interval);
}
