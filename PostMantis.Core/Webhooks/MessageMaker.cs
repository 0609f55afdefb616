using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Makes the messages of events in the transaction that numbers them, and sees that every lane with a message has a work
/// item: one statement for all.
/// </summary>
internal sealed class MessageMaker(UnitOfWork unit, WakeUp wakeUp, WebhookTelemetry telemetry, TimeProvider time) : IEventFollower
{
    private const string MakeSql = $"""
        WITH happened AS MATERIALIZED (
            SELECT {MessageSql.Happened}
            FROM unnest($2, $3, $4) r(user_id, lowest, highest)
            JOIN event_numbers n ON n.user_id = r.user_id AND n.sequence BETWEEN r.lowest AND r.highest
            CROSS JOIN LATERAL (SELECT * FROM events WHERE id = n.event_id LIMIT 1) e),
        wanted AS MATERIALIZED (
            SELECT {MessageSql.Id} AS id, h.user_id, w.id AS endpoint_id, h.id AS event_id, h.sequence, h.type,
                {MessageSql.Lane} AS lane, {MessageSql.Due} AS due, w.retry_at
            FROM happened h JOIN webhook_endpoints w ON w.user_id = h.user_id
            WHERE w.disabled_at IS NULL AND {MessageSql.Wants}),
        made AS (
            INSERT INTO webhook_messages (id, user_id, endpoint_id, event_id, sequence, type, lane, status, attempts, tries,
                next_attempt_at, created_at)
            SELECT id, user_id, endpoint_id, event_id, sequence, type, lane, 'pending', 0, 0, due, $1 FROM wanted
            ON CONFLICT DO NOTHING RETURNING id),
        lanes AS (
            INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
            SELECT gen_random_uuid(), user_id, 'webhook', lane, lane, '', 'waiting', greatest(min(due), min(retry_at)), 0, $1
            FROM wanted GROUP BY lane, user_id ORDER BY lane
            ON CONFLICT (kind, key) DO UPDATE SET run_at = excluded.run_at
                WHERE work_items.state = 'waiting' AND work_items.run_at > excluded.run_at)
        SELECT count(*)::int FROM made
        """;

    public async Task FollowAsync(IReadOnlyList<NumberedRange> numbered, CancellationToken ct)
    {
        await using var batch = unit.Batch();
        batch.Add(MakeSql, time.GetUtcNow(), numbered.Select(n => n.UserId).ToArray(),
            numbered.Select(n => n.Lowest).ToArray(), numbered.Select(n => n.Highest).ToArray());
        int made;
        await using (var rows = await batch.ReadAsync(ct))
        {
            await rows.ReadAsync(ct);
            made = rows.GetInt32(0);
        }
        if (made == 0) return;
        unit.AfterCommit(() =>
        {
            telemetry.Made(made);
            wakeUp.Signal(WorkKind.Webhook);
        });
    }
}
