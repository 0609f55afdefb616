using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>
/// Hands out work: claims what is due and free under a lease, and who settles proves with the lease's token that the item
/// is still theirs. Every method joins the transaction that is open.
/// </summary>
public sealed class WorkQueue(
    UnitOfWork unit, WorkerIdentity worker, FreedLanes freed, ReachedItems reached, TimeProvider time, IOptions<QueueOptions> options)
{
    // One claim of a kind at a time, so that what a claim sees of lanes and shares is exact. A claimer that froze loses
    // its connection, and the lock with it. A claim takes its rows in the order of an index and no other way: statistics
    // made while the queue was empty promise that reading and sorting all of a backlog is cheaper.
    private const string TakeTurnSql = """
        SELECT set_config('idle_in_transaction_session_timeout', '15s', true), set_config('jit', 'off', true),
            set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('enable_sort', 'off', true), pg_advisory_xact_lock($1)
        """;

    // What else the transaction asks is planned as whoever runs Postgres has it.
    private const string AsEverSql = """
        SELECT set_config('enable_seqscan', NULL, true), set_config('enable_bitmapscan', NULL, true),
            set_config('enable_sort', NULL, true)
        """;

    private const int Unnamed = 16;
    private const long FirstLock = 0x506F_7374_4D10;

    // Paused or held; another timeline than the one that was known is as good as held, until somebody has looked.
    private const string ShutSql = """
        SELECT 1 FROM instance_state WHERE paused_at IS NOT NULL OR held_at IS NOT NULL OR CASE WHEN timeline IS NOT NULL
            THEN timeline <> left(pg_walfile_name(pg_current_wal_lsn()), 8) ELSE false END
        """;

    // Ready items first, then what is due in each pool that has room: the first of each free lane, as far as its user is below their share. What is
    // due but blocked is set aside as queued, so that each item is looked at once on its way and nobody waits behind it; of
    // those, what is no longer blocked but does not fit becomes ready, because its lane is told free only once.
    private const string ClaimSql = $"""
        WITH RECURSIVE gate AS (
            SELECT $1 <> 'publish' OR NOT EXISTS (
                {ShutSql}) AS is_open),
        pools(pool) AS (
            (SELECT pool FROM work_items WHERE kind = $1 AND state = 'ready' ORDER BY pool LIMIT 1)
            UNION ALL
            SELECT n.pool FROM pools p CROSS JOIN LATERAL (
                SELECT pool FROM work_items WHERE kind = $1 AND state = 'ready' AND pool > p.pool
                ORDER BY pool LIMIT 1) n),
        first AS MATERIALIZED (
            SELECT i.id, i.pool, row_number() OVER (ORDER BY i.run_at, i.id) AS n
            FROM pools p LEFT JOIN unnest($4, $5) AS r(pool, room) USING (pool) CROSS JOIN LATERAL (
                SELECT id, pool, run_at FROM work_items
                WHERE kind = $1 AND state = 'ready' AND pool = p.pool AND run_at <= $2
                ORDER BY run_at, id LIMIT least(coalesce(r.room, $3), $3) FOR UPDATE SKIP LOCKED) i
            WHERE (SELECT is_open FROM gate)),
        used AS MATERIALIZED (SELECT pool, count(*) AS n FROM first GROUP BY pool),
        room AS (SELECT CASE WHEN is_open THEN greatest($3 - (SELECT count(*) FROM first), 0) ELSE 0 END AS n FROM gate),
        found(pool) AS (
            (SELECT pool FROM work_items
            WHERE kind = $1 AND state = 'waiting' AND (SELECT n FROM room) > 0 AND cardinality($13) = 0
            ORDER BY pool LIMIT 1)
            UNION ALL
            SELECT n.pool FROM found f CROSS JOIN LATERAL (
                SELECT pool FROM work_items WHERE kind = $1 AND state = 'waiting' AND pool > f.pool
                ORDER BY pool LIMIT 1) n),
        sources AS (
            SELECT pool, '-infinity'::timestamptz AS from_at, '00000000-0000-0000-0000-000000000000'::uuid AS from_id
            FROM found
            UNION ALL SELECT * FROM unnest($13, $14, $15)),
        most AS MATERIALIZED (
            SELECT s.*, least($6, greatest(fit.n, least(fit.n * 4, 100))) AS n
            FROM sources s LEFT JOIN unnest($4, $5) AS r(pool, room) USING (pool) LEFT JOIN used u USING (pool)
            CROSS JOIN LATERAL (
                SELECT least((SELECT n FROM room), greatest(coalesce(r.room - coalesce(u.n, 0), $3), 0)) AS n) fit),
        due AS MATERIALIZED (
            SELECT i.id, i.run_at, m.pool, i.user_id, i.lane FROM most m CROSS JOIN LATERAL (
                SELECT id, run_at, user_id, lane FROM work_items
                WHERE kind = $1 AND state = 'waiting' AND pool = m.pool AND (run_at, id) >= (m.from_at, m.from_id)
                    AND run_at <= $2
                ORDER BY run_at, id LIMIT m.n) i),
        queued(user_id, lane) AS (
            (SELECT user_id, lane FROM work_items WHERE kind = $1 AND state = 'queued' AND $7 ORDER BY user_id, lane LIMIT 1)
            UNION ALL
            SELECT n.user_id, n.lane FROM queued q CROSS JOIN LATERAL (
                SELECT user_id, lane FROM work_items w
                WHERE kind = $1 AND state = 'queued' AND (w.user_id, w.lane) > (q.user_id, q.lane)
                ORDER BY user_id, lane LIMIT 1) n),
        eased(user_id, n) AS (SELECT user_id, count(*) FROM unnest($8) AS f(user_id) GROUP BY user_id),
        lanes AS MATERIALIZED (
            SELECT user_id, lane FROM due
            UNION SELECT user_id, lane FROM queued
            UNION SELECT f.user_id, f.lane FROM unnest($8, $9) AS f(user_id, lane) WHERE (
                SELECT q.id FROM work_items q
                WHERE q.kind = $1 AND q.state = 'queued' AND q.user_id = f.user_id AND q.lane = f.lane LIMIT 1) IS NOT NULL
            UNION SELECT q.user_id, q.lane FROM eased e CROSS JOIN LATERAL (
                SELECT user_id, lane FROM work_items
                WHERE kind = $1 AND state = 'queued' AND user_id = e.user_id ORDER BY run_at, id LIMIT $10 * 2) q
            WHERE e.n + (SELECT count(*) FROM work_items b WHERE b.user_id = e.user_id AND b.kind = $1
                AND b.state IN ('ready', 'leased')) >= $10),
        head AS MATERIALIZED (
            SELECT h.* FROM lanes l CROSS JOIN LATERAL (
                SELECT id, user_id, pool, run_at, state FROM work_items w
                WHERE w.lane = l.lane AND w.kind = $1 AND w.state IN ('waiting', 'queued') AND w.run_at <= $2
                ORDER BY run_at, id LIMIT 1) h
            WHERE (SELECT n FROM room) > 0 AND (
                SELECT b.id FROM work_items b
                WHERE b.user_id = l.user_id AND b.lane = l.lane AND b.state IN ('ready', 'leased') LIMIT 1) IS NULL),
        busy AS MATERIALIZED (
            SELECT u.user_id, (SELECT count(*) FROM work_items b
                WHERE b.user_id = u.user_id AND b.kind = $1 AND b.state IN ('ready', 'leased')) AS n
            FROM (SELECT DISTINCT user_id FROM head) u),
        placed AS (
            SELECT h.*, b.n + row_number() OVER (PARTITION BY h.user_id ORDER BY h.run_at, h.id) AS place
            FROM head h JOIN busy b USING (user_id)),
        chosen AS MATERIALIZED (
            SELECT p.id, p.place, p.run_at, p.state, row_number() OVER (PARTITION BY p.pool ORDER BY p.place, p.run_at, p.id)
                <= coalesce(r.room, $3) - coalesce(u.n, 0) AS fits
            FROM placed p LEFT JOIN unnest($4, $5) AS r(pool, room) USING (pool) LEFT JOIN used u USING (pool)
            WHERE p.place <= $10),
        slot AS MATERIALIZED (
            SELECT id FROM chosen WHERE fits ORDER BY place, run_at, id LIMIT (SELECT n FROM room)),
        step AS MATERIALIZED (
            SELECT id, 'leased' AS state FROM slot
            UNION ALL
            SELECT id, 'ready' FROM chosen WHERE state = 'queued' AND id NOT IN (SELECT id FROM slot)
            UNION ALL
            SELECT id, 'queued' FROM due WHERE id NOT IN (SELECT id FROM chosen)),
        mine AS MATERIALIZED (
            SELECT w.id FROM work_items w
            WHERE w.id = ANY(ARRAY(SELECT id FROM step)) AND w.state IN ('waiting', 'queued') AND w.run_at <= $2
            ORDER BY w.id FOR UPDATE SKIP LOCKED),
        moved AS MATERIALIZED (SELECT s.id, s.state FROM mine m JOIN step s USING (id)),
        readied AS (
            UPDATE work_items SET state = 'ready' WHERE id = ANY(ARRAY(SELECT id FROM moved WHERE state = 'ready'))),
        set_aside AS (
            UPDATE work_items SET state = 'queued'
            WHERE id = ANY(ARRAY(SELECT id FROM moved WHERE state = 'queued'))),
        leased AS (
            UPDATE work_items SET state = 'leased', tries = tries + 1, worker_id = $11, lease_token = gen_random_uuid(),
                lease_expires_at = clock_timestamp() + $12
            WHERE id = ANY(ARRAY(
                SELECT id FROM first WHERE n <= $3 UNION ALL SELECT id FROM moved WHERE state = 'leased'))
            RETURNING *)
        SELECT id, user_id, key, lane, tries, lease_token, run_at, created_at, traceparent FROM leased
        UNION ALL
        SELECT coalesce(x.id, m.from_id), NULL, NULL, NULL, (m.n > 0 AND m.n = (SELECT count(*) FROM due d WHERE d.pool = m.pool))::int, NULL,
            coalesce(x.run_at, m.from_at), NULL, m.pool
        FROM most m LEFT JOIN LATERAL (
            SELECT d.run_at, d.id FROM due d LEFT JOIN moved v USING (id) WHERE d.pool = m.pool
            ORDER BY v.id IS NOT NULL, CASE WHEN v.id IS NULL THEN d.run_at END, CASE WHEN v.id IS NULL THEN d.id END,
                d.run_at DESC, d.id DESC LIMIT 1) x ON true
        """;

    // What the claim above comes to where nothing else is due and nothing is in the way; else it finds nothing.
    private const string ClaimOneSql = $"""
        UPDATE work_items w SET state = 'leased', tries = tries + 1, worker_id = $3, lease_token = gen_random_uuid(),
            lease_expires_at = clock_timestamp() + $4
        WHERE w.id = (SELECT id FROM work_items WHERE id = $1 AND state = 'waiting' AND run_at <= $2 FOR UPDATE SKIP LOCKED)
            AND NOT EXISTS ({ShutSql})
            AND NOT EXISTS (
                SELECT 1 FROM work_items b
                WHERE b.user_id = w.user_id AND b.lane = w.lane AND b.state IN ('ready', 'leased'))
            AND NOT EXISTS (
                SELECT 1 FROM work_items e WHERE e.lane = w.lane AND e.kind = w.kind AND e.state IN ('waiting', 'queued')
                    AND (e.run_at, e.id) < (w.run_at, w.id))
            AND NOT EXISTS (
                SELECT 1 FROM work_items r
                WHERE r.kind = w.kind AND r.state = 'ready' AND r.pool = w.pool AND r.run_at <= $2)
            AND (SELECT count(*) FROM work_items b
                WHERE b.user_id = w.user_id AND b.kind = w.kind AND b.state IN ('ready', 'leased')) < $5
        RETURNING id, user_id, key, lane, tries, lease_token, run_at, created_at, traceparent
        """;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Claims up to <paramref name="slots"/> due items under leases of this process, fair between users.</summary>
    /// <param name="rooms">How many more of a pool may be claimed, for pools that are bounded.</param>
    /// <param name="perUser">How many of one user may be in flight, where that is not what the queue says.</param>
    public Task<Claim> ClaimAsync(WorkKind kind, int slots, CancellationToken ct,
        IReadOnlyDictionary<string, int>? rooms = null, int? perUser = null)
    {
        if (slots <= 0) return Task.FromResult(new Claim([], false));
        return unit.RunAsync(async token =>
        {
            var (now, name, batch) = (time.GetUtcNow(), SnakeCase<WorkKind>.Write(kind), options.Value.PromoteBatch);

            // A lane is of no use where nothing fits; a few are looked at for pools that are not named.
            var hints = freed.Take(kind, rooms is { Count: > 0 } ? Math.Min(slots, rooms.Values.Sum() + Unnamed) : slots);
            unit.PlanOnce();
            await using var commands = unit.Batch();
            commands.Add(TakeTurnSql).Parameters.AddWithValue(FirstLock + (long)kind);
            var parameters = commands.Add(ClaimSql).Parameters;
            parameters.AddWithValue(name);
            parameters.AddWithValue(now);
            parameters.AddWithValue(slots);
            parameters.AddWithValue(rooms?.Keys.ToArray() ?? []);
            parameters.AddWithValue(rooms?.Values.ToArray() ?? []);
            parameters.AddWithValue(batch);
            parameters.AddWithValue(hints.LookEverywhere);
            parameters.AddWithValue(hints.Users);
            parameters.AddWithValue(hints.Lanes);
            parameters.AddWithValue((long)(perUser ?? options.Value.PerUser));
            parameters.AddWithValue(worker.Id);
            parameters.AddWithValue(options.Value.Lease);
            var from = reached.Of(kind);
            parameters.AddWithValue(from.Select(f => f.Pool).ToArray());
            parameters.AddWithValue(from.Select(f => f.RunAt).ToArray());
            parameters.AddWithValue(from.Select(f => f.Id).ToArray());
            commands.Add(AsEverSql);
            List<WorkLease> leases = [];
            List<ReachedItem> last = [];
            var again = false;
            await using var rows = await commands.ReadAsync(token);
            await rows.NextResultAsync(token);
            while (await rows.ReadAsync(token))
            {
                if (!rows.IsDBNull(1))
                {
                    leases.Add(Read(rows, kind));
                    continue;
                }
                again |= rows.GetInt32(4) == 1;
                last.Add(new ReachedItem(rows.GetString(8), rows.Time(6), rows.GetGuid(0)));
            }
            unit.AfterCommit(() => reached.Set(kind, again ? last : [], isFull: from.Count == 0));

            // Nothing where the last claim stopped: the next one begins at the beginning.
            return new Claim(leases, again || (leases.Count == 0 && from.Count > 0));
        }, ct);
    }

    /// <summary>
    /// Adds the statements that claim one item to publish, for a worker with nothing else to do. It is claimed as
    /// <see cref="ClaimAsync"/> would, or not at all: the result after that of the turn is its lease, or empty.
    /// </summary>
    internal void ClaimOne(SqlBatch batch, WorkItem item)
    {
        batch.Add(TakeTurnSql).Parameters.AddWithValue(FirstLock + (long)WorkKind.Publish);
        batch.Add(ClaimOneSql, item.Id, time.GetUtcNow(), worker.Id, options.Value.Lease, (long)options.Value.PerUser);
    }

    /// <summary>Reads the lease of <see cref="ClaimOne"/>.</summary>
    internal static async Task<WorkLease?> ReadOneAsync(NpgsqlDataReader rows, CancellationToken ct)
    {
        await rows.NextResultAsync(ct);
        return await rows.ReadAsync(ct) ? Read(rows, WorkKind.Publish) : null;
    }

    /// <summary>Waits for the claim of <paramref name="kind"/> under way and keeps others back until the commit.</summary>
    public async Task TakeTurnAsync(WorkKind kind, CancellationToken ct)
    {
        await using var commands = unit.Batch();
        commands.Add(TakeTurnSql).Parameters.AddWithValue(FirstLock + (long)kind);
        commands.Add(AsEverSql);
        await commands.RunAsync(ct);
    }

    /// <summary>Locks, in id order, the items that are still ours; the answer names them.</summary>
    public async Task<IReadOnlySet<Guid>> LockAsync(IReadOnlyCollection<WorkLease> leases, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(leases);
        var (ids, tokens) = (leases.Select(l => l.Id).ToArray(), leases.Select(l => l.LeaseToken).ToArray());
        var locked = await _db.Database.SqlQuery<Guid>($"""
            SELECT w.id AS "Value" FROM work_items w
            JOIN unnest({ids}, {tokens}) AS s(id, token) ON w.id = s.id AND w.lease_token = s.token
            ORDER BY w.id FOR UPDATE OF w
            """).ToListAsync(ct);
        return locked.ToHashSet();
    }

    /// <summary>
    /// Deletes what is still ours: the answer drives every other write of the settlement. What is missing from it was
    /// taken from us, and its state belongs to somebody else.
    /// </summary>
    public async Task<IReadOnlySet<Guid>> SettleAsync(IReadOnlyCollection<WorkLease> leases, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(leases);
        var (ids, tokens) = (leases.Select(l => l.Id).ToArray(), leases.Select(l => l.LeaseToken).ToArray());
        var settled = await _db.Database.SqlQuery<Guid>($"""
            WITH mine AS MATERIALIZED (
                SELECT w.id FROM work_items w
                JOIN unnest({ids}, {tokens}) AS s(id, token) ON w.id = s.id AND w.lease_token = s.token
                ORDER BY w.id FOR UPDATE OF w)
            DELETE FROM work_items w USING mine WHERE w.id = mine.id RETURNING w.id AS "Value"
            """).ToListAsync(ct);
        Free(leases.Where(l => settled.Contains(l.Id)));
        return settled.ToHashSet();
    }

    /// <summary>
    /// Adds the statement that takes items off our hands, deleting or giving back each, as far as they are still ours: its
    /// rows are the ids that were.
    /// </summary>
    /// <param name="left">A return, or null for what has ended.</param>
    public static void Leave(SqlBatch batch, IReadOnlyList<(WorkLease Lease, WorkReturn? Return)> left)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var columns = new SqlColumns<(WorkLease Lease, WorkReturn? Return)>(batch.Add("""
            WITH mine AS MATERIALIZED (
                SELECT w.id, s.run_at, s.uncounted FROM work_items w
                JOIN unnest($1, $2, $3, $4) AS s(id, token, run_at, uncounted) ON w.id = s.id AND w.lease_token = s.token
                ORDER BY w.id FOR UPDATE OF w),
            gone AS (
                DELETE FROM work_items w USING mine WHERE w.id = mine.id AND mine.run_at IS NULL RETURNING w.id),
            back AS (
                UPDATE work_items w SET state = 'waiting', run_at = mine.run_at, tries = w.tries - mine.uncounted,
                    lease_token = NULL, lease_expires_at = NULL, worker_id = NULL
                FROM mine WHERE w.id = mine.id AND mine.run_at IS NOT NULL RETURNING w.id)
            SELECT id FROM gone UNION ALL SELECT id FROM back
            """), left);
        columns.Add(l => l.Lease.Id);
        columns.Add(l => l.Lease.LeaseToken);
        columns.Add(l => l.Return?.RunAt);
        columns.Add(l => l.Return is { Counts: false } ? 1 : 0);
    }

    /// <summary>Gives items back to wait for another moment, as far as they are still ours.</summary>
    /// <returns>The ids that were.</returns>
    public async Task<IReadOnlySet<Guid>> ReturnAsync(IReadOnlyCollection<WorkReturn> returns, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(returns);
        var ids = returns.Select(r => r.Lease.Id).ToArray();
        var tokens = returns.Select(r => r.Lease.LeaseToken).ToArray();
        var moments = returns.Select(r => r.RunAt).ToArray();
        var uncounted = returns.Select(r => r.Counts ? 0 : 1).ToArray();
        var returned = await _db.Database.SqlQuery<Guid>($"""
            WITH mine AS MATERIALIZED (
                SELECT w.id, s.run_at, s.uncounted FROM work_items w
                JOIN unnest({ids}, {tokens}, {moments}, {uncounted}) AS s(id, token, run_at, uncounted)
                    ON w.id = s.id AND w.lease_token = s.token
                ORDER BY w.id FOR UPDATE OF w)
            UPDATE work_items w SET state = 'waiting', run_at = mine.run_at, tries = w.tries - mine.uncounted,
                lease_token = NULL, lease_expires_at = NULL, worker_id = NULL
            FROM mine WHERE w.id = mine.id RETURNING w.id AS "Value"
            """).ToListAsync(ct);
        Free(returns.Where(r => returned.Contains(r.Lease.Id)).Select(r => r.Lease));
        return returned.ToHashSet();
    }

    /// <summary>Says, once the open transaction is durable, that the lanes of <paramref name="leases"/> are free.</summary>
    public void Free(IEnumerable<WorkLease> leases)
    {
        var left = leases.ToList();
        unit.AfterCommit(() => freed.Add(left));
    }

    /// <summary>
    /// Locks items of <paramref name="kind"/> whose lease has run out by the database's clock and whose worker no longer
    /// beats. The caller decides what becomes of them, in the same transaction.
    /// </summary>
    public async Task<IReadOnlyList<WorkLease>> LockExpiredAsync(WorkKind kind, int most, CancellationToken ct)
    {
        var (name, lease) = (SnakeCase<WorkKind>.Write(kind), options.Value.Lease);
        var expired = await _db.Database.SqlQuery<WorkLease>($"""
            SELECT w.id, w.user_id, w.key, w.lane, w.tries, w.lease_token, w.run_at, w.created_at, w.traceparent
            FROM work_items w
            WHERE w.state = 'leased' AND w.lease_expires_at < clock_timestamp() AND w.kind = {name}
                AND NOT EXISTS (SELECT 1 FROM workers k
                    WHERE k.id = w.worker_id AND k.heartbeat_at > clock_timestamp() - {lease})
            ORDER BY w.id LIMIT {most} FOR UPDATE OF w SKIP LOCKED
            """).ToListAsync(ct);
        return [.. expired.Select(l => l with { Kind = kind })];
    }

    /// <summary>
    /// Gives up leases of this process that nobody in it holds and that have run out: recovery takes them as those of a
    /// process that died.
    /// </summary>
    /// <returns>How many there were.</returns>
    public Task<int> DisownAsync(IReadOnlyCollection<WorkKind> kinds, HeldLeases held, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(held);
        var (names, tokens, workerId) = (kinds.Select(SnakeCase<WorkKind>.Write).ToArray(), held.Tokens.ToArray(), worker.Id);
        return _db.Database.ExecuteSqlAsync($"""
            UPDATE work_items SET worker_id = NULL
            WHERE state = 'leased' AND worker_id = {workerId} AND kind = ANY({names}) AND lease_expires_at < clock_timestamp()
                AND lease_token <> ALL({tokens})
            """, ct);
    }

    /// <summary>
    /// The next moment after <paramref name="after"/> at which an item of <paramref name="kind"/> becomes due; null: none
    /// waits, or publishing is paused or held.
    /// </summary>
    public async Task<DateTimeOffset?> NextDueAsync(WorkKind kind, DateTimeOffset after, CancellationToken ct)
    {
        var name = SnakeCase<WorkKind>.Write(kind);
        return await _db.Database.SqlQuery<DateTimeOffset?>($"""
            WITH RECURSIVE pools(pool) AS (
                (SELECT pool FROM work_items WHERE kind = {name} AND state = 'waiting' ORDER BY pool LIMIT 1)
                UNION ALL
                SELECT n.pool FROM pools p CROSS JOIN LATERAL (
                    SELECT pool FROM work_items WHERE kind = {name} AND state = 'waiting' AND pool > p.pool
                    ORDER BY pool LIMIT 1) n)
            SELECT min(n.run_at) AS "Value" FROM pools p CROSS JOIN LATERAL (
                SELECT run_at FROM work_items
                WHERE kind = {name} AND state = 'waiting' AND pool = p.pool AND run_at > {after}
                ORDER BY run_at LIMIT 1) n
            WHERE {name} <> 'publish' OR NOT EXISTS (
                SELECT 1 FROM instance_state WHERE paused_at IS NOT NULL OR held_at IS NOT NULL OR CASE WHEN timeline IS NOT NULL
                    THEN timeline <> left(pg_walfile_name(pg_current_wal_lsn()), 8) ELSE false END)
            """).SingleAsync(ct);
    }

    /// <summary>What is due now, by kind.</summary>
    public async Task<IReadOnlyList<QueueDepth>> DepthsAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return await _db.Database.SqlQuery<QueueDepth>($"""
            SELECT kind, (count(*) FILTER (WHERE state <> 'leased' AND run_at <= {now}))::int AS due,
                (count(*) FILTER (WHERE state = 'leased'))::int AS leased,
                min(run_at) FILTER (WHERE state <> 'leased' AND run_at <= {now}) AS oldest_due_at
            FROM work_items GROUP BY kind
            """).ToListAsync(ct);
    }

    private static WorkLease Read(NpgsqlDataReader row, WorkKind kind) => new()
    {
        Kind = kind,
        Id = row.GetGuid(0),
        UserId = row.GetGuid(1),
        Key = row.GetGuid(2),
        Lane = row.GetGuid(3),
        Tries = row.GetInt32(4),
        LeaseToken = row.GetGuid(5),
        RunAt = row.GetFieldValue<DateTimeOffset>(6),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(7),
        Traceparent = row.IsDBNull(8) ? null : row.GetString(8),
    };
}

/// <summary>A claimed item that goes back to wait.</summary>
/// <param name="Counts">False: this claim was no try, such as a poll or a deferral.</param>
public readonly record struct WorkReturn(WorkLease Lease, DateTimeOffset RunAt, bool Counts);
