using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Imports media.</summary>
internal sealed class ImportWorker(MediaImporter importer, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<ImportWorker> logger)
    : QueueLoop(WorkKind.ImportMedia, scopes, heartbeat, wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct) => await importer.RunOnceAsync(ct) > 0;
}

/// <summary>Makes posts ready whose media have to be imported or converted.</summary>
internal sealed class PrepareWorker(PostPreparer preparer, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<PrepareWorker> logger)
    : QueueLoop(WorkKind.PrepareMedia, scopes, heartbeat, wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct) => await preparer.RunOnceAsync(ct) > 0;
}

/// <summary>Ends uploads nobody completed and erases what nobody uses.</summary>
internal sealed class MediaSweepWorker(IServiceScopeFactory scopes, WakeUp wakeUp, TimeProvider time,
    ILogger<MediaSweepWorker> logger) : LoopWorker("Media", wakeUp, time, logger)
{
    private static readonly TimeSpan _interval = TimeSpan.FromMinutes(10);

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<MediaSweeper>().RunOnceAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(_interval);
}
