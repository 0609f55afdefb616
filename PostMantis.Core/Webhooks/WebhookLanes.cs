using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>Sees that every lane of an endpoint with something pending has its work item.</summary>
internal static class WebhookLanes
{
    private const string PendingSql = """
        INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
        SELECT gen_random_uuid(), l.user_id, 'webhook', l.lane, l.lane, '', 'waiting',
            greatest(m.next_attempt_at, l.retry_at), 0, $2
        FROM (
            SELECT w.user_id, w.retry_at, md5(w.id::text || ':' || n)::uuid AS lane
            FROM webhook_endpoints w CROSS JOIN generate_series(0, w.slots - 1) n
            WHERE w.id = ANY($1) AND w.disabled_at IS NULL) l
        CROSS JOIN LATERAL (
            SELECT next_attempt_at FROM webhook_messages
            WHERE lane = l.lane AND status = 'pending' ORDER BY next_attempt_at, sequence LIMIT 1) m
        """;

    // Also brings forward those that wait for longer than they must.
    private const string WakeSql = $"""
        {PendingSql} ORDER BY l.lane
        ON CONFLICT (kind, key) DO UPDATE SET run_at = excluded.run_at, pool = ''
            WHERE work_items.state = 'waiting' AND work_items.run_at > excluded.run_at
        """;

    private const string RestoreSql = $"""
        {PendingSql} WHERE NOT EXISTS (SELECT 1 FROM work_items i WHERE i.kind = 'webhook' AND i.key = l.lane)
        ORDER BY l.lane ON CONFLICT (kind, key) DO NOTHING RETURNING key
        """;

    /// <summary>Has everything that is due sent as soon as the endpoint's circuit allows.</summary>
    public static async Task WakeAsync(UnitOfWork unit, IEnumerable<Guid> endpointIds, DateTimeOffset now, CancellationToken ct)
    {
        await using var batch = unit.Batch();
        batch.Add(WakeSql, endpointIds.ToArray(), now);
        await batch.RunAsync(ct);
    }

    /// <summary>Makes the items that are missing.</summary>
    /// <returns>How many were.</returns>
    public static async Task<int> RestoreAsync(UnitOfWork unit, Guid[] endpointIds, DateTimeOffset now, CancellationToken ct)
    {
        await using var batch = unit.Batch();
        batch.Add(RestoreSql, endpointIds, now);
        await using var rows = await batch.ReadAsync(ct);
        var restored = 0;
        while (await rows.ReadAsync(ct)) restored++;
        return restored;
    }
}
