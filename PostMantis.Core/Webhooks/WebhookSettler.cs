using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Stores outcomes in sets: messages, attempts, the health of endpoints, and which lanes are left, in one transaction of two
/// round trips. What disables an endpoint, and the event that tells of it, commits with the attempt that was the cause.
/// </summary>
internal sealed class WebhookSettler(UnitOfWork unit, WorkQueue queue, EventWriter events, AuditLog audit, WakeUp wakeUp,
    PostChanges changes, WebhookTelemetry telemetry, IOptions<WebhookOptions> options, TimeProvider time)
{
    private const string AttemptsSql = """
        INSERT INTO webhook_attempts (id, user_id, endpoint_id, message_id, number, url, started_at, duration_ms, status_code,
            error, http_version, answer_head, answer_body, signatures, traceparent)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING
        """;

    // A success always counts. A failure counts only for the state it was begun in: who lost the lane meanwhile changes
    // nothing of what its next owner did.
    private const string MessagesSql = """
        UPDATE webhook_messages m SET status = s.status, attempts = m.attempts + 1, tries = s.tries,
            next_attempt_at = s.next_attempt_at, last_attempt_at = s.started_at, last_error = s.error,
            last_status_code = s.status_code, delivered_at = coalesce(s.delivered_at, m.delivered_at)
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            AS s(id, endpoint_id, status, tries, was, next_attempt_at, started_at, error, status_code, delivered_at)
        WHERE m.endpoint_id = s.endpoint_id AND m.id = s.id AND m.status = 'pending'
            AND (s.status = 'delivered' OR m.attempts = s.was)
        """;

    // Delivered at the first try: the message tells all of it. What many were told alike is sent and read once.
    private const string FirstTriesSql = """
        UPDATE webhook_messages m SET status = 'delivered', attempts = 1, next_attempt_at = NULL, last_attempt_at = s.at,
            last_status_code = s.status_code, delivered_at = s.delivered_at, first_try_at = s.at, first_try = ($9)[s.told],
            first_try_ms = s.ms, first_try_traceparent = s.traceparent
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
            AS s(id, endpoint_id, at, status_code, delivered_at, ms, traceparent, told)
        WHERE m.endpoint_id = s.endpoint_id AND m.id = s.id AND m.status = 'pending' AND m.attempts = 0
        """;

    private const string KeptSql = """
        SELECT s.attempt_id FROM unnest($1, $2, $3, $4) AS s(attempt_id, id, endpoint_id, at)
        JOIN webhook_messages m ON m.endpoint_id = s.endpoint_id AND m.id = s.id AND m.first_try_at = s.at
        """;

    private const string RecoveredSql = """
        UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, retry_at = NULL
        WHERE id = ANY(ARRAY(SELECT id FROM webhook_endpoints WHERE id = ANY($1) AND failures > 0 ORDER BY id FOR UPDATE))
        RETURNING id
        """;

    // While the circuit is open nothing new is learned: what failed was under way already.
    private const string FailedSql = """
        WITH judged AS MATERIALIZED (
            SELECT w.id, s.first_at, s.last_at, s.error, s.recovered, CASE
                WHEN s.recovered THEN least(s.failures, $7)
                WHEN w.retry_at > $6 THEN w.failures
                WHEN w.failures < $7 THEN least(w.failures + s.failures, $7)
                ELSE w.failures + 1 END AS failures
            FROM webhook_endpoints w
            JOIN unnest($1, $2, $3, $4, $5, $10) AS s(id, recovered, first_at, last_at, error, failures) USING (id)
            ORDER BY w.id FOR UPDATE OF w)
        UPDATE webhook_endpoints w SET failures = j.failures, last_failure_at = j.last_at, last_error = j.error,
            failing_since = CASE WHEN j.recovered THEN j.first_at ELSE coalesce(w.failing_since, j.first_at) END,
            retry_at = CASE WHEN w.retry_at > $6 AND NOT j.recovered THEN w.retry_at
                WHEN j.failures >= $7 THEN $6 + least($9, $8 * power(2, least(j.failures - $7, 20))) END
        FROM judged j WHERE w.id = j.id
        RETURNING w.id, w.failing_since, w.disabled_at
        """;

    private const string LockSql = """
        SELECT w.id FROM work_items w JOIN unnest($1, $2) AS s(id, token) ON w.id = s.id AND w.lease_token = s.token
        ORDER BY w.key FOR UPDATE OF w
        """;

    // A statement after the lock: what was put into the lane by then is seen, and who puts something in later finds the
    // item gone, or waits for it.
    private const string LeaveSql = """
        WITH mine AS MATERIALIZED (
            SELECT w.id, e.disabled_at IS NOT NULL AS is_disabled, n.next_attempt_at,
                greatest(n.next_attempt_at, e.retry_at, s.not_before) AS run_at,
                CASE WHEN e.failures >= $5 THEN 'failing' ELSE '' END AS pool
            FROM work_items w
            JOIN unnest($1, $2, $3, $4) AS s(id, token, endpoint_id, not_before) ON w.id = s.id AND w.lease_token = s.token
            LEFT JOIN webhook_endpoints e ON e.id = s.endpoint_id
            LEFT JOIN LATERAL (
                SELECT m.next_attempt_at FROM webhook_messages m WHERE m.lane = w.lane AND m.status = 'pending'
                ORDER BY m.next_attempt_at, m.sequence LIMIT 1) n ON true),
        gone AS (
            DELETE FROM work_items w USING mine m
            WHERE w.id = m.id AND (m.next_attempt_at IS NULL OR m.is_disabled) RETURNING w.id),
        back AS (
            UPDATE work_items w SET state = 'waiting', run_at = m.run_at, pool = m.pool, tries = 0, lease_token = NULL,
                lease_expires_at = NULL, worker_id = NULL
            FROM mine m WHERE w.id = m.id AND m.next_attempt_at IS NOT NULL AND NOT m.is_disabled RETURNING w.id, w.run_at)
        SELECT id, NULL::timestamptz FROM gone UNION ALL SELECT id, run_at FROM back
        """;

    private readonly PostMantisDb _db = unit.Db;

    public Task SettleAsync(IReadOnlyList<WebhookSettlement> batch, CancellationToken ct) => unit.RunAsync(async token =>
    {
        unit.PlanOnce();
        var now = time.GetUtcNow();
        var outcomes = batch.Select(s => s.Outcome).OfType<WebhookOutcome>().ToList();
        if (outcomes.Count > 0) await StoreAsync(outcomes, now, token);
        await LeaveAsync([.. batch.Select(s => s.Left).OfType<LaneLeft>()], now, token);
        unit.AfterCommit(() =>
        {
            foreach (var userId in outcomes.Select(o => o.Attempt.UserId).Distinct()) changes.Publish(userId, Guid.Empty);
        });
    }, ct);

    private async Task StoreAsync(List<WebhookOutcome> outcomes, DateTimeOffset now, CancellationToken ct)
    {
        await using var writes = unit.Batch();
        var (first, others) = (outcomes.FindAll(o => o.IsFirstTry), outcomes.FindAll(o => !o.IsFirstTry));
        if (others.Count > 0) WriteAttempts(writes, others);
        var kept = first.Count > 0 ? WriteFirstTries(writes, first) : null;
        var seen = outcomes.GroupBy(o => o.Endpoint.Id)
            .Select(g => Health.Of(g.Key, [.. g.OrderBy(o => o.EndedAt)])).OrderBy(h => h.EndpointId).ToList();
        var (recovered, failed) = (seen.FindAll(h => h.Failed is null), seen.FindAll(h => h.Failed is not null));
        if (recovered.Count > 0)
            writes.Add(RecoveredSql).Parameters.AddWithValue(recovered.ConvertAll(h => h.EndpointId).ToArray());
        if (failed.Count > 0) WriteFailed(writes, failed, now);
        List<Guid> wellAgain = [];
        List<Guid> ill = [];
        await using (var rows = await writes.ReadAsync(ct))
        {
            if (recovered.Count > 0)
            {
                while (await rows.ReadAsync(ct)) wellAgain.Add(rows.GetGuid(0));
                await rows.NextResultAsync(ct);
            }
            if (failed.Count > 0)
            {
                while (await rows.ReadAsync(ct))
                {
                    if (rows.IsDBNull(2) && now - rows.Time(1) >= options.Value.DisableAfter) ill.Add(rows.GetGuid(0));
                }
            }
        }
        if (kept?.RecordsAffected < first.Count) await StoreOthersAsync(first, ct);
        var gone = failed.Where(h => h.Failed is { Attempt.Error: WebhookError.Gone }).Select(h => h.EndpointId).ToHashSet();
        if (gone.Count > 0 || ill.Count > 0) await DisableAsync(gone, [.. ill], now, ct);
        if (wellAgain.Count == 0) return;

        // They answered again: what was kept back by their circuit goes at once.
        await WebhookLanes.WakeAsync(unit, wellAgain, now, ct);
        unit.AfterCommit(() => wakeUp.Signal(WorkKind.Webhook));
    }

    // Meanwhile somebody else had an attempt of the message; or these were stored, and what was lost is the answer.
    private async Task StoreOthersAsync(List<WebhookOutcome> first, CancellationToken ct)
    {
        HashSet<Guid> kept = [];
        await using (var look = unit.Batch())
        {
            var columns = new SqlColumns<WebhookOutcome>(look.Add(KeptSql), first);
            columns.Add(o => o.Attempt.Id);
            columns.Add(o => o.Message.Id);
            columns.Add(o => o.Endpoint.Id);
            columns.Add(o => o.Attempt.StartedAt);
            await using var rows = await look.ReadAsync(ct);
            while (await rows.ReadAsync(ct)) kept.Add(rows.GetGuid(0));
        }
        var others = first.FindAll(o => !kept.Contains(o.Attempt.Id));
        if (others.Count == 0) return;
        await using var writes = unit.Batch();
        WriteAttempts(writes, others);
        await writes.RunAsync(ct);
    }

    private static NpgsqlBatchCommand WriteFirstTries(SqlBatch batch, List<WebhookOutcome> outcomes)
    {
        var command = batch.Add(FirstTriesSql);
        var columns = new SqlColumns<WebhookOutcome>(command, outcomes);
        columns.Add(o => o.Message.Id);
        columns.Add(o => o.Endpoint.Id);
        columns.Add(o => o.Attempt.StartedAt);
        columns.Add(o => o.Attempt.StatusCode);
        columns.Add(o => o.EndedAt);
        columns.Add(o => o.Attempt.DurationMs);
        columns.Add(o => o.Attempt.Traceparent);
        OrderedDictionary<FirstTry, bool> told = [];
        columns.Add(o =>
        {
            told.TryAdd(FirstTry.Of(o.Attempt), true, out var index);

            // Postgres counts from 1.
            return index + 1;
        });
        new SqlColumns<FirstTry>(command, told.Keys).JsonText(t => JsonSerializer.Serialize(t, Json.Options));
        return command;
    }

    private static void WriteAttempts(SqlBatch batch, List<WebhookOutcome> outcomes)
    {
        var columns = new SqlColumns<WebhookOutcome>(batch.Add(AttemptsSql), outcomes);
        columns.Add(o => o.Attempt.Id);
        columns.Add(o => o.Attempt.UserId);
        columns.Add(o => o.Attempt.EndpointId);
        columns.Add(o => o.Attempt.MessageId);
        columns.Add(o => o.Attempt.Number);
        columns.Add(o => o.Attempt.Url);
        columns.Add(o => o.Attempt.StartedAt);
        columns.Add(o => o.Attempt.DurationMs);
        columns.Add(o => o.Attempt.StatusCode);
        columns.EnumOrNull(o => o.Attempt.Error);
        columns.Add(o => o.Attempt.HttpVersion);
        columns.Add(o => o.Attempt.AnswerHead);
        columns.Add(o => o.Attempt.AnswerBody);
        columns.Add(o => o.Attempt.Signatures);
        columns.Add(o => o.Attempt.Traceparent);
        WriteMessages(batch, outcomes);
    }

    private static void WriteMessages(SqlBatch batch, List<WebhookOutcome> outcomes)
    {
        var moves = outcomes.ConvertAll(o => (Outcome: o, Next: NextOf(o)));
        var columns = new SqlColumns<(WebhookOutcome Outcome, DateTimeOffset? Next)>(batch.Add(MessagesSql), moves);
        columns.Add(m => m.Outcome.Message.Id);
        columns.Add(m => m.Outcome.Endpoint.Id);
        columns.Enum(m => m.Outcome.IsDelivered ? MessageStatus.Delivered
            : m.Next is null ? MessageStatus.Failed : MessageStatus.Pending);
        columns.Add(m => m.Outcome.Message.Tries + (m.Outcome.IsDelivered ? 0 : 1));
        columns.Add(m => m.Outcome.Message.Attempts);
        columns.Add(m => m.Next);
        columns.Add(m => m.Outcome.Attempt.StartedAt);
        columns.EnumOrNull(m => m.Outcome.Attempt.Error);
        columns.Add(m => m.Outcome.Attempt.StatusCode);
        columns.Add(m => m.Outcome.IsDelivered ? m.Outcome.EndedAt : (DateTimeOffset?)null);
    }

    private static DateTimeOffset? NextOf(WebhookOutcome outcome) =>
        outcome.Attempt.Error is null or WebhookError.Gone or WebhookError.EventExpired ? null
        : outcome.EndedAt + WebhookSchedule.Delay(outcome.Message.Tries + 1, outcome.RetryAfter, Random.Shared.NextDouble());

    private void WriteFailed(SqlBatch batch, List<Health> failed, DateTimeOffset now)
    {
        var command = batch.Add(FailedSql);
        var columns = new SqlColumns<Health>(command, failed);
        columns.Add(h => h.EndpointId);
        columns.Add(h => h.Recovered);
        columns.Add(h => h.FirstFailedAt);
        columns.Add(h => h.Failed!.EndedAt);
        columns.EnumOrNull(h => h.Failed!.Attempt.Error);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(options.Value.CircuitAfter);
        command.Parameters.AddWithValue(options.Value.CircuitFirst);
        command.Parameters.AddWithValue(options.Value.CircuitMost);
        columns.Add(h => h.Failures);
    }

    private async Task DisableAsync(HashSet<Guid> gone, HashSet<Guid> ill, DateTimeOffset now, CancellationToken ct)
    {
        var ids = gone.Union(ill).ToArray();
        var endpoints = await _db.WebhookEndpoints.FromSql($"""
            SELECT * FROM webhook_endpoints WHERE id = ANY({ids}) AND disabled_at IS NULL ORDER BY id FOR UPDATE
            """).ToListAsync(ct);
        foreach (var endpoint in endpoints)
        {
            var reason = gone.Contains(endpoint.Id) ? DisabledReason.Gone : DisabledReason.Failing;
            endpoint.Disable(reason, now);
            events.Add(endpoint.UserId, EventTypes.EndpointDisabled, new JsonObject
            {
                ["endpoint"] = new JsonObject
                {
                    ["id"] = endpoint.Id,
                    ["name"] = endpoint.Name,
                    ["url"] = endpoint.ShownUrl,
                    ["reason"] = CamelCase.Of(reason),
                    ["disabledAt"] = UtcMillisecondsConverter.Format(now),
                    ["failingSince"] = endpoint.FailingSince is { } since ? UtcMillisecondsConverter.Format(since) : null,
                    ["lastError"] = endpoint.LastError is { } error ? CamelCase.Of(error) : null,
                },
            }, testMode: endpoint.Mode == WebhookMode.Test);
            audit.AddSystem(endpoint.UserId, "webhookEndpoint.disabled", WebhookEndpoint.Kind, endpoint.Id,
                detail: new JsonObject { ["reason"] = CamelCase.Of(reason) });
        }
        await _db.SaveChangesAsync(ct);
        unit.AfterCommit(() =>
        {
            foreach (var endpoint in endpoints) telemetry.Disabled(endpoint.DisabledReason!.Value);
            wakeUp.Signal(EventWriter.Loop);
        });
    }

    private async Task LeaveAsync(IReadOnlyList<LaneLeft> left, DateTimeOffset now, CancellationToken ct)
    {
        if (left.Count == 0) return;
        await using var writes = unit.Batch();
        var (ids, tokens) = (left.Select(l => l.Lease.Id).ToArray(), left.Select(l => l.Lease.LeaseToken).ToArray());
        writes.Add(LockSql, ids, tokens);
        var leave = writes.Add(LeaveSql, ids, tokens);
        leave.Parameters.Add(new NpgsqlParameter<Guid?[]> { TypedValue = [.. left.Select(l => l.EndpointId)] });
        leave.Parameters.Add(new NpgsqlParameter<DateTimeOffset?[]>
        {
            TypedValue = [.. left.Select(l => l.NotBefore)],
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz,
        });
        leave.Parameters.AddWithValue(options.Value.CircuitAfter);
        var again = await unit.FinishAsync(writes, async rows =>
        {
            await rows.NextResultAsync(CancellationToken.None);
            var due = false;
            while (await rows.ReadAsync(CancellationToken.None)) due |= !rows.IsDBNull(1) && rows.Time(1) <= now;
            return due;
        }, ct);
        queue.Free(left.Select(l => l.Lease));
        if (again) unit.AfterCommit(() => wakeUp.Signal(WorkKind.Webhook));
    }

    /// <summary>What a set of outcomes says about one endpoint.</summary>
    /// <param name="Recovered">There was a success before the failures that came last.</param>
    /// <param name="Failed">The last failure, when it came last.</param>
    private sealed record Health(
        Guid EndpointId, bool Recovered, DateTimeOffset FirstFailedAt, WebhookOutcome? Failed, int Failures)
    {
        public static Health Of(Guid endpointId, IReadOnlyList<WebhookOutcome> outcomes)
        {
            var lastSuccess = -1;
            for (var i = 0; i < outcomes.Count; i++)
                if (outcomes[i].IsDelivered) lastSuccess = i;
            return lastSuccess == outcomes.Count - 1
                ? new Health(endpointId, true, default, null, 0)
                : new Health(endpointId, lastSuccess >= 0, outcomes[lastSuccess + 1].EndedAt, outcomes[^1],
                    outcomes.Count - 1 - lastSuccess);
        }
    }
}
