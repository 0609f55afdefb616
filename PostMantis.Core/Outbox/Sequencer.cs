using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Outbox;

/// <summary>
/// Numbers committed events, rising per user: one writer per user at a time, so nothing appears later below a number that
/// was already read, and accepting posts takes no lock for it. Events of one post are numbered in the order they were
/// committed, whatever the clocks of their writers said.
/// </summary>
public sealed class Sequencer(UnitOfWork unit, IEventFollower follower)
{
    /// <summary>A round that numbered this many may have left some.</summary>
    public const int MostPerBatch = 5000;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Numbers one batch.</summary>
    /// <returns>How many events were numbered.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var users = await _db.Database.SqlQuery<Guid>($"""
            SELECT DISTINCT user_id AS "Value" FROM (
                SELECT user_id FROM unnumbered_events ORDER BY position LIMIT {MostPerBatch}) waiting
            """).ToArrayAsync(ct);
        if (users.Length == 0) return 0;
        return await unit.RunAsync(async token =>
        {
            if (await LockAsync(users, token) < users.Length)
            {
                await _db.Database.ExecuteSqlAsync($"""
                    INSERT INTO event_sequences (user_id, last) SELECT u, 0 FROM unnest({users}) u ORDER BY u
                    ON CONFLICT (user_id) DO NOTHING
                    """, token);
                await LockAsync(users, token);
            }

            // A statement after the lock: it sees every number given before.
            var numbered = await _db.Database.SqlQuery<NumberedRange>($"""
                WITH waiting AS (
                    DELETE FROM unnumbered_events u WHERE u.position = ANY(ARRAY(
                        SELECT position FROM unnumbered_events WHERE user_id IN (SELECT unnest({users}))
                        ORDER BY position LIMIT {MostPerBatch}))
                    RETURNING u.position, u.event_id, u.user_id),
                numbered AS (
                    INSERT INTO event_numbers (user_id, sequence, event_id)
                    SELECT w.user_id, s.last + row_number() OVER (PARTITION BY w.user_id ORDER BY w.position), w.event_id
                    FROM waiting w JOIN event_sequences s USING (user_id)
                    RETURNING user_id, sequence),
                moved AS (
                    UPDATE event_sequences s SET last = n.highest
                    FROM (SELECT user_id, max(sequence) AS highest FROM numbered GROUP BY user_id) n
                    WHERE s.user_id = n.user_id)
                SELECT user_id, min(sequence) AS lowest, max(sequence) AS highest, count(*)::int AS count, EXISTS (
                    SELECT 1 FROM webhook_endpoints w WHERE w.user_id = n.user_id AND w.disabled_at IS NULL) AS is_followed
                FROM numbered n GROUP BY user_id
                """).ToListAsync(token);
            if (numbered.FindAll(n => n.IsFollowed) is { Count: > 0 } followed) await follower.FollowAsync(followed, token);
            return numbered.Sum(n => n.Count);
        }, ct);
    }

    private async Task<int> LockAsync(Guid[] users, CancellationToken ct) => (await _db.Database.SqlQuery<Guid>($"""
        SELECT user_id AS "Value" FROM event_sequences WHERE user_id = ANY({users}) ORDER BY user_id FOR UPDATE
        """).ToListAsync(ct)).Count;
}
