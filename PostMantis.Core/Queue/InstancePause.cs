using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>Whether this instance publishes, and what waits for it.</summary>
/// <param name="HeldAt">Restored or promoted: what may have been sent is being reconciled.</param>
/// <param name="HoldReason"><c>restored</c>, <c>promoted</c>, or <c>operator</c>.</param>
/// <param name="KnownUntil">Everything that was sent until then is known; null when nobody can say.</param>
public sealed record InstanceStatus(
    DateTimeOffset? PausedAt, DateTimeOffset? HeldAt, string? HoldReason, DateTimeOffset? KnownUntil)
{
    public bool Publishes => PausedAt is null && HeldAt is null;
}

/// <summary>
/// Stops and resumes publishing of the whole instance, on every replica. What is being sent finishes, accepted work waits,
/// and looking for unknown outcomes goes on.
/// </summary>
public sealed class InstancePause(UnitOfWork unit, WakeUp wakeUp, ReplicaSignals signals, TimeProvider time)
{
    private const string ByOperator = "operator";
    private readonly PostMantisDb _db = unit.Db;

    public Task<InstanceStatus> ReadAsync(CancellationToken ct) => _db.InstanceState.AsNoTracking()
        .Select(s => new InstanceStatus(s.PausedAt, s.HeldAt, s.HoldReason, s.KnownUntil)).SingleAsync(ct);

    /// <summary>Nothing more is claimed once this returns; a second time changes nothing.</summary>
    public async Task PauseAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await _db.InstanceState.Where(s => s.PausedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.PausedAt, now), ct);
    }

    /// <summary>
    /// Treats the database as one that was restored, where it cannot be told: a disk's snapshot looks like the disk itself.
    /// </summary>
    /// <param name="knownUntil">The moment of the backup.</param>
    public async Task HoldAsync(DateTimeOffset? knownUntil, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await _db.InstanceState.Where(s => s.HeldAt == null).ExecuteUpdateAsync(set => set
            .SetProperty(s => s.HeldAt, now).SetProperty(s => s.HoldReason, ByOperator)
            .SetProperty(s => s.KnownUntil, s => knownUntil ?? s.SeenAt), ct);
    }

    /// <summary>Goes on after a pause, and wakes the workers of every replica; a hold stays.</summary>
    public async Task ResumeAsync(CancellationToken ct)
    {
        await _db.InstanceState.ExecuteUpdateAsync(set => set.SetProperty(s => s.PausedAt, (DateTimeOffset?)null), ct);
        await WakeAsync(ct);
    }

    /// <summary>Ends a hold and a pause: for whoever saw to what may have been sent.</summary>
    internal async Task ReleaseAsync(CancellationToken ct)
    {
        await _db.InstanceState.ExecuteUpdateAsync(set => set.SetProperty(s => s.PausedAt, (DateTimeOffset?)null)
            .SetProperty(s => s.HeldAt, (DateTimeOffset?)null).SetProperty(s => s.HoldReason, (string?)null)
            .SetProperty(s => s.KnownUntil, (DateTimeOffset?)null), ct);
        await WakeAsync(ct);
    }

    private async Task WakeAsync(CancellationToken ct)
    {
        wakeUp.Ring(nameof(WorkKind.Publish));
        await signals.TellNowAsync(nameof(WorkKind.Publish), ct);
    }
}
