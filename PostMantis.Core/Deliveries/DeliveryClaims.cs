using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Claims due deliveries. The lease and the line in the ledger commit together; whoever holds the work item's row goes
/// first, so what is read here no edit can change any more.
/// </summary>
internal sealed partial class DeliveryClaims(UnitOfWork unit, WorkQueue queue, ArrivedItem arrived, WorkerIdentity worker,
    ProviderCatalog catalog, DeliveryHolds holds, DeliveryTelemetry telemetry, TimeProvider time, ILogger<DeliveryClaims> logger)
{
    private const int MostLooks = 200;

    // A statement of its own after the items are locked: it sees what an edit committed before. What else it asks of the
    // same content is put so that no index but the one of content fits: statistics made while nothing was open promise
    // that those of what is open are empty, and a backlog would then be read whole for each delivery.
    private const string ReadSql = $"""
        SELECT {DeliveryRow.Columns}, p.connection_id, p.provider_profile_id, p.name, p.status, p.facts, p.paused_at,
            (SELECT max(a.number) FROM attempts a WHERE a.delivery_id = d.id),
            EXISTS (SELECT 1 FROM deliveries u WHERE u.content_key = d.content_key AND u.content_hash = d.content_hash
                AND (u.profile_id, u.status, u.phase) IS NOT DISTINCT FROM (d.profile_id, 'unknown', 'reconciling')
                AND u.id <> d.id)
        FROM deliveries d JOIN profiles p ON p.id = d.profile_id WHERE d.id = ANY($1)
        """;

    private const string OpenAttemptsSql = """
        SELECT id, delivery_id, user_id, number, mode, started_at, called_at, handles, traceparent
        FROM attempts WHERE delivery_id = ANY($1) AND finished_at IS NULL
        """;

    // A claim need not be on disk: the mark or the handle that is stored before a public call takes it along, and where a key
    // that the delivery alone gives makes the call repeatable, nothing is. A server that crashes in between forgets the
    // claim, as if it had not been; what comes to be stored under it then fails for want of a lease.
    private const string CommitSoonSql = "SET LOCAL synchronous_commit = off";

    private const string BeginAttemptsSql = """
        INSERT INTO attempts (id, delivery_id, user_id, number, mode, lease_token, worker_id, started_at, handles, steps,
            evidence, traceparent)
        SELECT id, delivery_id, user_id, number, mode, token, $7, $8, '{}', '[]', '[]', traceparent
        FROM unnest($1, $2, $3, $4, $5, $6, $9) AS a(id, delivery_id, user_id, number, mode, token, traceparent)
        """;

    private const string ResumeAttemptsSql = """
        UPDATE attempts a SET lease_token = r.token, worker_id = $3 FROM unnest($1, $2) AS r(id, token) WHERE a.id = r.id
        """;

    /// <summary>Claims up to <paramref name="slots"/> deliveries.</summary>
    /// <param name="rooms">How many more of a provider may be claimed, where that is bounded further.</param>
    /// <param name="isIdle">Nothing runs here: what has just arrived alone is claimed without looking further.</param>
    public async Task<ClaimedDeliveries> ClaimAsync(
        int slots, IReadOnlyDictionary<string, int> rooms, bool isIdle, CancellationToken ct)
    {
        var only = arrived.Take();
        for (var looks = 0; looks < MostLooks; looks++)
        {
            var one = isIdle && looks == 0 ? only : null;
            var (claimed, again) = await unit.RunAsync(token => ClaimOnceAsync(slots, rooms, one, token), ct);
            if (claimed.Deliveries.Count > 0 || !again) return claimed;
        }
        return ClaimedDeliveries.None;
    }

    private async Task<(ClaimedDeliveries Claimed, bool Again)> ClaimOnceAsync(
        int slots, IReadOnlyDictionary<string, int> rooms, WorkItem? only, CancellationToken ct)
    {
        var again = false;
        IReadOnlyList<WorkLease> leases = [];
        Dictionary<Guid, Found> read = [];
        Dictionary<Guid, Attempt> attempts = [];
        if (only is not null && await ClaimOneAsync(only, read, attempts, ct) is { } lone) leases = [lone];
        else
        {
            (leases, again) = await queue.ClaimAsync(WorkKind.Publish, slots, ct, rooms);
            if (leases.Count == 0) return (ClaimedDeliveries.None, again);
            await ReadAsync([.. leases.Select(l => l.Key)], read, attempts, ct);
        }
        var now = time.GetUtcNow();
        var held = await holds.TakeAsync(leases.Where(l => read.ContainsKey(l.Key) && !attempts.ContainsKey(l.Key))
            .Select(l => (l, read[l.Key].Delivery, read[l.Key].Profile))
            .Where(l => l.Delivery.Status is DeliveryStatus.Pending or DeliveryStatus.Incomplete), now, ct);
        List<ClaimedDelivery> claimed = [];
        List<WorkLease> orphans = [];
        foreach (var lease in leases.Where(l => !held.Kept.Contains(l.Key)))
        {
            if (!read.TryGetValue(lease.Key, out var found)
                || found.Delivery.Status is not (DeliveryStatus.Pending or DeliveryStatus.Incomplete))
            {
                orphans.Add(lease);
                continue;
            }
            var (delivery, profile) = (found.Delivery, found.Profile);
            catalog.TryGet(delivery.Provider, out var provider);
            var isResumed = attempts.TryGetValue(delivery.Id, out var attempt);
            attempt ??= new Attempt
            {
                Id = Ids.New(now),
                DeliveryId = delivery.Id,
                UserId = delivery.UserId,
                Number = found.Attempts + 1,
                StartedAt = now,
                Traceparent = lease.Traceparent,
                Mode = provider?.Publisher.ModeOf(
                    new PublishTarget(profile.Id, profile.ProviderProfileId, profile.Facts), delivery.Content)
                    ?? SettlementMode.None,
                LeaseToken = lease.LeaseToken,
                WorkerId = worker.Id,
            };
            claimed.Add(new ClaimedDelivery(lease, delivery, profile, attempt, isResumed, provider,
                found.SameContentUnknown, now) { IsBudgeted = held.Reserved.Contains(delivery.Id) });
        }
        if (orphans.Count > 0)
        {
            await queue.SettleAsync(orphans, ct);
            telemetry.Repaired(Repairs.SettledItem, orphans.Count);
            LogOrphans(logger, orphans.Count);
        }
        await using var writes = unit.Batch();
        writes.Add(CommitSoonSql);
        Begin(writes, [.. claimed.Where(c => !c.IsResumed)], now);
        Resume(writes, [.. claimed.Where(c => c.IsResumed)]);
        GrantOpener.Ask(writes, claimed.Select(c => c.Profile.ConnectionId));
        var grants = await unit.FinishAsync(writes, GrantOpener.ReadAsync, ct);
        return (new ClaimedDeliveries(claimed, grants), again || held.Kept.Count > 0);
    }

    // The item names its delivery, so that both go in one round trip.
    private async Task<WorkLease?> ClaimOneAsync(
        WorkItem only, Dictionary<Guid, Found> deliveries, Dictionary<Guid, Attempt> attempts, CancellationToken ct)
    {
        unit.PlanOnce();
        await using var batch = unit.Batch();
        queue.ClaimOne(batch, only);
        AskFor([only.Key], batch);
        await using var rows = await batch.ReadAsync(ct);
        if (await WorkQueue.ReadOneAsync(rows, ct) is not { } lease) return null;
        await rows.NextResultAsync(ct);
        await ReadAsync(rows, deliveries, attempts, ct);
        return lease;
    }

    private async Task ReadAsync(
        Guid[] keys, Dictionary<Guid, Found> deliveries, Dictionary<Guid, Attempt> attempts, CancellationToken ct)
    {
        await using var reads = unit.Batch();
        AskFor(keys, reads);
        await using var rows = await reads.ReadAsync(ct);
        await ReadAsync(rows, deliveries, attempts, ct);
    }

    private static void AskFor(Guid[] keys, SqlBatch reads)
    {
        reads.Add(ReadSql).Parameters.AddWithValue(keys);
        reads.Add(OpenAttemptsSql).Parameters.AddWithValue(keys);
    }

    private static async Task ReadAsync(NpgsqlDataReader row, Dictionary<Guid, Found> deliveries,
        Dictionary<Guid, Attempt> attempts, CancellationToken ct)
    {
        while (await row.ReadAsync(ct))
        {
            var delivery = DeliveryRow.Read(row);
            const int next = DeliveryRow.Count;
            var profile = new Profile
            {
                Id = delivery.ProfileId,
                UserId = delivery.UserId,
                Provider = delivery.Provider,
                TestMode = delivery.TestMode,
                ConnectionId = row.GetGuid(next),
                ProviderProfileId = row.GetString(next + 1),
                Name = row.GetString(next + 2),
                Facts = row.Document<Dictionary<string, string>>(next + 4),
                PausedAt = row.TimeOrNull(next + 5),
            }.Standing(row.Enum<ProfileStatus>(next + 3));
            deliveries[delivery.Id] = new Found(delivery, profile, row.IsDBNull(next + 6) ? 0 : row.GetInt32(next + 6),
                row.GetBoolean(next + 7));
        }
        await row.NextResultAsync(ct);
        while (await row.ReadAsync(ct))
        {
            var attempt = new Attempt
            {
                Id = row.GetGuid(0),
                DeliveryId = row.GetGuid(1),
                UserId = row.GetGuid(2),
                Number = row.GetInt32(3),
                Mode = row.Enum<SettlementMode>(4),
                StartedAt = row.Time(5),
                CalledAt = row.TimeOrNull(6),
                Handles = row.Document<Dictionary<string, string>>(7),
                Traceparent = row.Text(8),
            };
            attempts[attempt.DeliveryId] = attempt;
        }
    }

    private void Begin(SqlBatch writes, IReadOnlyList<ClaimedDelivery> begun, DateTimeOffset now)
    {
        if (begun.Count == 0) return;
        var parameters = writes.Add(BeginAttemptsSql).Parameters;
        parameters.AddWithValue(begun.Select(c => c.Attempt.Id).ToArray());
        parameters.AddWithValue(begun.Select(c => c.Delivery.Id).ToArray());
        parameters.AddWithValue(begun.Select(c => c.Delivery.UserId).ToArray());
        parameters.AddWithValue(begun.Select(c => c.Attempt.Number).ToArray());
        parameters.AddWithValue(begun.Select(c => SnakeCase<SettlementMode>.Write(c.Attempt.Mode)).ToArray());
        parameters.AddWithValue(begun.Select(c => c.Lease.LeaseToken).ToArray());
        parameters.AddWithValue(worker.Id);
        parameters.AddWithValue(now);
        parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. begun.Select(c => c.Attempt.Traceparent)] });
    }

    private void Resume(SqlBatch writes, IReadOnlyList<ClaimedDelivery> resumed)
    {
        if (resumed.Count == 0) return;
        var parameters = writes.Add(ResumeAttemptsSql).Parameters;
        parameters.AddWithValue(resumed.Select(c => c.Attempt.Id).ToArray());
        parameters.AddWithValue(resumed.Select(c => c.Lease.LeaseToken).ToArray());
        parameters.AddWithValue(worker.Id);
    }

    [LoggerMessage(LogLevel.Warning, "{Count} work items of deliveries that are settled were removed.")]
    private static partial void LogOrphans(ILogger logger, int count);

    private sealed record Found(Delivery Delivery, Profile Profile, int Attempts, bool SameContentUnknown);
}
