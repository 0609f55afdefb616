using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Sends what happened since a moment to an endpoint once more: a window of messages at a time, so that new events are not
/// kept waiting behind it. Only a person in the dashboard starts and stops one.
/// </summary>
public sealed class WebhookReplays(UnitOfWork unit, AuditLog audit, WakeUp wakeUp, PostChanges changes,
    IOptions<WebhookOptions> options, IOptions<EventOptions> eventOptions, TimeProvider time)
{
    /// <summary>Name of the loop that goes on with replays, for its wake-up.</summary>
    public const string Loop = "Replays";

    // Numbers follow the order of commits, moments the clocks of those who wrote.
    private static readonly TimeSpan ClocksApart = TimeSpan.FromMinutes(1);

    private const string AskSql = $"""
        WITH happened AS MATERIALIZED (
            SELECT {MessageSql.Happened}
            FROM event_numbers n CROSS JOIN LATERAL (SELECT * FROM events WHERE id = n.event_id LIMIT 1) e
            WHERE n.user_id = $2 AND n.sequence > $3 AND n.sequence <= $4 ORDER BY n.sequence LIMIT $5),
        asked AS (
            INSERT INTO webhook_messages (id, user_id, endpoint_id, event_id, sequence, type, lane, status, attempts, tries,
                next_attempt_at, created_at, replay_id)
            SELECT {MessageSql.Id}, h.user_id, w.id, h.id, h.sequence, h.type, {MessageSql.Lane}, 'pending', 0, 0,
                {MessageSql.Due}, $1, $7
            FROM happened h JOIN webhook_endpoints w ON w.id = $6
            WHERE h.created_at >= $8 AND h.only_id IS NULL AND {MessageSql.Wants}
            ON CONFLICT (endpoint_id, id) DO UPDATE SET status = 'pending', tries = 0, next_attempt_at = excluded.next_attempt_at,
                replay_id = excluded.replay_id
                WHERE $9 OR webhook_messages.status = 'failed'
            RETURNING id)
        SELECT (SELECT max(sequence) FROM happened), (SELECT count(*)::int FROM asked), (SELECT count(*)::int FROM happened)
        """;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Starts a replay; it is done in the background.</summary>
    /// <exception cref="ProblemException">notFound; invalidRequest: pointer <c>/since</c>; conflict: the endpoint is
    /// disabled, or another replay is running.</exception>
    public async Task<Guid> StartAsync(
        Caller caller, Guid endpointId, DateTimeOffset since, ReplayScope scope, CancellationToken ct)
    {
        RequirePerson(caller);
        var now = time.GetUtcNow();
        if (since > now) throw ProblemException.Invalid(new Issue("/since", Rule.OutOfRange, "This moment is still to come."));
        if (since < now - eventOptions.Value.KeepFor)
            throw ProblemException.Invalid(new Issue("/since", Rule.OutOfRange,
                $"Events are kept for {eventOptions.Value.KeepFor.TotalDays:0} days."));
        var id = Ids.New(now);
        await unit.RunAsync(async token =>
        {
            var endpoint = await LockAsync(endpointId, token);
            if (endpoint?.UserId != caller.UserId || endpoint.DeletedAt is not null)
                throw ProblemException.NotFound("webhook endpoint");
            if (endpoint.DisabledAt is not null)
                throw ProblemException.Conflict("The endpoint is disabled; enable it first.", "disabled", ["enable"]);
            if (await _db.WebhookReplays.AnyAsync(r => r.EndpointId == endpointId && r.Status == ReplayStatus.Running, token))
                throw ProblemException.Conflict("Another replay is running.", "running", ["stop"]);
            var until = await _db.EventSequences.Where(s => s.UserId == caller.UserId).Select(s => s.Last)
                .SingleOrDefaultAsync(token);
            var from = await BeforeAsync(caller.UserId, since - ClocksApart, until, token);
            _db.WebhookReplays.Add(new WebhookReplay
            {
                Id = id,
                UserId = caller.UserId,
                EndpointId = endpointId,
                Since = since,
                Scope = scope,
                FromSequence = from,
                Sequence = from,
                UntilSequence = until,
                CreatedAt = now,
            });
            audit.Add(caller, "webhookEndpoint.replayed", WebhookEndpoint.Kind, endpointId, detail: new JsonObject
            {
                ["since"] = UtcMillisecondsConverter.Format(since),
                ["scope"] = CamelCase.Of(scope),
            });
            await _db.SaveChangesAsync(token);
            unit.AfterCommit(() => wakeUp.Signal(Loop));
        }, ct);
        return id;
    }

    /// <summary>Asks for nothing more; what was asked for is still sent. A second time changes nothing.</summary>
    public Task StopAsync(Caller caller, Guid replayId, CancellationToken ct)
    {
        RequirePerson(caller);
        return unit.RunAsync(async token =>
        {
            var replay = (await _db.WebhookReplays.FromSql($"""
                SELECT * FROM webhook_replays WHERE id = {replayId} AND user_id = {caller.UserId} FOR UPDATE
                """).ToListAsync(token)).SingleOrDefault() ?? throw ProblemException.NotFound("replay");
            if (replay.Status != ReplayStatus.Running) return;
            replay.End(ReplayStatus.Stopped, time.GetUtcNow());
            audit.Add(caller, "webhookEndpoint.replayStopped", WebhookEndpoint.Kind, replay.EndpointId);
            await _db.SaveChangesAsync(token);
        }, ct);
    }

    /// <summary>Goes on with every running replay that has room for more.</summary>
    /// <returns>How many are still running.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var running = await _db.WebhookReplays.AsNoTracking().Where(r => r.Status == ReplayStatus.Running)
            .OrderBy(r => r.Id).Select(r => r.Id).ToListAsync(ct);
        foreach (var id in running) await unit.RunAsync(token => StepAsync(id, token), ct);
        return running.Count;
    }

    private async Task StepAsync(Guid id, CancellationToken ct)
    {
        var replay = (await _db.WebhookReplays.FromSql($"""
            SELECT * FROM webhook_replays WHERE id = {id} AND status = 'running' FOR UPDATE SKIP LOCKED
            """).ToListAsync(ct)).SingleOrDefault();
        if (replay is null) return;

        // No post changed, but an open page shows how far this is.
        unit.AfterCommit(() => changes.Publish(replay.UserId, Guid.Empty));
        var (now, window) = (time.GetUtcNow(), options.Value.ReplayWindow);
        if (await _db.WebhookEndpoints.AnyAsync(e => e.Id == replay.EndpointId && e.DisabledAt != null, ct))
        {
            replay.End(ReplayStatus.Stopped, now);
            await _db.SaveChangesAsync(ct);
            return;
        }
        var waiting = await _db.WebhookMessages.Where(m => m.Status == MessageStatus.Pending && m.ReplayId == id)
            .Take(window).CountAsync(ct);
        if (replay.Sequence >= replay.UntilSequence)
        {
            if (waiting == 0) replay.End(ReplayStatus.Finished, now);
        }
        else if (waiting <= window / 2)
        {
            await AskAsync(replay, window - waiting, now, ct);
        }
        await _db.SaveChangesAsync(ct);
    }

    private async Task AskAsync(WebhookReplay replay, int most, DateTimeOffset now, CancellationToken ct)
    {
        await using (var batch = unit.Batch())
        {
            batch.Add(AskSql, now, replay.UserId, replay.Sequence, replay.UntilSequence, most, replay.EndpointId, replay.Id,
                replay.Since, replay.Scope == ReplayScope.All);
            await using var rows = await batch.ReadAsync(ct);
            await rows.ReadAsync(ct);
            replay.Sequence = rows.GetInt32(2) < most ? replay.UntilSequence : rows.GetInt64(0);
            replay.Asked += rows.GetInt32(1);
        }
        await WebhookLanes.WakeAsync(unit, [replay.EndpointId], now, ct);
        unit.AfterCommit(() => wakeUp.Signal(WorkKind.Webhook));
    }

    // The last number whose event happened before; by halves, for there is no index by moment.
    private async Task<long> BeforeAsync(Guid userId, DateTimeOffset moment, long last, CancellationToken ct)
    {
        var oldest = await _db.EventNumbers.Where(n => n.UserId == userId).OrderBy(n => n.Sequence)
            .Select(n => (long?)n.Sequence).FirstOrDefaultAsync(ct);
        var (low, high) = ((oldest ?? (last + 1)) - 1, last);
        while (low < high)
        {
            var middle = low + ((high - low + 1) / 2);
            var happened = await _db.EventNumbers.Where(n => n.UserId == userId && n.Sequence == middle)
                .Join(_db.Events, n => n.EventId, e => e.Id, (_, e) => (DateTimeOffset?)e.CreatedAt).FirstOrDefaultAsync(ct);
            if (happened >= moment) high = middle - 1;
            else low = middle;
        }
        return low;
    }

    private async Task<WebhookEndpoint?> LockAsync(Guid endpointId, CancellationToken ct) =>
        (await _db.WebhookEndpoints.FromSql($"SELECT * FROM webhook_endpoints WHERE id = {endpointId} FOR UPDATE")
            .ToListAsync(ct)).SingleOrDefault();

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
