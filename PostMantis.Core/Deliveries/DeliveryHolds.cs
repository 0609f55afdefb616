using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Budgets;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Keeps back what was claimed and may not be sent now: over budget, or to a paused profile. It opens no attempt; the
/// delivery waits as deferred, with the reason and the moment. Part of the claim's transaction.
/// </summary>
internal sealed class DeliveryHolds(UnitOfWork unit, PendingRows rows, WorkQueue queue, Budgets.Budgets budgets,
    PostEvents events, AuditLog audit, WakeUp wakeUp, PostChanges changes, DeliveryTelemetry telemetry,
    IOptions<DeliveryOptions> options)
{
    public const string ProfilePaused = "profilePaused";
    public static readonly string OverBudget = CamelCase.Of(DeliveryErrorCode.BudgetExhausted);

    /// <summary>Reserves budgets for what may go on, and gives the rest back to the queue.</summary>
    /// <param name="begun">Deliveries that would open an attempt: one that is open was counted when it began.</param>
    public async Task<Holds> TakeAsync(IEnumerable<(WorkLease Lease, Delivery Delivery, Profile Profile)> begun,
        DateTimeOffset now, CancellationToken ct)
    {
        List<Held> held = [];
        Dictionary<Guid, (WorkLease Lease, Delivery Delivery)> asking = [];
        foreach (var (lease, delivery, profile) in begun)
        {
            // What will not be sent at all fails in the hands of the runner, and needs no room.
            if (profile.Status != ProfileStatus.Active || delivery.LatestAt < now) continue;
            if (profile.PausedAt is not null)
                held.Add(new Held(lease, delivery, ProfilePaused, now + options.Value.PausedFor));
            else
                asking[delivery.Id] = (lease, delivery);
        }
        var refused = await budgets.ReserveAsync([.. asking.Values.OrderBy(a => a.Lease.RunAt).ThenBy(a => a.Lease.Id)
            .Select(a => new BudgetAsk(a.Delivery.Id, a.Delivery.ProfileId, a.Delivery.Provider))], now, ct);
        foreach (var (id, refusal) in refused)
        {
            var (lease, delivery) = asking[id];
            held.Add(new Held(lease, delivery, OverBudget, refusal.NextFreeAt));
            telemetry.OverBudget(delivery.Provider, refusal.Rule);
        }
        if (held.Count > 0) await KeepAsync(held, now, ct);
        return new Holds(held.Select(h => h.Delivery.Id).ToHashSet(),
            asking.Keys.Where(id => !refused.ContainsKey(id)).ToHashSet());
    }

    private async Task KeepAsync(IReadOnlyList<Held> held, DateTimeOffset now, CancellationToken ct)
    {
        var posts = await LeaveAsync(held, ct);
        rows.Open();
        List<Delivery> deliveries = [];
        List<Post> changed = [];
        foreach (var one in held)
        {
            var delivery = one.Delivery.Copy();
            (delivery.NextAttemptAt, delivery.UpdatedAt) = (one.UntilFor(delivery), now);
            deliveries.Add(delivery);
            if (delivery.Status != DeliveryStatus.Pending) continue;
            (delivery.Phase, delivery.DeferReason) = (DeliveryPhase.Deferred, one.Reason);

            // Told once: a delivery that is still over budget at the next look is no news.
            if (one.Delivery.DeferReason == one.Reason) continue;
            var post = posts[delivery.PostId];
            events.Add(post, delivery, EventTypes.DeliveryDeferred, one.Lease.Traceparent);
            audit.AddSystem(delivery.UserId, EventTypes.DeliveryDeferred, DeliveryResource.Kind, delivery.Id, post.Id,
                new JsonObject { ["reason"] = one.Reason });
            if (!changed.Contains(post)) changed.Add(post);
        }
        foreach (var post in changed) (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        await using var writes = unit.Batch();
        DeliveryRow.Update(writes, deliveries);
        PostRow.Update(writes, changed);
        rows.Write(writes);
        await writes.RunAsync(ct);
        queue.Free(held.Select(h => h.Lease));
        unit.AfterCommit(() =>
        {
            wakeUp.Ring(nameof(WorkKind.Publish));
            if (changed.Count > 0) wakeUp.Signal(EventWriter.Loop);
            foreach (var post in changed) changes.Publish(post.UserId, post.Id);
        });
    }

    // In the order everybody locks in: items, deliveries, posts.
    private async Task<Dictionary<Guid, Post>> LeaveAsync(IReadOnlyList<Held> held, CancellationToken ct)
    {
        await using var reads = unit.Batch();
        WorkQueue.Leave(reads, [.. held.Select(h =>
            (h.Lease, (WorkReturn?)new WorkReturn(h.Lease, h.UntilFor(h.Delivery), Counts: false)))]);
        reads.Add("SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE id = ANY($1) ORDER BY id FOR UPDATE) held")
            .Parameters.AddWithValue(held.Select(h => h.Delivery.Id).ToArray());
        reads.Add(PostRow.HoldSql).Parameters.AddWithValue(held.Select(h => h.Delivery.PostId).Distinct().ToArray());
        Dictionary<Guid, Post> posts = [];
        await using var row = await reads.ReadAsync(ct);
        await row.NextResultAsync(ct);
        await row.NextResultAsync(ct);
        while (await row.ReadAsync(ct))
        {
            var post = PostRow.Read(row);
            posts[post.Id] = post;
        }
        return posts;
    }

    private sealed record Held(WorkLease Lease, Delivery Delivery, string Reason, DateTimeOffset Until)
    {
        /// <summary>Not beyond the moment from which it fails for being late: that is said when it is true.</summary>
        public DateTimeOffset UntilFor(Delivery delivery) =>
            delivery.LatestAt is { } latest && latest < Until ? latest.AddMilliseconds(1) : Until;
    }
}

/// <summary>What a claim may go on with.</summary>
/// <param name="Kept">Deliveries that were given back.</param>
/// <param name="Reserved">Deliveries for which room was reserved.</param>
internal readonly record struct Holds(IReadOnlySet<Guid> Kept, IReadOnlySet<Guid> Reserved);
