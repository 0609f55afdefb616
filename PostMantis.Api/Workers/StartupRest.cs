namespace PostMantis.Api.Workers;

/// <summary>
/// Gives back what starting has left in memory, once: models, routes and documents are built from many short-lived objects,
/// and an idle process would keep their room until its next full collection, which may be hours away.
/// </summary>
internal sealed class StartupRest(TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan _after = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(_after, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stoppingToken.IsCancellationRequested)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
