using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>Claims slots of endpoints and reads what is due there.</summary>
internal sealed class WebhookClaims(UnitOfWork unit, WorkQueue queue, IOptions<WebhookOptions> options, TimeProvider time)
{
    /// <summary>Pool of the endpoints whose circuit is open.</summary>
    public const string FailingPool = "failing";

    private const int MostLooks = 200;

    // In messages: what a round reads, and so how much waits in memory.
    private const int MostPerRound = 1024;
    private const int MostPerLane = 128;
    private const int LeastPerLane = 4;

    // A claim that a crash of the server forgets costs nothing: its messages are still pending.
    private const string CommitSoonSql = "SET LOCAL synchronous_commit = off";

    private const string EndpointsSql = """
        SELECT l.lane, w.id, w.user_id, w.url, w.disabled_at IS NOT NULL, w.secret, w.previous_secret,
            w.previous_secret_ends_at, w.failures, w.retry_at, w.updated_at
        FROM unnest($1) l(lane) CROSS JOIN LATERAL (
            SELECT endpoint_id FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' ORDER BY next_attempt_at, sequence LIMIT 1) m
        JOIN webhook_endpoints w ON w.id = m.endpoint_id
        """;

    private const string Columns = """
        m.lane, m.id, m.event_id, m.sequence, m.type, m.attempts, m.tries, m.next_attempt_at, m.created_at, e.data,
            e.test_mode, e.created_at, e.traceparent
        """;

    private const string MessagesSql = $"""
        SELECT {Columns}
        FROM unnest($1) l(lane) CROSS JOIN LATERAL (
            SELECT * FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' AND next_attempt_at <= $2
            ORDER BY next_attempt_at, sequence LIMIT $3) m
        LEFT JOIN LATERAL (SELECT * FROM events WHERE id = m.event_id LIMIT 1) e ON true
        """;

    // Of lanes in hand, what comes after what was read, while the settings are those it is sent with. What came in before
    // that is found when the lane is left.
    private const string MoreSql = $"""
        SELECT {Columns}
        FROM unnest($1, $4, $5, $6, $7) l(lane, endpoint_id, updated_at, after_at, after_sequence)
        JOIN webhook_endpoints w ON w.id = l.endpoint_id AND w.updated_at = l.updated_at AND w.disabled_at IS NULL
        CROSS JOIN LATERAL (
            SELECT * FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' AND next_attempt_at <= $2
                AND (next_attempt_at, sequence) > (l.after_at, l.after_sequence)
            ORDER BY next_attempt_at, sequence LIMIT $3) m
        LEFT JOIN LATERAL (SELECT * FROM events WHERE id = m.event_id LIMIT 1) e ON true
        """;

    /// <summary>Claims up to <paramref name="slots"/> lanes, of failing endpoints up to <paramref name="failing"/>.</summary>
    public async Task<IReadOnlyList<ClaimedLane>> ClaimAsync(int slots, int failing, CancellationToken ct)
    {
        for (var looks = 0; looks < MostLooks; looks++)
        {
            var (claimed, again) = await unit.RunAsync(token => ClaimOnceAsync(slots, failing, token), ct);
            if (claimed.Count > 0 || !again) return claimed;
        }
        return [];
    }

    /// <summary>Reads on in lanes that are in hand already: what is due after the last message that was read of each.</summary>
    public Task<IReadOnlyList<LaneMessages>> MoreAsync(IReadOnlyList<LanePlace> lanes, CancellationToken ct) =>
        unit.RunAsync(async token =>
        {
            unit.PlanOnce();
            var most = PerLane(lanes.Count);
            await using var reads = unit.Batch();
            reads.Add(MoreSql, lanes.Select(l => l.Lane).ToArray(), time.GetUtcNow(), most,
                lanes.Select(l => l.Endpoint.Id).ToArray(), lanes.Select(l => l.Endpoint.UpdatedAt).ToArray(),
                lanes.Select(l => l.After.DueAt).ToArray(), lanes.Select(l => l.After.Sequence).ToArray());
            var messages = await unit.FinishAsync(reads, MessagesAsync, token);
            return (IReadOnlyList<LaneMessages>)[.. lanes.Select(l => Of(messages, l.Lane, most))];
        }, ct);

    private static LaneMessages Of(Dictionary<Guid, List<DueMessage>> messages, Guid lane, int most) =>
        messages.TryGetValue(lane, out var due) ? new LaneMessages(due, due.Count >= most) : LaneMessages.None;

    private static int PerLane(int lanes) => Math.Clamp(MostPerRound / lanes, LeastPerLane, MostPerLane);

    private async Task<(IReadOnlyList<ClaimedLane> Lanes, bool Again)> ClaimOnceAsync(
        int slots, int failing, CancellationToken ct)
    {
        var (leases, again) = await queue.ClaimAsync(WorkKind.Webhook, slots, ct,
            new Dictionary<string, int> { [FailingPool] = failing }, options.Value.PerUser);
        if (leases.Count == 0) return ([], again);
        var lanes = leases.Select(l => l.Key).ToArray();
        var most = PerLane(lanes.Length);
        await using var reads = unit.Batch();
        reads.Add(CommitSoonSql);
        reads.Add(EndpointsSql).Parameters.AddWithValue(lanes);
        reads.Add(MessagesSql, lanes, time.GetUtcNow(), most);
        return await unit.FinishAsync(reads, async row =>
        {
            var endpoints = await EndpointsAsync(row);
            await row.NextResultAsync(CancellationToken.None);
            var messages = await MessagesAsync(row);
            return ((IReadOnlyList<ClaimedLane>)
            [
                .. leases.Select(l => new ClaimedLane(l, endpoints.GetValueOrDefault(l.Key), Of(messages, l.Key, most))),
            ], again);
        }, ct);
    }

    private static async Task<Dictionary<Guid, WebhookTarget>> EndpointsAsync(NpgsqlDataReader row)
    {
        Dictionary<Guid, WebhookTarget> endpoints = [];
        while (await row.ReadAsync())
        {
            var url = new Uri(row.GetString(3));
            endpoints[row.GetGuid(0)] = new WebhookTarget
            {
                Id = row.GetGuid(1),
                UserId = row.GetGuid(2),
                Url = url,
                ShownUrl = WebhookText.Url(url),
                IsDisabled = row.GetBoolean(4),
                Secret = row.IsDBNull(5) ? null : row.GetFieldValue<byte[]>(5),
                PreviousSecret = row.IsDBNull(6) ? null : row.GetFieldValue<byte[]>(6),
                PreviousSecretEndsAt = row.TimeOrNull(7),
                Failures = row.GetInt32(8),
                RetryAt = row.TimeOrNull(9),
                UpdatedAt = row.Time(10),
            };
        }
        return endpoints;
    }

    private static async Task<Dictionary<Guid, List<DueMessage>>> MessagesAsync(NpgsqlDataReader row)
    {
        Dictionary<Guid, List<DueMessage>> messages = [];
        Dictionary<Guid, ReadOnlyMemory<byte>> bodies = [];
        while (await row.ReadAsync())
        {
            var (lane, eventId, sequence, type) = (row.GetGuid(0), row.GetGuid(2), row.GetInt64(3), row.GetString(4));
            var (dueAt, createdAt) = (row.Time(7), row.Time(8));
            var data = row.IsDBNull(9) ? null : row.GetFieldValue<byte[]>(9);
            var testMode = !row.IsDBNull(10) && row.GetBoolean(10);
            var happenedAt = row.TimeOrNull(11) ?? createdAt;
            if (data is not null && !bodies.ContainsKey(eventId))
                bodies[eventId] = EventBody.Write(eventId, type, happenedAt, sequence, testMode, data);
            if (!messages.TryGetValue(lane, out var due)) messages[lane] = due = [];
            due.Add(new DueMessage
            {
                Id = row.GetGuid(1),
                EventId = eventId,
                Sequence = sequence,
                Type = type,
                Attempts = row.GetInt32(5),
                Tries = row.GetInt32(6),
                DueAt = dueAt,
                CreatedAt = createdAt,
                Body = data is null ? null : bodies[eventId],
                HappenedAt = happenedAt,
                Traceparent = row.Text(12),
            });
        }

        // As they were read, which nothing but habit promises: to have Postgres sort them costs more than to look.
        foreach (var due in messages.Values) due.Sort(InOrder);
        return messages;
    }

    private static int InOrder(DueMessage one, DueMessage other) =>
        one.DueAt.CompareTo(other.DueAt) is not 0 and var byTime ? byTime : one.Sequence.CompareTo(other.Sequence);
}
