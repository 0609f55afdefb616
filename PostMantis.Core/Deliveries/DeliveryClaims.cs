using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Claims due deliveries. The lease, the line in the ledger and the state that callers see commit together; whoever holds
/// the work item's row goes first, so what is read here no edit can change any more.
/// </summary>
internal sealed partial class DeliveryClaims(UnitOfWork unit, WorkQueue queue, WorkerIdentity worker,
    ProviderCatalog catalog, PostChanges changes, DeliveryTelemetry telemetry, TimeProvider time,
    ILogger<DeliveryClaims> logger)
{
    private const int MostPromotions = 100;
    private const int MostClashes = 5;
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Promotes what is due and claims up to <paramref name="slots"/> of it.</summary>
    /// <param name="onlyPromoted">Claim only if the promotion made something ready: the caller knows of nothing else.</param>
    public async Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(int slots, bool onlyPromoted, CancellationToken ct)
    {
        if (onlyPromoted && !await queue.HasWorkAsync(WorkKind.Publish, ct)) return [];
        var ready = 0;
        for (var i = 0; i < MostPromotions; i++)
        {
            var promotion = await queue.PromoteAsync(WorkKind.Publish, ct);
            ready += promotion.Ready;
            if (!promotion.Again) break;
        }
        if (onlyPromoted && ready == 0) return [];
        for (var clashes = 0; ; clashes++)
        {
            try
            {
                return await unit.RunAsync(token => ClaimOnceAsync(slots, token), ct);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation && clashes < MostClashes)
            {
                LogClash(logger, e.ConstraintName);
                _db.ChangeTracker.Clear();
            }
        }
    }

    private async Task<IReadOnlyList<ClaimedDelivery>> ClaimOnceAsync(int slots, CancellationToken ct)
    {
        if (await _db.InstanceState.AnyAsync(s => s.PausedAt != null || s.HeldAt != null, ct)) return [];
        var leases = await queue.ClaimAsync(WorkKind.Publish, slots, ct);
        if (leases.Count == 0) return [];

        var now = time.GetUtcNow();
        var keys = leases.Select(l => l.Key).ToArray();
        var deliveries = await _db.Deliveries.FromSql($"""
            SELECT * FROM deliveries WHERE id = ANY({keys}) ORDER BY id FOR UPDATE
            """).AsNoTracking().ToDictionaryAsync(d => d.Id, ct);
        var profileIds = deliveries.Values.Select(d => d.ProfileId).Distinct().ToArray();
        var profiles = await _db.Profiles.AsNoTracking().Where(p => profileIds.Contains(p.Id))
            .ToDictionaryAsync(p => p.Id, ct);
        var ledger = (await _db.Attempts.AsNoTracking().Where(a => keys.Contains(a.DeliveryId)).ToListAsync(ct))
            .ToLookup(a => a.DeliveryId);
        var waiting = (await _db.Database.SqlQuery<Guid>($"""
            SELECT d.id AS "Value" FROM deliveries d WHERE d.id = ANY({keys}) AND EXISTS (
                SELECT 1 FROM deliveries u WHERE u.profile_id = d.profile_id AND u.content_hash = d.content_hash
                    AND u.status = 'unknown' AND u.phase = 'reconciling' AND u.id <> d.id)
            """).ToListAsync(ct)).ToHashSet();

        List<ClaimedDelivery> claimed = [];
        List<WorkLease> orphans = [];
        foreach (var lease in leases)
        {
            if (!deliveries.TryGetValue(lease.Key, out var delivery)
                || delivery.Status is not (DeliveryStatus.Pending or DeliveryStatus.Incomplete))
            {
                orphans.Add(lease);
                continue;
            }
            catalog.TryGet(delivery.Provider, out var provider);
            var attempt = ledger[delivery.Id].SingleOrDefault(a => a.FinishedAt is null);
            var isResumed = attempt is not null;
            var profile = profiles[delivery.ProfileId];
            attempt ??= new Attempt
            {
                Id = Ids.New(now),
                DeliveryId = delivery.Id,
                UserId = delivery.UserId,
                Number = ledger[delivery.Id].Select(a => a.Number).DefaultIfEmpty().Max() + 1,
                StartedAt = now,
                Traceparent = lease.Traceparent,
                Mode = provider?.Publisher.ModeOf(
                    new PublishTarget(profile.Id, profile.ProviderProfileId, profile.Facts), delivery.Content)
                    ?? SettlementMode.None,
                LeaseToken = lease.LeaseToken,
                WorkerId = worker.Id,
            };
            if (!isResumed) _db.Attempts.Add(attempt);
            claimed.Add(new ClaimedDelivery(lease, delivery, profile, attempt, isResumed, provider,
                waiting.Contains(delivery.Id), now));
        }
        await _db.SaveChangesAsync(ct);
        _db.ChangeTracker.Clear();
        if (orphans.Count > 0)
        {
            await queue.SettleAsync(orphans, ct);
            telemetry.Repaired(Repairs.SettledItem, orphans.Count);
            LogOrphans(logger, orphans.Count);
        }
        await ResumeAsync([.. claimed.Where(c => c.IsResumed)], ct);
        await ShowAsync(claimed, now, ct);
        unit.AfterCommit(() =>
        {
            foreach (var one in claimed) changes.Publish(one.Delivery.UserId, one.Delivery.PostId);
        });
        return claimed;
    }

    private async Task ResumeAsync(IReadOnlyCollection<ClaimedDelivery> resumed, CancellationToken ct)
    {
        if (resumed.Count == 0) return;
        var ids = resumed.Select(c => c.Attempt.Id).ToArray();
        var tokens = resumed.Select(c => c.Lease.LeaseToken).ToArray();
        var workerId = worker.Id;
        await _db.Database.ExecuteSqlAsync($"""
            UPDATE attempts a SET lease_token = r.token, worker_id = {workerId}
            FROM unnest({ids}, {tokens}) AS r(id, token) WHERE a.id = r.id
            """, ct);
    }

    private async Task ShowAsync(IReadOnlyCollection<ClaimedDelivery> claimed, DateTimeOffset now, CancellationToken ct)
    {
        var pending = claimed.Where(c => c.Delivery.Status == DeliveryStatus.Pending).Select(c => c.Delivery.Id).ToArray();
        await _db.Database.ExecuteSqlAsync($"""
            UPDATE deliveries SET phase = 'publishing', started_at = coalesce(started_at, {now}),
                next_attempt_at = NULL, defer_reason = NULL, updated_at = {now}
            WHERE id = ANY({pending})
            """, ct);
        var posts = claimed.Select(c => c.Delivery.PostId).Distinct().ToArray();
        await _db.Database.ExecuteSqlAsync($"""
            WITH mine AS MATERIALIZED (
                SELECT id FROM posts WHERE id = ANY({posts}) AND status = 'scheduled' ORDER BY id FOR UPDATE)
            UPDATE posts p SET status = 'publishing', revision = p.revision + 1, updated_at = {now}
            FROM mine WHERE p.id = mine.id
            """, ct);
    }

    [LoggerMessage(LogLevel.Information, "Two claims met at {Constraint}; claiming again.")]
    private static partial void LogClash(ILogger logger, string? constraint);

    [LoggerMessage(LogLevel.Warning, "{Count} work items of deliveries that are settled were removed.")]
    private static partial void LogOrphans(ILogger logger, int count);
}
