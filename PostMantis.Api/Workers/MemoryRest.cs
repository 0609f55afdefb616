namespace PostMantis.Api.Workers;

/// <summary>
/// Gives back what starting has left in memory, and what quiet minutes pile up: models, routes and documents are built from
/// many short-lived objects, and an idle process allocates so little that its next collection is an hour and a hundred
/// mebibytes away. A busy process is left to its collector.
/// </summary>
internal sealed class MemoryRest(TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan _after = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _between = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var spell = new QuietSpell();
        for (var wait = _after; ; wait = _between)
        {
            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested) return;
            if (!spell.IsDue(GC.GetTotalAllocatedBytes())) continue;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }
}

/// <summary>Whether memory is worth giving back at a look: the minute before was quiet, and enough was allocated since.</summary>
internal sealed class QuietSpell
{
    // Loops, probes and scrapes allocate five mebibytes in a minute; one post a second allocates more than these.
    internal const long MostWhenQuiet = 12 << 20;
    internal const long WorthIt = 16 << 20;

    private long? _looked;
    private long _given;

    /// <summary>The first look is always due.</summary>
    /// <param name="allocated">What the process has allocated so far.</param>
    public bool IsDue(long allocated)
    {
        var isDue = _looked is not { } before || (allocated - before <= MostWhenQuiet && allocated - _given >= WorthIt);
        _looked = allocated;
        if (!isDue) return false;
        _given = allocated;
        return true;
    }
}
