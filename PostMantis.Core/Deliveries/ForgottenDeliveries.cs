using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>What stands between a held instance and publishing.</summary>
/// <param name="Unjudged">Deliveries that were due and are not unknown yet, such as those in the hands of a process.</param>
/// <param name="Reconciling">Unknown ones whose outcome is still being looked for.</param>
public sealed record HoldProgress(int Unjudged, int Reconciling)
{
    public bool IsDone => Unjudged == 0 && Reconciling == 0;
}

/// <summary>
/// After a restore or a promotion: what was due when the instance was held may have been sent and forgotten. It becomes
/// unknown and is looked for; what is proven absent is sent when the instance is released.
/// </summary>
public sealed partial class ForgottenDeliveries(IServiceScopeFactory scopes, WakeUp wakeUp, TimeProvider time,
    ILogger<ForgottenDeliveries> logger)
{
    /// <summary>The line in the ledger of what may have been sent and forgotten.</summary>
    public const string Step = "forgotten";

    private const long LockKey = 0x506F_7374_4D01;
    private const int MostPerBatch = 200;

    // The moment of the last commit that was kept is known to a few seconds.
    private static readonly TimeSpan _margin = TimeSpan.FromMinutes(1);

    /// <summary>Judges everything that is in nobody's hands.</summary>
    /// <returns>How many became unknown.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var judged = 0;
        while (true)
        {
            await using var scope = scopes.CreateAsyncScope();
            var services = scope.ServiceProvider;
            var status = await services.GetRequiredService<InstancePause>().ReadAsync(ct);
            if (status.HeldAt is not { } heldAt) return judged;
            var found = await services.GetRequiredService<UnitOfWork>()
                .RunAsync(token => JudgeAsync(services, heldAt, status.KnownUntil, token), ct);
            judged += found;
            if (found < MostPerBatch) break;
        }
        if (judged > 0) LogJudged(judged);
        return judged;
    }

    /// <summary>How far it is.</summary>
    public async Task<HoldProgress> ReadAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<PostMantisDb>().Database.SqlQuery<HoldProgress>($"""
            SELECT (SELECT count(*)::int FROM work_items w, instance_state s
                    WHERE w.kind = 'publish' AND w.run_at <= s.held_at) AS unjudged,
                (SELECT count(*)::int FROM deliveries d, instance_state s
                    WHERE d.status = 'unknown' AND d.phase = 'reconciling' AND d.created_at <= s.held_at) AS reconciling
            """).SingleAsync(ct);
    }

    /// <summary>Ends the hold once everything was looked for.</summary>
    /// <param name="unreconciled">
    /// Also while some are still looked for: they stay unknown until that ends, and nothing of them is sent before.
    /// </param>
    /// <returns>What is left; the hold has ended when that is nothing, or only what was allowed.</returns>
    public async Task<(bool IsReleased, HoldProgress Left)> ReleaseAsync(bool unreconciled, CancellationToken ct)
    {
        await RunOnceAsync(ct);
        var left = await ReadAsync(ct);
        if (left.Unjudged > 0 || (left.Reconciling > 0 && !unreconciled)) return (false, left);
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<InstancePause>().ReleaseAsync(ct);
        return (true, left);
    }

    /// <summary>
    /// Makes an attempt say that it may have been sent by a process whose commits are gone, from <paramref name="dueAt"/> or
    /// the last kept commit on. Without a handle there is nothing that could be probed.
    /// </summary>
    internal static void Forget(Attempt attempt, DateTimeOffset dueAt, DateTimeOffset? knownUntil, DateTimeOffset now)
    {
        var from = knownUntil is { } known && known > dueAt ? known : dueAt;
        attempt.CalledAt ??= (from < now ? from : now) - _margin;
        if (attempt is { Mode: SettlementMode.Probe, Handles.Count: 0 }) attempt.Mode = SettlementMode.None;
        attempt.Steps = [.. attempt.Steps, new AttemptStep(now, Step)];
        (attempt.Verdict, attempt.FinishedAt, attempt.Error) = (AttemptVerdict.Unconfirmed, now, Errors.Unknown(Step, null));
        attempt.LeaseToken = Ids.New(now);
    }

    private async Task<int> JudgeAsync(
        IServiceProvider services, DateTimeOffset heldAt, DateTimeOffset? knownUntil, CancellationToken ct)
    {
        var (unit, queue) = (services.GetRequiredService<UnitOfWork>(), services.GetRequiredService<WorkQueue>());
        var db = unit.Db;
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({LockKey})", ct);

        // No claim is under way meanwhile; items first, as everybody locks.
        await queue.TakeTurnAsync(WorkKind.Publish, ct);
        var items = await db.WorkItems.FromSql($"""
            SELECT * FROM work_items WHERE kind = 'publish' AND state <> 'leased' AND run_at <= {heldAt}
            ORDER BY id LIMIT {MostPerBatch} FOR UPDATE
            """).ToListAsync(ct);
        if (items.Count == 0) return 0;
        var keys = items.Select(i => i.Key).ToArray();
        var deliveries = await db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE id = ANY({keys}) ORDER BY id FOR UPDATE").ToDictionaryAsync(d => d.Id, ct);
        var postIds = deliveries.Values.Select(d => d.PostId).Distinct().ToArray();
        var posts = await db.Posts.FromSql($"SELECT * FROM posts WHERE id = ANY({postIds}) ORDER BY id FOR UPDATE")
            .ToDictionaryAsync(p => p.Id, ct);
        var attempts = (await db.Attempts.Where(a => keys.Contains(a.DeliveryId)).ToListAsync(ct)).ToLookup(a => a.DeliveryId);
        var profileIds = deliveries.Values.Select(d => d.ProfileId).Distinct().ToArray();
        var profiles = await db.Profiles.AsNoTracking().Where(p => profileIds.Contains(p.Id)).ToDictionaryAsync(p => p.Id, ct);
        var (settler, audit) = (services.GetRequiredService<DeliverySettler>(), services.GetRequiredService<AuditLog>());
        var now = time.GetUtcNow();
        var closed = new Dictionary<Guid, int>();
        foreach (var item in items)
        {
            db.WorkItems.Remove(item);
            if (!deliveries.TryGetValue(item.Key, out var delivery)
                || delivery.Status is not (DeliveryStatus.Pending or DeliveryStatus.Incomplete)) continue;
            var attempt = attempts[delivery.Id].SingleOrDefault(a => a.FinishedAt is null);
            if (attempt is null)
            {
                attempt = NewAttempt(services, delivery, profiles[delivery.ProfileId],
                    attempts[delivery.Id].Select(a => a.Number).DefaultIfEmpty().Max() + 1, now);
                db.Attempts.Add(attempt);
            }
            Forget(attempt, item.RunAt, knownUntil, now);
            delivery.AttemptCount++;
            var post = posts[delivery.PostId];
            if (settler.EndUnpublished(isUnknown: true, post, delivery, attempt.Error!, item.Traceparent, now))
                closed[post.Id] = closed.GetValueOrDefault(post.Id) + 1;
            audit.AddSystem(delivery.UserId, "delivery.forgotten", DeliveryResource.Kind, delivery.Id, post.Id);
        }
        await settler.CloseAsync(posts, closed, now, ct);
        foreach (var post in posts.Values) (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        await db.SaveChangesAsync(ct);
        unit.AfterCommit(() =>
        {
            settler.Tell(posts.Values, reconcile: true);
            wakeUp.Signal(WorkKind.Reconcile);
        });
        return items.Count;
    }

    private static Attempt NewAttempt(
        IServiceProvider services, Delivery delivery, Profile profile, int number, DateTimeOffset now) => new()
        {
            Id = Ids.New(now),
            DeliveryId = delivery.Id,
            UserId = delivery.UserId,
            Number = number,
            StartedAt = now,
            Mode = services.GetRequiredService<ProviderCatalog>().TryGet(delivery.Provider, out var provider)
                ? provider.Publisher.ModeOf(new PublishTarget(profile.Id, profile.ProviderProfileId, profile.Facts), delivery.Content)
                : SettlementMode.None,
            LeaseToken = Ids.New(now),
            WorkerId = services.GetRequiredService<WorkerIdentity>().Id,
        };

    [LoggerMessage(LogLevel.Warning, "{Count} deliveries were due before the instance was held: they are unknown and looked for.")]
    private partial void LogJudged(int count);
}
