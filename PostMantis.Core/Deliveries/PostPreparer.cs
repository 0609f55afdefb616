using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Makes accepted posts ready whose media have to be imported or converted first, then releases them. A delivery whose
/// file cannot be had fails by itself; the others go on.
/// </summary>
public sealed partial class PostPreparer(IServiceScopeFactory scopes, ProviderCatalog catalog, MediaVersions versions,
    PreparationProgress progress, PostChanges changes, HeldLeases leasesHeld, IOptions<MediaOptions> options, TimeProvider time, ILogger<PostPreparer> logger)
{
    /// <summary>Claims the posts that can be prepared now and prepares them.</summary>
    /// <returns>How many were looked at.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        IReadOnlyList<WorkLease> leases;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var queue = scope.ServiceProvider.GetRequiredService<WorkQueue>();
            leases = (await queue.ClaimAsync(WorkKind.PrepareMedia, options.Value.PrepareSlots, ct)).Leases;
        }
        await Task.WhenAll(leases.Select(lease => PrepareAsync(lease, ct)));
        return leases.Count;
    }

    private async Task PrepareAsync(WorkLease lease, CancellationToken ct)
    {
        using var held = leasesHeld.Hold(lease);
        ActivityContext.TryParse(lease.Traceparent, null, out var parent);
        using var activity = DeliveryTelemetry.Source.StartActivity("prepare media", ActivityKind.Consumer, parent);
        activity?.SetTag("postmantis.post.id", lease.Key.ToString());
        await using var scope = scopes.CreateAsyncScope();
        var batch = new Preparation(scope.ServiceProvider);
        var seen = await ReadAsync(batch.Db, lease.Key, ct);
        Dictionary<Guid, DeliveryError> failed = [];
        Exception? fault = null;
        try
        {
            if (seen is { IsSettled: true }) failed = await ConvertAsync(seen, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            LogFault(logger, lease.Key, lease.Tries, e);
            fault = e;
        }
        finally
        {
            progress.End(lease.Key);
        }
        await batch.Unit.RunAsync(token => SettleAsync(batch, lease, seen, failed, fault, token), ct);
    }

    private static async Task<Seen?> ReadAsync(PostMantisDb db, Guid postId, CancellationToken ct)
    {
        var post = await db.Posts.AsNoTracking().SingleOrDefaultAsync(p => p.Id == postId && p.Status == PostStatus.Pending, ct);
        if (post is null) return null;
        var ids = PostArtifacts.NamedBy(post.Content).ToArray();
        return new Seen(post,
            await db.Deliveries.AsNoTracking().Where(d => d.PostId == postId && d.Status == DeliveryStatus.Pending)
                .Join(db.Profiles, d => d.ProfileId, p => p.Id, (d, p) => new Asked(d, p.Facts)).ToListAsync(ct),
            await db.Artifacts.AsNoTracking().Where(a => a.UserId == post.UserId && ids.Contains(a.Id))
                .ToDictionaryAsync(a => a.Id, ct));
    }

    /// <summary>Converts what the plans ask for.</summary>
    /// <returns>Why a delivery cannot be sent, for those that cannot.</returns>
    private async Task<Dictionary<Guid, DeliveryError>> ConvertAsync(Seen seen, CancellationToken ct)
    {
        Dictionary<Guid, DeliveryError> failed = [];
        var tools = versions.Tools;
        foreach (var (delivery, account) in seen.Deliveries)
        {
            var missing = PostMedia.Of(delivery.Content).Select(m => seen.Artifacts.GetValueOrDefault(m.ArtifactId))
                .Where(a => a?.Facts is null).ToList();
            if (missing.Count > 0)
            {
                failed[delivery.Id] = MediaErrors.Of(missing[0]);
                continue;
            }
            if (!catalog.TryGet(delivery.Provider, out var provider)) continue;

            // What was not known when the post was accepted is asked now: all rules, with every file's facts.
            var refused = ContentRules.Check(provider, seen.Post.Content, delivery.ProfileId, account,
                id => seen.Artifacts.GetValueOrDefault(id)?.Facts, tools)
                .Where(i => i.Severity == Severity.Error && i.Pointer.Contains("/media", StringComparison.Ordinal)).ToList();
            if (refused.Count > 0)
            {
                failed[delivery.Id] = MediaErrors.Of(refused);
                continue;
            }
            foreach (var planned in ContentRules.PlanMedia(provider, seen.Post.Content, delivery.ProfileId, account,
                id => seen.Artifacts.GetValueOrDefault(id)?.Facts, tools))
            {
                if (planned.Plan?.Recipe is not { } recipe) continue;
                var made = await versions.EnsureAsync(seen.Artifacts[planned.Item.ArtifactId], recipe,
                    progress.Watch(seen.Post.Id, () => changes.Publish(seen.Post.UserId, seen.Post.Id)), ct);
                if (made.Refusal is { } refusal) failed[delivery.Id] = MediaErrors.Of(refusal);
            }
        }
        return failed;
    }

    private async Task SettleAsync(Preparation batch, WorkLease lease, Seen? seen, Dictionary<Guid, DeliveryError> failed,
        Exception? fault, CancellationToken ct)
    {
        // The item first: whoever tells of an artifact or an edit waits for it, or has been before us.
        if ((await batch.Queue.LockAsync([lease], ct)).Count == 0) return;
        var now = time.GetUtcNow();
        var deliveries = await batch.Db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE post_id = {lease.Key} ORDER BY id FOR UPDATE").ToListAsync(ct);
        var post = await batch.Db.Posts.FromSql($"SELECT * FROM posts WHERE id = {lease.Key} FOR UPDATE").SingleOrDefaultAsync(ct);
        if (post?.Status != PostStatus.Pending)
        {
            await batch.Queue.SettleAsync([lease], ct);
            return;
        }
        if (seen is null || seen.Post.Revision != post.Revision)
        {
            await batch.Queue.ReturnAsync([new WorkReturn(lease, now, Counts: false)], ct);
            return;
        }
        if (!seen.IsSettled)
        {
            // Its end wakes us; looked at from time to time all the same.
            var isSettledNow = (await ReadAsync(batch.Db, post.Id, ct))?.IsSettled == true;
            await batch.Queue.ReturnAsync(
                [new WorkReturn(lease, isSettledNow ? now : now + options.Value.PrepareCheck, Counts: false)], ct);
            return;
        }
        if (fault is not null && lease.Tries < options.Value.PrepareTries)
        {
            await batch.Queue.ReturnAsync([new WorkReturn(lease, now + (options.Value.PrepareRetry * lease.Tries), Counts: true)], ct);
            return;
        }

        await batch.Queue.SettleAsync([lease], ct);
        (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        List<Delivery> open = [.. deliveries.Where(d => d.Status == DeliveryStatus.Pending).OrderBy(d => d.Position)];
        var lost = open.Where(d => fault is not null || failed.ContainsKey(d.Id)).ToList();
        if (lost.Count < open.Count)
            batch.Acceptor.Release(post, [.. open.Except(lost)], await RulesAsync(batch.Db, post, ct), lease.Traceparent, now);
        foreach (var delivery in lost)
            batch.Settler.EndUnpublished(isUnknown: false, post, delivery, failed.GetValueOrDefault(delivery.Id, Errors.Fault),
                lease.Traceparent, now);
        if (lost.Count > 0)
            await batch.Settler.CloseAsync(new Dictionary<Guid, Post> { [post.Id] = post },
                new Dictionary<Guid, int> { [post.Id] = lost.Count }, now, ct);
        await batch.Db.SaveChangesAsync(ct);
        batch.Acceptor.Tell(post);
    }

    // The quiet hours of the key that asked for it; a person has none.
    private static async Task<KeyRules> RulesAsync(PostMantisDb db, Post post, CancellationToken ct) =>
        await db.ApiKeys.AsNoTracking().Where(k => k.UserId == post.UserId && k.Id == post.AcceptedById)
            .Select(k => k.Rules).SingleOrDefaultAsync(ct) ?? KeyRules.None;

    [LoggerMessage(LogLevel.Error, "Post {PostId}: its media could not be prepared (try {Tries}).")]
    private static partial void LogFault(ILogger logger, Guid postId, int tries, Exception exception);

    /// <summary>A post as it was read before the work.</summary>
    private sealed record Seen(Post Post, IReadOnlyList<Asked> Deliveries, IReadOnlyDictionary<Guid, Artifact> Artifacts)
    {
        /// <summary>Whether every file has come, or will not come.</summary>
        public bool IsSettled => Artifacts.Values.All(a => a.Status is not (ArtifactStatus.Importing or ArtifactStatus.Reserved));
    }

    /// <summary>A delivery, and what its profile knows of its account's limits.</summary>
    private sealed record Asked(Delivery Delivery, Dictionary<string, string> Account);

    private sealed class Preparation(IServiceProvider services)
    {
        public UnitOfWork Unit { get; } = services.GetRequiredService<UnitOfWork>();
        public PostMantisDb Db => Unit.Db;
        public WorkQueue Queue { get; } = services.GetRequiredService<WorkQueue>();
        public DeliverySettler Settler { get; } = services.GetRequiredService<DeliverySettler>();
        public PostAcceptor Acceptor { get; } = services.GetRequiredService<PostAcceptor>();
    }
}

/// <summary>Wakes the posts that wait for an artifact when it was verified or has failed.</summary>
internal sealed class PreparationWatcher(UnitOfWork unit, WakeUp wakeUp, TimeProvider time) : IArtifactWatcher
{
    public async Task SettledAsync(Artifact artifact, CancellationToken ct)
    {
        var (id, now) = (artifact.Id, time.GetUtcNow());
        var woken = await unit.Db.Database.ExecuteSqlAsync($"""
            UPDATE work_items SET run_at = {now} WHERE id = ANY(ARRAY(
                SELECT w.id FROM work_items w JOIN artifact_uses u ON u.post_id = w.key
                WHERE w.kind = 'prepare_media' AND u.artifact_id = {id} ORDER BY w.id FOR UPDATE OF w))
            """, ct);
        if (woken > 0) unit.AfterCommit(() => wakeUp.Signal(WorkKind.PrepareMedia));
    }
}
