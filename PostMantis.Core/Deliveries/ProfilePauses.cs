using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Stops publishing to one profile and goes on with it. What is being sent when it is paused finishes; what is due waits
/// as deferred, and goes on at once when it is resumed. Only in the dashboard.
/// </summary>
public sealed class ProfilePauses(UnitOfWork unit, WorkQueue queue, AuditLog audit, WakeUp wakeUp, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Pauses a profile; a second time changes nothing.</summary>
    /// <exception cref="ProblemException">notFound; insufficientPermission: not a person.</exception>
    public Task PauseAsync(Caller caller, Guid profileId, CancellationToken ct)
    {
        RequirePerson(caller);
        return unit.RunAsync(async token =>
        {
            var profile = await LockAsync(caller, profileId, token);
            if (profile.PausedAt is not null) return;
            var now = time.GetUtcNow();
            (profile.PausedAt, profile.UpdatedAt) = (now, now);
            audit.Add(caller, "profile.paused", ProfileResource.Kind, profileId);
            await _db.SaveChangesAsync(token);
        }, ct);
    }

    /// <summary>Resumes a profile; what waited for it is due now.</summary>
    /// <exception cref="ProblemException">notFound; insufficientPermission: not a person.</exception>
    public Task ResumeAsync(Caller caller, Guid profileId, CancellationToken ct)
    {
        RequirePerson(caller);
        return unit.RunAsync(async token =>
        {
            // No claim is under way then: what one deferred is seen here, and the next one sees that it is resumed.
            await queue.TakeTurnAsync(WorkKind.Publish, token);
            var now = time.GetUtcNow();
            if (!await _db.Profiles.AnyAsync(p => p.Id == profileId && p.UserId == caller.UserId, token))
                throw ProblemException.NotFound("profile");
            await _db.Database.ExecuteSqlAsync($"""
                WITH items AS MATERIALIZED (
                    SELECT w.id, w.key FROM work_items w JOIN deliveries d ON d.id = w.key
                    WHERE w.kind = 'publish' AND w.lane = {profileId} AND w.state = 'waiting' AND w.run_at > {now}
                        AND d.defer_reason = {DeliveryHolds.ProfilePaused}
                    ORDER BY w.id FOR UPDATE OF w),
                due AS (UPDATE work_items w SET run_at = {now} FROM items WHERE w.id = items.id),
                held AS MATERIALIZED (
                    SELECT d.id FROM deliveries d WHERE d.id IN (SELECT key FROM items) ORDER BY d.id FOR UPDATE)
                UPDATE deliveries d SET next_attempt_at = {now}, updated_at = {now} FROM held WHERE d.id = held.id
                """, token);
            var profile = await LockAsync(caller, profileId, token);
            if (profile.PausedAt is null) return;
            (profile.PausedAt, profile.UpdatedAt) = (null, now);
            audit.Add(caller, "profile.resumed", ProfileResource.Kind, profileId);
            await _db.SaveChangesAsync(token);
            unit.AfterCommit(() => wakeUp.Signal(WorkKind.Publish));
        }, ct);
    }

    private async Task<Profile> LockAsync(Caller caller, Guid profileId, CancellationToken ct) =>
        (await _db.Profiles.FromSql($"""
            SELECT * FROM profiles WHERE id = {profileId} AND user_id = {caller.UserId} FOR UPDATE
            """).ToListAsync(ct)).SingleOrDefault() ?? throw ProblemException.NotFound("profile");

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
