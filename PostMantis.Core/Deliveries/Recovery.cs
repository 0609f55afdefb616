using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Puts right what no worker will: leases of dead workers, pending work without an item, items whose work is settled,
/// attempts nobody ended, posts whose count of open deliveries is wrong. Every repair is counted, logged and audited; when
/// all is well there are none.
/// </summary>
public sealed partial class Recovery(IServiceScopeFactory scopes, Heartbeat heartbeat, HeldLeases held, QueueTelemetry queueTelemetry,
    InstanceLineage lineage, ForgottenDeliveries forgotten, DeliveryTelemetry telemetry, WakeUp wakeUp, IOptions<DeliveryOptions> options, TimeProvider time,
    ILogger<Recovery> logger)
{
    private const long LockKey = 0x506F_7374_4D01;
    private const int MostPerBatch = 500;

    // The kinds whose workers say what they hold.
    private static readonly WorkKind[] _told =
    [
        WorkKind.Publish, WorkKind.Reconcile, WorkKind.RefreshToken, WorkKind.ImportMedia, WorkKind.PrepareMedia,
        WorkKind.Webhook,
    ];
    private Guid _deliveryCursor;
    private Guid _itemCursor;
    private Guid _postCursor;

    /// <summary>One pass: all expired leases, and the next stretch of every walk.</summary>
    /// <returns>How many repairs were made.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var repairs = 0;
        await lineage.CheckAsync(ct);
        await forgotten.RunOnceAsync(ct);
        await DisownAsync(ct);
        if (heartbeat.MayJudge) repairs += await ExpireAsync(ct);
        repairs += await BatchAsync(FindMissingItemsAsync, ct);
        repairs += await BatchAsync(RemoveSettledItemsAsync, ct);
        repairs += await BatchAsync(RecountAsync, ct);
        await using var scope = scopes.CreateAsyncScope();
        queueTelemetry.Observed(await scope.ServiceProvider.GetRequiredService<WorkQueue>().DepthsAsync(ct));
        return repairs;
    }

    private async Task DisownAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var disowned = await scope.ServiceProvider.GetRequiredService<WorkQueue>().DisownAsync(_told, held, ct);
        if (disowned > 0) LogDisowned(logger, disowned);
    }

    private async Task<int> ExpireAsync(CancellationToken ct)
    {
        var expired = 0;
        foreach (var kind in Enum.GetValues<WorkKind>())
        {
            int found;
            do
            {
                found = await BatchAsync((batch, token) => ExpireAsync(batch, kind, token), ct);
                expired += found;
                queueTelemetry.Expired(kind, found);
                if (found > 0) wakeUp.Signal(kind);
            }
            while (found == MostPerBatch);
        }
        return expired;
    }

    /// <summary>One transaction under a lock that one replica at a time holds.</summary>
    private async Task<int> BatchAsync(Func<Batch, CancellationToken, Task<int>> work, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var batch = new Batch(scope.ServiceProvider);
        return await batch.Unit.RunAsync(async token =>
        {
            var isMine = await batch.Db.Database.SqlQuery<bool>(
                $"""SELECT pg_try_advisory_xact_lock({LockKey}) AS "Value" """).ToListAsync(token);
            return isMine[0] ? await work(batch, token) : 0;
        }, ct);
    }

    private async Task<int> ExpireAsync(Batch batch, WorkKind kind, CancellationToken ct)
    {
        var expired = await batch.Queue.LockExpiredAsync(kind, MostPerBatch, ct);
        if (expired.Count == 0) return 0;
        var now = time.GetUtcNow();
        LogExpired(logger, expired.Count, kind);
        if (kind != WorkKind.Publish)
        {
            await batch.Queue.ReturnAsync([.. expired.Select(l => new WorkReturn(l, now, Counts: true))], ct);
            return expired.Count;
        }

        var keys = expired.Select(l => l.Key).ToArray();
        var deliveries = await batch.Db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE id = ANY({keys}) ORDER BY id FOR UPDATE").ToDictionaryAsync(d => d.Id, ct);
        var postIds = deliveries.Values.Select(d => d.PostId).Distinct().ToArray();
        var posts = await batch.Db.Posts.FromSql($"SELECT * FROM posts WHERE id = ANY({postIds}) ORDER BY id FOR UPDATE")
            .ToDictionaryAsync(p => p.Id, ct);

        // Locked, so that a mark that is being committed is seen, or fails on the token that is taken away below.
        var attempts = await batch.Db.Attempts.FromSql($"""
            SELECT * FROM attempts WHERE delivery_id = ANY({keys}) AND finished_at IS NULL ORDER BY id FOR UPDATE
            """).ToDictionaryAsync(a => a.DeliveryId, ct);
        var status = await batch.Pause.ReadAsync(ct);
        List<WorkLease> ended = [];
        List<WorkReturn> returned = [];
        var closed = new Dictionary<Guid, int>();
        foreach (var lease in expired)
        {
            if (!deliveries.TryGetValue(lease.Key, out var delivery))
            {
                ended.Add(lease);
                continue;
            }
            var post = posts[delivery.PostId];
            var attempt = attempts.GetValueOrDefault(delivery.Id);
            if (attempt is not null)
            {
                attempt.LeaseToken = Ids.New(now);
                attempt.Steps = [.. attempt.Steps, new AttemptStep(now, "leaseExpired")];
                if (MayHaveBeenSent(attempt)) attempt.CalledAt ??= now;
            }
            // The mark may be among what a restored or promoted database has forgotten.
            var isForgotten = attempt is not null && lease.RunAt <= status.HeldAt;
            if (isForgotten) ForgottenDeliveries.Forget(attempt!, lease.RunAt, status.KnownUntil, now);
            var verdict = isForgotten ? AttemptVerdict.Unconfirmed : VerdictOf(lease, attempt);
            if (verdict is null)
            {
                returned.Add(new WorkReturn(lease, now, Counts: true));
                if (delivery.Status == DeliveryStatus.Pending)
                    delivery.Phase = MayHaveBeenSent(attempt) ? DeliveryPhase.Processing : DeliveryPhase.Retrying;
                (delivery.NextAttemptAt, delivery.UpdatedAt) = (now, now);
            }
            else
            {
                ended.Add(lease);
                var isUnknown = verdict == AttemptVerdict.Unconfirmed;
                var error = isForgotten ? attempt!.Error! : isUnknown ? Errors.Unknown("worker_lost", null) : Errors.Fault;
                if (attempt is not null)
                {
                    (attempt.Verdict, attempt.FinishedAt, attempt.Error) = (verdict, now, error);
                    delivery.AttemptCount++;
                }
                if (batch.Settler.EndUnpublished(isUnknown, post, delivery, error, lease.Traceparent, now))
                    closed[post.Id] = closed.GetValueOrDefault(post.Id) + 1;
            }
            batch.Audit.AddSystem(delivery.UserId, "delivery.leaseExpired", DeliveryResource.Kind, delivery.Id, post.Id,
                new JsonObject { ["verdict"] = verdict is { } said ? CamelCase.Of(said) : null });
        }
        if (ended.Count > 0) await batch.Queue.SettleAsync(ended, ct);
        if (returned.Count > 0) await batch.Queue.ReturnAsync(returned, ct);
        await batch.Settler.CloseAsync(posts, closed, now, ct);
        foreach (var post in posts.Values) (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        await batch.Db.SaveChangesAsync(ct);
        telemetry.Repaired(Repairs.ExpiredLease, expired.Count);
        batch.Unit.AfterCommit(() => batch.Settler.Tell(posts.Values, reconcile: true));
        return expired.Count;
    }

    /// <summary>What a lost worker leaves: null, and the attempt resumes; else how it ended.</summary>
    private AttemptVerdict? VerdictOf(WorkLease lease, Attempt? attempt)
    {
        if (attempt is { CalledAt: not null, CanRepeat: false })
            return AttemptVerdict.Unconfirmed;
        if (lease.Tries < options.Value.MaxTries * 2) return null;

        // Work that takes every worker down with it does not go round for ever.
        return MayHaveBeenSent(attempt) ? AttemptVerdict.Unconfirmed : AttemptVerdict.Retry;
    }

    // Without a mark, ReadBack and None were provably not sent, and Probe without a handle; else repeating finds out.
    private static bool MayHaveBeenSent(Attempt? attempt) =>
        attempt is { Mode: SettlementMode.Idempotent } or { Mode: SettlementMode.Probe, Handles.Count: > 0 };

    private async Task<int> FindMissingItemsAsync(Batch batch, CancellationToken ct)
    {
        var (cursor, now) = (_deliveryCursor, time.GetUtcNow());
        var window = await batch.Db.Database.SqlQuery<Guid>($"""
            SELECT id AS "Value" FROM deliveries WHERE status IN ('pending', 'unknown') AND id > {cursor}
            ORDER BY id LIMIT {MostPerBatch}
            """).ToListAsync(ct);
        _deliveryCursor = window.Count == MostPerBatch ? window[^1] : Guid.Empty;
        if (window.Count == 0) return 0;
        var ids = window.ToArray();

        // Every state commits with its item, so one snapshot shows both or neither; the lock waits for what is under way.
        var missing = await batch.Db.Deliveries.FromSql($"""
            SELECT d.* FROM deliveries d JOIN posts p ON p.id = d.post_id
            WHERE d.id = ANY({ids}) AND p.status IN ('scheduled', 'publishing')
                AND (d.status = 'pending' OR d.status = 'unknown' AND d.phase = 'reconciling')
                AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.key = d.id
                    AND w.kind = CASE d.status WHEN 'pending' THEN 'publish' ELSE 'reconcile' END)
            ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
            """).ToListAsync(ct);
        if (missing.Count == 0) return 0;
        var keys = missing.Select(d => d.Id).ToArray();
        var present = (await batch.Db.WorkItems.Where(w => keys.Contains(w.Key)
                && (w.Kind == WorkKind.Publish || w.Kind == WorkKind.Reconcile)).Select(w => w.Key).ToListAsync(ct))
            .ToHashSet();
        var repaired = 0;
        foreach (var delivery in missing.Where(d => !present.Contains(d.Id)))
        {
            if (delivery.Status == DeliveryStatus.Unknown)
            {
                batch.Db.WorkItems.Add(DeliverySettler.ReconcileItem(delivery, null, now));
            }
            else
            {
                batch.Db.WorkItems.Add(new WorkItem
                {
                    Id = Ids.New(now),
                    UserId = delivery.UserId,
                    Kind = WorkKind.Publish,
                    Key = delivery.Id,
                    Lane = delivery.ProfileId,
                    Pool = delivery.Provider,
                    RunAt = delivery.NextAttemptAt ?? delivery.ScheduledAt ?? now,
                    CreatedAt = now,
                });
            }
            Note(batch, Repairs.MissingItem, delivery.UserId, DeliveryResource.Kind, delivery.Id, delivery.PostId);
            repaired++;
        }
        await batch.Db.SaveChangesAsync(ct);
        if (repaired > 0) batch.Unit.AfterCommit(() => batch.Settler.Tell([], reconcile: true));
        return repaired;
    }

    private async Task<int> RemoveSettledItemsAsync(Batch batch, CancellationToken ct)
    {
        var cursor = _itemCursor;
        var window = await batch.Db.Database.SqlQuery<Guid>($"""
            SELECT id AS "Value" FROM work_items WHERE id > {cursor} ORDER BY id LIMIT {MostPerBatch}
            """).ToListAsync(ct);
        _itemCursor = window.Count == MostPerBatch ? window[^1] : Guid.Empty;
        if (window.Count == 0) return 0;
        var ids = window.ToArray();
        var settled = await batch.Db.WorkItems.FromSql($"""
            SELECT w.* FROM work_items w LEFT JOIN deliveries d ON d.id = w.key
            WHERE w.id = ANY({ids}) AND w.state <> 'leased'
                AND (w.kind = 'publish' AND (d.id IS NULL OR d.status IN ('published', 'failed', 'canceled', 'unknown'))
                    OR w.kind = 'reconcile' AND (d.id IS NULL OR d.status <> 'unknown' OR d.phase IS NULL))
            ORDER BY w.id FOR UPDATE OF w SKIP LOCKED
            """).ToListAsync(ct);
        foreach (var item in settled)
            Note(batch, Repairs.SettledItem, item.UserId, DeliveryResource.Kind, item.Key, null);
        batch.Db.WorkItems.RemoveRange(settled);
        await batch.Db.SaveChangesAsync(ct);
        return settled.Count;
    }

    private async Task<int> RecountAsync(Batch batch, CancellationToken ct)
    {
        var (cursor, now) = (_postCursor, time.GetUtcNow());

        // The moments say what the status says, and they are what the index of the open ones goes by.
        var window = await batch.Db.Database.SqlQuery<Guid>($"""
            SELECT id AS "Value" FROM posts
            WHERE status IN ('pending', 'scheduled', 'publishing') AND id > {cursor}
                AND accepted_at IS NOT NULL AND completed_at IS NULL AND canceled_at IS NULL
            ORDER BY id LIMIT {MostPerBatch}
            """).ToListAsync(ct);
        _postCursor = window.Count == MostPerBatch ? window[^1] : Guid.Empty;
        if (window.Count == 0) return 0;
        var suspects = await OpenCountsAsync(batch.Db, [.. window], onlyWrong: true, ct);
        var repaired = await FindUnpreparedAsync(batch, [.. window], now, ct);
        foreach (var suspect in suspects)
        {
            // Locked first, counted again: a settlement that was under way has its say.
            var post = await batch.Db.Posts.FromSql($"SELECT * FROM posts WHERE id = {suspect.Id} FOR UPDATE").SingleAsync(ct);
            var counted = await OpenCountsAsync(batch.Db, [post.Id], onlyWrong: true, ct);
            if (counted.Count == 0) continue;
            post.OpenDeliveries = counted[0].Open;
            if (post.OpenDeliveries == 0)
                await batch.Settler.CloseAsync(new Dictionary<Guid, Post> { [post.Id] = post },
                    new Dictionary<Guid, int> { [post.Id] = 0 }, now, ct);
            (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
            Note(batch, Repairs.OpenCount, post.UserId, PostResource.Kind, post.Id, post.Id);
            await batch.Db.SaveChangesAsync(ct);
            batch.Unit.AfterCommit(() => batch.Settler.Tell([post], reconcile: false));
            repaired++;
        }
        return repaired;
    }

    // Who waits for media waits on a work item.
    private async Task<int> FindUnpreparedAsync(Batch batch, Guid[] window, DateTimeOffset now, CancellationToken ct)
    {
        var lost = await batch.Db.Posts.FromSql($"""
            SELECT p.* FROM posts p WHERE p.id = ANY({window}) AND p.status = 'pending' AND NOT EXISTS (
                SELECT 1 FROM work_items w WHERE w.kind = 'prepare_media' AND w.key = p.id)
            ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
            """).ToListAsync(ct);
        if (lost.Count == 0) return 0;
        var keys = lost.Select(p => p.Id).ToArray();
        var present = await batch.Db.WorkItems.Where(w => w.Kind == WorkKind.PrepareMedia && keys.Contains(w.Key))
            .Select(w => w.Key).ToListAsync(ct);
        foreach (var post in lost.Where(p => !present.Contains(p.Id)))
        {
            batch.Acceptor.Prepare(post, null, now);
            Note(batch, Repairs.MissingItem, post.UserId, PostResource.Kind, post.Id, post.Id);
        }
        await batch.Db.SaveChangesAsync(ct);
        return lost.Count - present.Count;
    }

    private static Task<List<OpenCount>> OpenCountsAsync(
        PostMantisDb db, Guid[] posts, bool onlyWrong, CancellationToken ct) =>
        db.Database.SqlQuery<OpenCount>($"""
            SELECT p.id, c.open FROM posts p CROSS JOIN LATERAL (
                SELECT count(*)::int AS open FROM deliveries d WHERE d.post_id = p.id AND (d.phase IS NOT NULL
                    OR d.status = 'incomplete' AND EXISTS (
                        SELECT 1 FROM work_items w WHERE w.kind = 'publish' AND w.key = d.id))) c
            WHERE p.id = ANY({posts}) AND p.status IN ('pending', 'scheduled', 'publishing')
                AND (NOT {onlyWrong} OR c.open <> p.open_deliveries OR c.open = 0)
            ORDER BY p.id
            """).ToListAsync(ct);

    private void Note(Batch batch, string kind, Guid userId, string subjectType, Guid subjectId, Guid? postId)
    {
        telemetry.Repaired(kind);
        LogRepair(logger, kind, subjectType, subjectId);
        batch.Audit.AddSystem(userId, "recovery." + kind, subjectType, subjectId, postId);
    }

    [LoggerMessage(LogLevel.Warning, "{Count} leases of {Kind} items expired.")]
    private static partial void LogExpired(ILogger logger, int count, WorkKind kind);

    [LoggerMessage(LogLevel.Warning, "{Count} leases of this process that nobody holds were given up.")]
    private static partial void LogDisowned(ILogger logger, int count);

    [LoggerMessage(LogLevel.Warning, "Recovery: {Kind} of {SubjectType} {SubjectId} put right.")]
    private static partial void LogRepair(ILogger logger, string kind, string subjectType, Guid subjectId);

    private sealed record OpenCount
    {
        public Guid Id { get; init; }
        public int Open { get; init; }
    }

    private sealed class Batch(IServiceProvider services)
    {
        public UnitOfWork Unit { get; } = services.GetRequiredService<UnitOfWork>();
        public PostMantisDb Db => Unit.Db;
        public WorkQueue Queue { get; } = services.GetRequiredService<WorkQueue>();
        public DeliverySettler Settler { get; } = services.GetRequiredService<DeliverySettler>();
        public InstancePause Pause { get; } = services.GetRequiredService<InstancePause>();
        public AuditLog Audit { get; } = services.GetRequiredService<AuditLog>();
        public PostAcceptor Acceptor => services.GetRequiredService<PostAcceptor>();
    }
}
