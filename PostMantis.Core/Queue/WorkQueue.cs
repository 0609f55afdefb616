using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>
/// Hands out work. Due items are promoted to ready (one of a lane, a few of a user), ready items are claimed under a
/// lease, and who settles proves with the lease's token that the item is still theirs. Every method joins the transaction
/// that is open.
/// </summary>
public sealed class WorkQueue(UnitOfWork unit, WorkerIdentity worker, TimeProvider time, IOptions<QueueOptions> options)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>
    /// Makes due items ready: the first of each free lane, as far as its user is below their share. What is due but
    /// blocked is set aside as queued, so that each item is looked at once on its way and nobody waits behind it.
    /// </summary>
    public Task<Promotion> PromoteAsync(WorkKind kind, CancellationToken ct) => unit.RunAsync(async token =>
    {
        var (name, now, batch) = (SnakeCase<WorkKind>.Write(kind), time.GetUtcNow(), options.Value.PromoteBatch);
        var due = await _db.Database.SqlQuery<DueItem>($"""
            SELECT id, lane FROM work_items
            WHERE kind = {name} AND state = 'waiting' AND run_at <= {now}
            ORDER BY run_at, id LIMIT {batch} FOR UPDATE SKIP LOCKED
            """).ToListAsync(token);

        // One index probe per lane that has something queued, however much that is.
        var queued = await _db.Database.SqlQuery<Guid>($"""
            WITH RECURSIVE lanes AS (
                (SELECT user_id, lane FROM work_items WHERE kind = {name} AND state = 'queued'
                 ORDER BY user_id, lane LIMIT 1)
                UNION ALL
                SELECT n.user_id, n.lane FROM lanes l CROSS JOIN LATERAL (
                    SELECT user_id, lane FROM work_items w
                    WHERE kind = {name} AND state = 'queued' AND (w.user_id, w.lane) > (l.user_id, l.lane)
                    ORDER BY user_id, lane LIMIT 1) n)
            SELECT lane AS "Value" FROM lanes l
            WHERE NOT EXISTS (SELECT 1 FROM work_items b
                WHERE b.user_id = l.user_id AND b.lane = l.lane AND b.state IN ('ready', 'leased'))
            """).ToListAsync(token);
        if (due.Count + queued.Count == 0) return default;

        var lanes = due.Select(item => item.Lane).Concat(queued).Distinct().Order().ToArray();
        var locked = await _db.Database.SqlQuery<Guid>($"""
            SELECT lane AS "Value" FROM unnest({lanes}) lane
            WHERE pg_try_advisory_xact_lock(uuid_hash_extended(lane, 0))
            """).ToArrayAsync(token);

        // A second statement: under the locks it sees what whoever held them before has done.
        var free = locked.ToHashSet();
        var examined = due.Where(item => free.Contains(item.Lane)).Select(item => item.Id).ToArray();
        var perUser = options.Value.PerUser;
        var ready = await _db.Database.SqlQuery<bool>($"""
            WITH head AS (
                SELECT h.id, h.user_id, h.run_at FROM unnest({locked}) l(lane) CROSS JOIN LATERAL (
                    SELECT id, user_id, run_at FROM work_items w
                    WHERE w.lane = l.lane AND w.kind = {name} AND w.state IN ('waiting', 'queued')
                        AND w.run_at <= {now}
                    ORDER BY run_at, id LIMIT 1) h
                WHERE NOT EXISTS (SELECT 1 FROM work_items b
                    WHERE b.user_id = h.user_id AND b.lane = l.lane AND b.state IN ('ready', 'leased'))),
            taken AS (
                SELECT u.user_id, (SELECT count(*) FROM work_items b
                    WHERE b.user_id = u.user_id AND b.kind = {name} AND b.state IN ('ready', 'leased')) AS busy
                FROM (SELECT DISTINCT user_id FROM head) u),
            chosen AS (
                SELECT h.id, t.busy + row_number() OVER (PARTITION BY h.user_id ORDER BY h.run_at, h.id) AS place
                FROM head h JOIN taken t USING (user_id)),
            mine AS MATERIALIZED (
                SELECT w.id FROM work_items w
                WHERE w.id IN (SELECT id FROM chosen WHERE place <= {perUser} UNION SELECT unnest({examined}))
                    AND w.state IN ('waiting', 'queued') AND w.run_at <= {now}
                ORDER BY w.id FOR UPDATE SKIP LOCKED)
            UPDATE work_items w SET state = CASE
                WHEN EXISTS (SELECT 1 FROM chosen c WHERE c.id = w.id AND c.place <= {perUser}) THEN 'ready'
                ELSE 'queued' END
            FROM mine WHERE w.id = mine.id
            RETURNING w.state = 'ready' AS "Value"
            """).ToListAsync(token);
        return new Promotion(ready.Count(isReady => isReady), due.Count == batch || locked.Length < lanes.Length);
    }, ct);

    /// <summary>
    /// Claims up to <paramref name="slots"/> ready items under leases of this process. A unique violation (23505) means
    /// that two claims met in one lane: roll back and claim again.
    /// </summary>
    public async Task<IReadOnlyList<WorkLease>> ClaimAsync(WorkKind kind, int slots, CancellationToken ct)
    {
        if (slots <= 0) return [];
        var (name, now) = (SnakeCase<WorkKind>.Write(kind), time.GetUtcNow());
        var tokens = Enumerable.Range(0, slots).Select(_ => Ids.New(now)).ToArray();
        var (workerId, lease) = (worker.Id, options.Value.Lease);
        return await _db.Database.SqlQuery<WorkLease>($"""
            WITH due AS MATERIALIZED (
                SELECT id, row_number() OVER () AS n FROM (
                    SELECT id FROM work_items WHERE kind = {name} AND state = 'ready' AND run_at <= {now}
                    ORDER BY run_at, id LIMIT {slots} FOR UPDATE SKIP LOCKED) locked)
            UPDATE work_items w SET state = 'leased', tries = tries + 1, worker_id = {workerId},
                lease_token = ({tokens})[due.n], lease_expires_at = clock_timestamp() + {lease}
            FROM due WHERE w.id = due.id
            RETURNING w.id, w.user_id, w.key, w.lane, w.tries, w.lease_token, w.run_at, w.created_at, w.traceparent
            """).ToListAsync(ct);
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
        return settled.ToHashSet();
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
        return returned.ToHashSet();
    }

    /// <summary>
    /// Locks items of <paramref name="kind"/> whose lease has run out by the database's clock and whose worker no longer
    /// beats. The caller decides what becomes of them, in the same transaction.
    /// </summary>
    public async Task<IReadOnlyList<WorkLease>> LockExpiredAsync(WorkKind kind, int most, CancellationToken ct)
    {
        var (name, lease) = (SnakeCase<WorkKind>.Write(kind), options.Value.Lease);
        return await _db.Database.SqlQuery<WorkLease>($"""
            SELECT w.id, w.user_id, w.key, w.lane, w.tries, w.lease_token, w.run_at, w.created_at, w.traceparent
            FROM work_items w
            WHERE w.lease_token IS NOT NULL AND w.lease_expires_at < clock_timestamp() AND w.kind = {name}
                AND NOT EXISTS (SELECT 1 FROM workers k
                    WHERE k.id = w.worker_id AND k.heartbeat_at > clock_timestamp() - {lease})
            ORDER BY w.id LIMIT {most} FOR UPDATE OF w SKIP LOCKED
            """).ToListAsync(ct);
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
            WHERE worker_id = {workerId} AND kind = ANY({names}) AND lease_expires_at < clock_timestamp()
                AND lease_token <> ALL({tokens})
            """, ct);
    }

    /// <summary>Whether a promotion could do anything: one probe of two indexes, no transaction.</summary>
    public async Task<bool> HasWorkAsync(WorkKind kind, CancellationToken ct)
    {
        var (name, now) = (SnakeCase<WorkKind>.Write(kind), time.GetUtcNow());
        var found = await _db.Database.SqlQuery<bool>($"""
            SELECT EXISTS (SELECT 1 FROM work_items WHERE kind = {name} AND state = 'waiting' AND run_at <= {now})
                OR EXISTS (SELECT 1 FROM work_items WHERE kind = {name} AND state = 'queued') AS "Value"
            """).ToListAsync(ct);
        return found[0];
    }

    /// <summary>The next moment at which an item of <paramref name="kind"/> becomes due; null: none waits.</summary>
    public async Task<DateTimeOffset?> NextDueAsync(WorkKind kind, CancellationToken ct)
    {
        var name = SnakeCase<WorkKind>.Write(kind);
        return await _db.Database.SqlQuery<DateTimeOffset?>($"""
            SELECT min(run_at) AS "Value" FROM work_items WHERE kind = {name} AND state = 'waiting'
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

    private sealed record DueItem
    {
        public Guid Id { get; init; }
        public Guid Lane { get; init; }
    }
}

/// <summary>A claimed item that goes back to wait.</summary>
/// <param name="Counts">False: this claim was no try, such as a poll or a deferral.</param>
public readonly record struct WorkReturn(WorkLease Lease, DateTimeOffset RunAt, bool Counts);
