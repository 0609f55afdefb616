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
            w.previous_secret_ends_at, w.failures, w.retry_at
        FROM unnest($1) l(lane) CROSS JOIN LATERAL (
            SELECT endpoint_id FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' ORDER BY next_attempt_at, sequence LIMIT 1) m
        JOIN webhook_endpoints w ON w.id = m.endpoint_id
        """;

    private const string MessagesSql = """
        SELECT m.lane, m.id, m.event_id, m.sequence, m.type, m.attempts, m.tries, m.next_attempt_at, m.created_at, e.data,
            e.test_mode, e.created_at, e.traceparent
        FROM unnest($1) l(lane) CROSS JOIN LATERAL (
            SELECT * FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' AND next_attempt_at <= $2
            ORDER BY next_attempt_at, sequence LIMIT $3) m
        LEFT JOIN events e ON e.id = m.event_id
        ORDER BY m.lane, m.next_attempt_at, m.sequence
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

    private async Task<(IReadOnlyList<ClaimedLane> Lanes, bool Again)> ClaimOnceAsync(
        int slots, int failing, CancellationToken ct)
    {
        var (leases, again) = await queue.ClaimAsync(WorkKind.Webhook, slots, ct,
            new Dictionary<string, int> { [FailingPool] = failing }, options.Value.PerUser);
        if (leases.Count == 0) return ([], again);
        var lanes = leases.Select(l => l.Key).ToArray();
        await using var reads = unit.Batch();
        reads.Add(CommitSoonSql);
        reads.Add(EndpointsSql).Parameters.AddWithValue(lanes);
        reads.Add(MessagesSql, lanes, time.GetUtcNow(), Math.Clamp(MostPerRound / lanes.Length, LeastPerLane, MostPerLane));
        return await unit.FinishAsync(reads, async row =>
        {
            var endpoints = await EndpointsAsync(row);
            await row.NextResultAsync(CancellationToken.None);
            var messages = await MessagesAsync(row);
            return ((IReadOnlyList<ClaimedLane>)
            [
                .. leases.Select(l => new ClaimedLane(l, endpoints.GetValueOrDefault(l.Key), messages.GetValueOrDefault(l.Key) ?? [])),
            ], again);
        }, ct);
    }

    private static async Task<Dictionary<Guid, WebhookTarget>> EndpointsAsync(NpgsqlDataReader row)
    {
        Dictionary<Guid, WebhookTarget> endpoints = [];
        while (await row.ReadAsync())
        {
            endpoints[row.GetGuid(0)] = new WebhookTarget
            {
                Id = row.GetGuid(1),
                UserId = row.GetGuid(2),
                Url = new Uri(row.GetString(3)),
                IsDisabled = row.GetBoolean(4),
                Secret = row.IsDBNull(5) ? null : row.GetFieldValue<byte[]>(5),
                PreviousSecret = row.IsDBNull(6) ? null : row.GetFieldValue<byte[]>(6),
                PreviousSecretEndsAt = row.TimeOrNull(7),
                Failures = row.GetInt32(8),
                RetryAt = row.TimeOrNull(9),
            };
        }
        return endpoints;
    }

    private static async Task<Dictionary<Guid, List<DueMessage>>> MessagesAsync(NpgsqlDataReader row)
    {
        Dictionary<Guid, List<DueMessage>> messages = [];
        while (await row.ReadAsync())
        {
            var message = new DueMessage
            {
                Id = row.GetGuid(1),
                EventId = row.GetGuid(2),
                Sequence = row.GetInt64(3),
                Type = row.GetString(4),
                Attempts = row.GetInt32(5),
                Tries = row.GetInt32(6),
                DueAt = row.Time(7),
                CreatedAt = row.Time(8),
                Data = row.Text(9),
                TestMode = !row.IsDBNull(10) && row.GetBoolean(10),
                HappenedAt = row.TimeOrNull(11) ?? row.Time(8),
                Traceparent = row.Text(12),
            };
            if (!messages.TryGetValue(row.GetGuid(0), out var lane)) messages[row.GetGuid(0)] = lane = [];
            lane.Add(message);
        }
        return messages;
    }
}
