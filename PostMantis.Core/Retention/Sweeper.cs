using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Retention;

/// <summary>
/// Erases what is kept for a time only, in small batches that each commit: the numbers of old events, with which they leave
/// the feed, remembered answers to idempotency keys, invitations nobody accepted. Replicas may sweep at once. The events
/// themselves go with their month.
/// </summary>
public sealed partial class Sweeper(
    PostMantisDb db, MonthlyPartitions partitions, IOptions<EventOptions> options, TimeProvider time, ILogger<Sweeper> logger)
{
    private const int MostPerBatch = 1000;

    /// <summary>Erases everything whose time has come, and makes the months to come.</summary>
    /// <returns>How many rows of each kind were erased.</returns>
    public async Task<Swept> RunOnceAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var swept = new Swept(
            await EventsAsync(now - options.Value.KeepFor, ct),
            await BatchesAsync(() => db.Database.ExecuteSqlAsync($"""
                DELETE FROM idempotency_keys WHERE (user_id, key) IN (
                    SELECT user_id, key FROM idempotency_keys WHERE expires_at <= {now}
                    ORDER BY expires_at LIMIT {MostPerBatch} FOR UPDATE SKIP LOCKED)
                """, ct)),
            await BatchesAsync(() => db.Database.ExecuteSqlAsync($"""
                DELETE FROM invitations WHERE id IN (
                    SELECT id FROM invitations WHERE accepted_at IS NULL AND expires_at <= {now}
                    ORDER BY id LIMIT {MostPerBatch} FOR UPDATE SKIP LOCKED)
                """, ct)));
        await partitions.KeepAsync("events", now, options.Value.KeepFor, ct,
            ("event_numbers", "event_id"), ("unnumbered_events", "event_id"));
        if (swept.Total > 0) LogSwept(logger, swept.Events, swept.IdempotencyKeys, swept.Invitations);
        return swept;
    }

    // From a user's lowest number upwards, up to the first event that is kept: what can be read never has a gap, whatever
    // the clocks of those who wrote it said.
    private async Task<int> EventsAsync(DateTimeOffset before, CancellationToken ct)
    {
        var users = await db.Database.SqlQuery<Guid>($"""
            SELECT s.user_id AS "Value" FROM event_sequences s
            WHERE (SELECT e.created_at FROM event_numbers n JOIN events e ON e.id = n.event_id
                   WHERE n.user_id = s.user_id ORDER BY n.sequence LIMIT 1) < {before}
            """).ToListAsync(ct);
        var erased = 0;
        foreach (var userId in users)
        {
            erased += await BatchesAsync(() => db.Database.ExecuteSqlAsync($"""
                DELETE FROM event_numbers WHERE user_id = {userId} AND sequence IN (
                    SELECT sequence FROM (
                        SELECT sequence, bool_and(created_at < {before}) OVER (ORDER BY sequence) AS is_old FROM (
                            SELECT n.sequence, e.created_at FROM event_numbers n JOIN events e ON e.id = n.event_id
                            WHERE n.user_id = {userId} ORDER BY n.sequence LIMIT {MostPerBatch}) lowest) judged
                    WHERE is_old)
                """, ct));
        }
        return erased;
    }

    private static async Task<int> BatchesAsync(Func<Task<int>> batch)
    {
        var (all, erased) = (0, 0);
        do
        {
            erased = await batch();
            all += erased;
        }
        while (erased == MostPerBatch);
        return all;
    }

    [LoggerMessage(LogLevel.Information,
        "Erased {Events} events, {IdempotencyKeys} idempotency keys and {Invitations} invitations whose time had come.")]
    private static partial void LogSwept(ILogger logger, int events, int idempotencyKeys, int invitations);
}

/// <summary>How many rows were erased.</summary>
public sealed record Swept(int Events, int IdempotencyKeys, int Invitations)
{
    public int Total => Events + IdempotencyKeys + Invitations;
}
