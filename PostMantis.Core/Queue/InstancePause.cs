using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>Whether this instance publishes, and what waits for it.</summary>
/// <param name="HeldAt">Restored or promoted: what may have been sent is being reconciled.</param>
public sealed record InstanceStatus(DateTimeOffset? PausedAt, DateTimeOffset? HeldAt)
{
    public bool Publishes => PausedAt is null && HeldAt is null;
}

/// <summary>
/// Stops and resumes publishing of the whole instance, on every replica. What is being sent finishes, accepted work waits,
/// and looking for unknown outcomes goes on.
/// </summary>
public sealed class InstancePause(UnitOfWork unit, WakeUp wakeUp, ReplicaSignals signals, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    public Task<InstanceStatus> ReadAsync(CancellationToken ct) =>
        _db.InstanceState.AsNoTracking().Select(s => new InstanceStatus(s.PausedAt, s.HeldAt)).SingleAsync(ct);

    /// <summary>Nothing more is claimed once this returns; a second time changes nothing.</summary>
    public async Task PauseAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await _db.InstanceState.Where(s => s.PausedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.PausedAt, now), ct);
    }

    /// <summary>Goes on, also after a restore, and wakes the workers of every replica.</summary>
    public async Task ResumeAsync(CancellationToken ct)
    {
        await _db.InstanceState.ExecuteUpdateAsync(set => set.SetProperty(s => s.PausedAt, (DateTimeOffset?)null)
            .SetProperty(s => s.HeldAt, (DateTimeOffset?)null), ct);
        wakeUp.Ring(nameof(WorkKind.Publish));
        await signals.TellNowAsync(nameof(WorkKind.Publish), ct);
    }
}
