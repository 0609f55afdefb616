using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Puts right what the senders will not: lanes with messages and no work item. When all is well there are none.
/// </summary>
public sealed partial class WebhookRecovery(
    IServiceScopeFactory scopes, WebhookTelemetry telemetry, WakeUp wakeUp, TimeProvider time, ILogger<WebhookRecovery> logger)
{
    private const int MostPerRound = 200;
    private Guid _cursor;

    /// <summary>The next stretch of the walk over all endpoints.</summary>
    /// <returns>How many lanes got their item back.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var unit = scope.ServiceProvider.GetRequiredService<UnitOfWork>();
        var cursor = _cursor;
        var endpoints = await unit.Db.WebhookEndpoints.Where(e => e.Id > cursor && e.DisabledAt == null)
            .OrderBy(e => e.Id).Take(MostPerRound).Select(e => e.Id).ToArrayAsync(ct);
        _cursor = endpoints.Length < MostPerRound ? Guid.Empty : endpoints[^1];
        if (endpoints.Length == 0) return 0;
        var restored = await WebhookLanes.RestoreAsync(unit, endpoints, time.GetUtcNow(), ct);
        if (restored == 0) return 0;
        telemetry.Repaired(restored);
        LogRestored(logger, restored);
        wakeUp.Signal(WorkKind.Webhook);
        return restored;
    }

    [LoggerMessage(LogLevel.Warning, "{Count} lanes of webhook endpoints had messages and no work item; they have one again.")]
    private static partial void LogRestored(ILogger logger, int count);
}

/// <summary>Keeps messages and attempts in monthly partitions, and erases what is kept for a time only.</summary>
public sealed class WebhookRetention(
    PostMantisDb db, MonthlyPartitions partitions, IOptions<WebhookOptions> options, TimeProvider time)
{
    /// <summary>Makes the months to come, drops those whose time has come, and erases secrets that no longer sign.</summary>
    public async Task RunOnceAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        foreach (var table in (string[])["webhook_messages", "webhook_attempts"])
            await partitions.KeepAsync(table, now, options.Value.KeepFor, ct);
        await db.WebhookEndpoints.Where(e => e.PreviousSecretEndsAt <= now).ExecuteUpdateAsync(e => e
            .SetProperty(x => x.PreviousSecret, (byte[]?)null)
            .SetProperty(x => x.PreviousSecretEndsAt, (DateTimeOffset?)null), ct);
        var before = now - options.Value.KeepFor;
        await db.WebhookReplays.Where(r => r.EndedAt < before).ExecuteDeleteAsync(ct);
    }
}
