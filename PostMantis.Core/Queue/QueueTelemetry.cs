using System.Diagnostics.Metrics;

namespace PostMantis.Core.Queue;

/// <summary>What is measured of the queue. Kinds are few; ids are on spans only.</summary>
public sealed class QueueTelemetry
{
    public const string Name = "PostMantis.Queue";
    private readonly Counter<long> _expiries;
    private readonly TimeProvider _time;
    private volatile IReadOnlyList<QueueDepth> _depths = [];

    public QueueTelemetry(IMeterFactory meters, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _time = time;
        var meter = meters.Create(Name);
        _expiries = meter.CreateCounter<long>("postmantis.queue.lease.expiries", "{lease}",
            "Leases of workers that stopped beating.");
        meter.CreateObservableGauge("postmantis.queue.depth",
            () => _depths.Select(d => new Measurement<int>(d.Due, Tag(d.Kind))), "{item}", "Items that are due.");
        meter.CreateObservableGauge("postmantis.queue.leased",
            () => _depths.Select(d => new Measurement<int>(d.Leased, Tag(d.Kind))), "{item}", "Items in flight.");
        meter.CreateObservableGauge("postmantis.queue.oldest",
            () => _depths.Select(d => new Measurement<double>(AgeOf(d).TotalSeconds, Tag(d.Kind))), "s",
            "Age of the oldest due item.");
    }

    /// <summary>How long the longest-waiting due item has waited, as far as was last looked.</summary>
    /// <param name="publishes">False: publishing waits for somebody, and its items with it.</param>
    public TimeSpan Lag(bool publishes) => _depths
        .Where(depth => publishes || depth.Kind != Persistence.SnakeCase<WorkKind>.Write(WorkKind.Publish))
        .Select(AgeOf).DefaultIfEmpty().Max();

    internal void Observed(IReadOnlyList<QueueDepth> depths) => _depths = depths;

    internal void Expired(WorkKind kind, int count)
    {
        if (count > 0) _expiries.Add(count, Tag(Persistence.SnakeCase<WorkKind>.Write(kind)));
    }

    private TimeSpan AgeOf(QueueDepth depth) =>
        depth.OldestDueAt is { } oldest && _time.GetUtcNow() is var now && now > oldest ? now - oldest : TimeSpan.Zero;

    private static KeyValuePair<string, object?> Tag(string kind) => new("kind", kind);
}
