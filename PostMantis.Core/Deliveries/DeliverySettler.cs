using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
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
/// Stores outcomes in one transaction: the guarded delete of the work items drives every other write, so a worker that
/// lost its lease changes no state. Rows are locked in one order everywhere: items, deliveries, posts, each by id.
/// </summary>
internal sealed partial class DeliverySettler(UnitOfWork unit, PendingRows rows, WorkQueue queue, PostEvents events,
    EventWriter outbox, AuditLog audit, Budgets.Budgets budgets, WakeUp wakeUp, PostChanges changes, DeliveryTelemetry telemetry, TimeProvider time,
    ILogger<DeliverySettler> logger)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Settles a batch; what is no longer ours is filed as evidence.</summary>
    public async Task SettleAsync(IReadOnlyList<Settlement> batch, CancellationToken ct)
    {
        // What a network said holds whoever owns the deliveries, and is known before another of them is claimed.
        await budgets.LearnAsync([.. batch.SelectMany(s => s.Learned.Select(learned =>
            new BudgetNews(s.Claimed.Profile.Id, s.Claimed.Delivery.Provider, learned)))], time.GetUtcNow(), ct);
        var lost = await unit.RunAsync(token => SettleOwnAsync(batch, token), ct);

        // After the commit, so that nobody resumes an attempt whose room was given to another.
        var unused = batch.Where(s => s.FreesBudget && !lost.Contains(s)).Select(s =>
            new BudgetReturn(s.Claimed.Profile.Id, s.Claimed.Delivery.Provider, s.Claimed.ClaimedAt)).ToList();
        if (unused.Count > 0) await unit.RunAsync(token => budgets.ReleaseAsync(unused, token), ct);
        foreach (var settlement in lost)
        {
            _db.ChangeTracker.Clear();
            await unit.RunAsync(token => FileEvidenceAsync(settlement, token), ct);
        }
    }

    private async Task<IReadOnlyList<Settlement>> SettleOwnAsync(IReadOnlyList<Settlement> batch, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var (ours, posts, siblings) = await TakeAsync(batch, ct);
        var own = batch.Where(s => ours.Contains(s.Lease.Id)).ToList();
        if (own.Count > 0) await ApplyAsync(own, posts, siblings, now, ct);
        return [.. batch.Where(s => !ours.Contains(s.Lease.Id))];
    }

    private async Task<(HashSet<Guid> Ours, Dictionary<Guid, Post> Posts, ILookup<Guid, DeliveryStanding> Siblings)>
        TakeAsync(IReadOnlyList<Settlement> batch, CancellationToken ct)
    {
        var deliveryIds = batch.Select(s => s.Claimed.Delivery.Id).ToArray();
        var postIds = batch.Select(s => s.Claimed.Delivery.PostId).Distinct().ToArray();
        unit.PlanOnce();
        await using var reads = unit.Batch();
        WorkQueue.Leave(reads, [.. batch.Select(s => (s.Lease,
            s.Kind == SettlementKind.End ? (WorkReturn?)null : new WorkReturn(s.Lease, s.RunAt!.Value, s.Counts)))]);
        reads.Add("SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE id = ANY($1) ORDER BY id FOR UPDATE) held")
            .Parameters.AddWithValue(deliveryIds);
        reads.Add(PostRow.HoldSql).Parameters.AddWithValue(postIds);

        // After the posts are held: every change of a delivery goes with its post's row, so these are the last.
        reads.Add("SELECT post_id, id, status, phase FROM deliveries WHERE post_id = ANY($1)")
            .Parameters.AddWithValue(postIds);
        HashSet<Guid> ours = [];
        Dictionary<Guid, Post> posts = [];
        List<DeliveryStanding> siblings = [];
        await using var row = await reads.ReadAsync(ct);
        while (await row.ReadAsync(ct)) ours.Add(row.GetGuid(0));
        await row.NextResultAsync(ct);
        await row.NextResultAsync(ct);
        while (await row.ReadAsync(ct))
        {
            var post = PostRow.Read(row);
            posts[post.Id] = post;
        }
        await row.NextResultAsync(ct);
        while (await row.ReadAsync(ct))
            siblings.Add(new DeliveryStanding(row.GetGuid(0), row.GetGuid(1), row.Enum<DeliveryStatus>(2),
                row.EnumOrNull<DeliveryPhase>(3)));
        return (ours, posts, siblings.ToLookup(d => d.PostId));
    }

    private async Task ApplyAsync(List<Settlement> own, Dictionary<Guid, Post> posts,
        ILookup<Guid, DeliveryStanding> siblings, DateTimeOffset now, CancellationToken ct)
    {
        rows.Open();
        var closed = new Dictionary<Guid, int>();
        List<Delivery> deliveries = [];
        List<AttemptChange> attempts = [];
        var standings = own.ToDictionary(s => s.Claimed.Delivery.Id, s => s.Claimed.Delivery.Copy());
        foreach (var settlement in own)
        {
            // Under our lease nobody else changed it: it stands as it was claimed, and was started then.
            var delivery = standings[settlement.Claimed.Delivery.Id];
            var post = posts[delivery.PostId];
            delivery.StartedAt ??= settlement.Claimed.ClaimedAt;
            if (delivery.Status == DeliveryStatus.Pending) delivery.Phase = DeliveryPhase.Publishing;
            if (Apply(settlement, post, delivery, now)) closed[post.Id] = closed.GetValueOrDefault(post.Id) + 1;
            deliveries.Add(delivery);
            attempts.Add(AttemptChange.Of(settlement, now));
        }
        await RequireReauthAsync(own, now, ct);
        foreach (var (id, count) in closed)
            Close(posts[id], [.. siblings[id].Select(d => standings.TryGetValue(d.Id, out var settled)
                ? new DeliveryStanding(id, d.Id, settled.Status, settled.Phase)
                : d)], count, now);
        var touched = own.Select(s => s.Claimed.Delivery.PostId).ToHashSet();
        var changed = posts.Values.Where(p => touched.Contains(p.Id)).ToList();
        foreach (var post in changed) (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        queue.Free(own.Select(s => s.Lease));
        unit.AfterCommit(() =>
        {
            foreach (var settlement in own) Measure(settlement, standings[settlement.Claimed.Delivery.Id], now);
            Tell(changed, own.Exists(s => s.Verdict == AttemptVerdict.Unconfirmed));
        });
        await using var writes = unit.Batch();
        AttemptChange.Write(writes, attempts);
        DeliveryRow.Update(writes, deliveries);
        PostRow.Update(writes, changed);
        rows.Write(writes);
        await unit.FinishAsync(writes, ct);
    }

    /// <returns>Whether the delivery is no longer open.</returns>
    private bool Apply(Settlement settlement, Post post, Delivery delivery, DateTimeOffset now)
    {
        if (settlement.CallStartedAt is { } called && delivery.LatenessMs is null && delivery.ScheduledAt is { } moment)
            delivery.LatenessMs = (long)(called - moment).TotalMilliseconds;
        var error = settlement.Error is { } said ? ProviderText.Clean(said) : null;
        if (settlement.Verdict is { } verdict && verdict != AttemptVerdict.Deferred
            && error?.Code != DeliveryErrorCode.TooLate) delivery.AttemptCount++;
        delivery.UpdatedAt = now;
        if (settlement.Kind != SettlementKind.End)
        {
            Wait(settlement, post, delivery, error, now);
            return false;
        }

        Start(post, now);
        (delivery.NextAttemptAt, delivery.DeferReason) = (null, null);
        switch (settlement.Outcome)
        {
            case PublishOutcome.Published live:
                ShowPublished(post, delivery, live.ProviderPostId, live.Url, live.Parts, null, settlement.Traceparent, now);
                return true;
            case PublishOutcome.Incomplete live:
                ShowPublished(post, delivery, live.ProviderPostId, live.Url, live.Parts, error, settlement.Traceparent, now);
                return true;
            default:
                return EndUnpublished(settlement.Verdict == AttemptVerdict.Unconfirmed, post, delivery, error!,
                    settlement.Traceparent, now);
        }
    }

    private static void Start(Post post, DateTimeOffset now)
    {
        if (post.Status == PostStatus.Scheduled) post.MoveTo(PostStatus.Publishing, now);
    }

    private void Wait(Settlement settlement, Post post, Delivery delivery, DeliveryError? error, DateTimeOffset now)
    {
        delivery.NextAttemptAt = settlement.RunAt;
        if (settlement.Kind == SettlementKind.Again) delivery.Error = error;
        if (delivery.Status != DeliveryStatus.Pending) return;
        (delivery.Phase, delivery.DeferReason) = (settlement.Phase, settlement.Reason);
        if (settlement.Kind != SettlementKind.Defer)
        {
            Start(post, now);
            return;
        }

        // Nothing was sent: if nothing ever was, it has not started and can still be edited in time.
        if (delivery.AttemptCount == 0 && delivery.LatenessMs is null) delivery.StartedAt = null;
        else Start(post, now);
        if (settlement.Claimed.Delivery.DeferReason == settlement.Reason) return;
        events.Add(post, delivery, EventTypes.DeliveryDeferred, settlement.Traceparent);
        audit.AddSystem(delivery.UserId, "delivery.deferred", DeliveryResource.Kind, delivery.Id, post.Id,
            new JsonObject { ["reason"] = settlement.Reason });
    }

    /// <summary>The root is public; <paramref name="error"/> says which thread part failed, if one did.</summary>
    internal void ShowPublished(Post post, Delivery delivery, string providerPostId, string? url,
        IReadOnlyList<DeliveryPart> parts, DeliveryError? error, string? traceparent, DateTimeOffset now)
    {
        if (ProviderText.Id(providerPostId) is null)
            throw new InvalidOperationException("The network gave an id that cannot be kept.");
        var failedBefore = delivery.Parts.Where(p => p.Status == PartStatus.Failed).Select(p => p.Index).ToHashSet();
        Learn(delivery, providerPostId, url, parts);
        delivery.Error = error;
        (delivery.Phase, delivery.NextAttemptAt, delivery.DeferReason) = (null, null, null);
        var next = error is null ? DeliveryStatus.Published : DeliveryStatus.Incomplete;
        if (delivery.Status != next) Move(delivery, next, now);
        delivery.PublishedAt ??= now;
        var type = error is null ? EventTypes.DeliveryPublished : EventTypes.DeliveryIncomplete;
        events.Add(post, delivery, type, traceparent);
        audit.AddSystem(delivery.UserId, type, DeliveryResource.Kind, delivery.Id, post.Id,
            new JsonObject { ["providerPostId"] = ProviderText.Code(providerPostId) });
        if (delivery.Parts.Exists(p => p.Status == PartStatus.Failed && !failedBefore.Contains(p.Index)))
            events.Add(post, delivery, EventTypes.DeliveryPartFailed, traceparent);
    }

    /// <summary>
    /// An unknown delivery turned out to be public. What else belongs to it is sent on from there: the root is never sent
    /// again once its id is known.
    /// </summary>
    /// <returns>Whether the delivery is no longer open.</returns>
    internal bool ShowFound(Post post, Delivery delivery, string providerPostId, string? url,
        IReadOnlyList<DeliveryPart> parts, string? traceparent, DateTimeOffset now)
    {
        Learn(delivery, providerPostId, url, parts);
        if (delivery.Parts.TrueForAll(p => p.Status == PartStatus.Published))
        {
            ShowPublished(post, delivery, providerPostId, url, parts, null, traceparent, now);
            return true;
        }
        Move(delivery, DeliveryStatus.Pending, now);
        (delivery.Phase, delivery.Error, delivery.NextAttemptAt) = (DeliveryPhase.Processing, null, now);
        AddItem(PublishItem(delivery, traceparent, now));
        audit.AddSystem(delivery.UserId, "delivery.rootFound", DeliveryResource.Kind, delivery.Id, post.Id,
            new JsonObject { ["providerPostId"] = ProviderText.Code(providerPostId) });
        return false;
    }

    /// <summary>Nothing new is public, or nobody knows; an unknown delivery stays open while it is reconciled.</summary>
    internal bool EndUnpublished(bool isUnknown, Post post, Delivery delivery, DeliveryError error, string? traceparent,
        DateTimeOffset now)
    {
        (delivery.Error, delivery.NextAttemptAt, delivery.DeferReason) = (error, null, null);
        string type;
        if (delivery.IsRootLive)
        {
            // Only the try to complete it came to nothing; its root is live and stays so.
            if (delivery.Status == DeliveryStatus.Pending)
            {
                Move(delivery, DeliveryStatus.Incomplete, now);
                (delivery.Phase, delivery.PublishedAt) = (null, now);
            }
            type = EventTypes.DeliveryIncomplete;
        }
        else if (isUnknown)
        {
            Move(delivery, DeliveryStatus.Unknown, now);
            delivery.Phase = DeliveryPhase.Reconciling;
            delivery.NextAttemptAt = now;
            AddItem(ReconcileItem(delivery, traceparent, now));
            type = EventTypes.DeliveryUnknown;
        }
        else
        {
            Move(delivery, DeliveryStatus.Failed, now);
            (delivery.Phase, delivery.FailedAt) = (null, now);
            delivery.Parts =
            [
                .. delivery.Parts.Select(p => p.Kind == PartKind.Root
                    ? p with { Status = PartStatus.Failed, Error = error }
                    : p),
            ];
            type = EventTypes.DeliveryFailed;
        }
        events.Add(post, delivery, type, traceparent);
        audit.AddSystem(delivery.UserId, type, DeliveryResource.Kind, delivery.Id, post.Id,
            new JsonObject { ["code"] = CamelCase.Of(error.Code) });
        return delivery.Status != DeliveryStatus.Unknown;
    }

    /// <summary>Counts down the posts whose deliveries closed; the last one ends its post.</summary>
    internal async Task CloseAsync(IReadOnlyDictionary<Guid, Post> posts, IReadOnlyDictionary<Guid, int> closed,
        DateTimeOffset now, CancellationToken ct)
    {
        if (closed.Count == 0) return;

        // Read after the posts are locked: every change of a delivery goes with its post's row, so these are the last.
        // Those of the batch are tracked already and keep what was just written on them.
        var ids = closed.Keys.ToArray();
        var siblings = (await _db.Deliveries.Where(d => ids.Contains(d.PostId)).ToListAsync(ct)).ToLookup(d => d.PostId);
        foreach (var (id, count) in closed)
            Close(posts[id], [.. siblings[id].Select(DeliveryStanding.Of)], count, now);
    }

    private void Close(Post post, IReadOnlyCollection<DeliveryStanding> deliveries, int count, DateTimeOffset now)
    {
        if (!PostCompletion.Close(post, deliveries, count, now)) return;
        events.Add(post, post.Status == PostStatus.Canceled ? EventTypes.PostCanceled : EventTypes.PostCompleted);
    }

    private void AddItem(WorkItem item)
    {
        if (rows.IsOpen) rows.Add(item);
        else _db.WorkItems.Add(item);
    }

    /// <summary>Another turn at publishing, now.</summary>
    internal static WorkItem PublishItem(Delivery delivery, string? traceparent, DateTimeOffset now) => new()
    {
        Id = Ids.New(now),
        UserId = delivery.UserId,
        Kind = WorkKind.Publish,
        Key = delivery.Id,
        Lane = delivery.ProfileId,
        Pool = delivery.Provider,
        RunAt = now,
        Traceparent = traceparent,
        CreatedAt = now,
    };

    internal static WorkItem ReconcileItem(Delivery delivery, string? traceparent, DateTimeOffset now) => new()
    {
        Id = Ids.New(now),
        UserId = delivery.UserId,
        Kind = WorkKind.Reconcile,
        Key = delivery.Id,

        // Reading the network needs no turn among the publishes of the profile.
        Lane = delivery.Id,
        RunAt = now,
        Traceparent = traceparent,
        CreatedAt = now,
    };

    private static void Learn(
        Delivery delivery, string providerPostId, string? url, IReadOnlyList<DeliveryPart> parts)
    {
        var known = parts.ToDictionary(p => p.Index, ProviderText.Clean);
        (delivery.ProviderPostId, delivery.Url) = (providerPostId, ProviderText.Url(url));
        delivery.Parts =
        [
            .. delivery.Parts.Select(part => known.GetValueOrDefault(part.Index, part) is var shown
                && part.Kind == PartKind.Root
                    ? shown with { Status = PartStatus.Published, ProviderPostId = providerPostId, Url = delivery.Url, Error = null }
                    : shown),
        ];
    }

    internal void Tell(IEnumerable<Post> posts, bool reconcile)
    {
        wakeUp.Signal(WorkKind.Publish);
        wakeUp.Signal(EventWriter.Loop);
        if (reconcile) wakeUp.Signal(WorkKind.Reconcile);
        foreach (var post in posts) changes.Publish(post.UserId, post.Id);
    }

    internal static void Move(Delivery delivery, DeliveryStatus next, DateTimeOffset now)
    {
        if (!DeliveryMoves.IsLegal(delivery.Status, next))
            throw new IllegalMoveException(nameof(Delivery), delivery.Status, next);
        (delivery.Status, delivery.UpdatedAt) = (next, now);
    }

    // A definite auth error is the profile's news as much as the delivery's, and that of all who share its grant.
    private async Task RequireReauthAsync(IEnumerable<Settlement> own, DateTimeOffset now, CancellationToken ct)
    {
        var ids = own.Where(s => s.Outcome is PublishOutcome.Rejected { Error.Code: DeliveryErrorCode.AuthRevoked }
                && s.Claimed.Profile.Status == ProfileStatus.Active)
            .Select(s => s.Claimed.Profile.Id).Distinct().ToArray();
        if (ids.Length == 0) return;
        var profiles = await _db.Profiles.FromSql(
            $"""
            SELECT * FROM profiles WHERE status = 'active'
                AND connection_id IN (SELECT connection_id FROM profiles WHERE id = ANY({ids}))
            ORDER BY id FOR UPDATE
            """).ToListAsync(ct);
        var atRisk = await DeliveriesAtRisk.ReadAsync(_db, [.. profiles.Select(profile => profile.Id)], ct);
        foreach (var profile in profiles)
        {
            profile.RequireReauth(now);
            outbox.Add(profile.UserId, EventTypes.ProfileReauthRequired, new JsonObject
            {
                ["profile"] = new JsonObject
                {
                    ["id"] = profile.Id,
                    ["provider"] = profile.Provider,
                    ["name"] = profile.Name,
                    ["status"] = CamelCase.Of(profile.Status),
                },
                ["deliveriesAtRisk"] = new JsonArray([.. atRisk[profile.Id]]),
            }, profile.TestMode, profileId: profile.Id, provider: profile.Provider);
            audit.AddSystem(profile.UserId, "profile.reauthRequired", "profile", profile.Id);
        }
        await _db.SaveChangesAsync(ct);
    }

    /// <summary>
    /// What a worker learned after losing its lease: kept on its own attempt, and proof of publication settles the
    /// delivery if that is still unknown.
    /// </summary>
    private async Task FileEvidenceAsync(Settlement settlement, CancellationToken ct)
    {
        var (claimed, now) = (settlement.Claimed, time.GetUtcNow());
        var live = settlement.Outcome switch
        {
            PublishOutcome.Published p => (Id: p.ProviderPostId, p.Url, p.Parts),
            PublishOutcome.Incomplete p => (Id: p.ProviderPostId, p.Url, p.Parts),
            _ => (Id: null, Url: null, Parts: []),
        };
        var item = await _db.WorkItems.FromSql($"""
            SELECT * FROM work_items WHERE kind = 'reconcile' AND key = {claimed.Delivery.Id} FOR UPDATE
            """).SingleOrDefaultAsync(ct);
        var delivery = await _db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE id = {claimed.Delivery.Id} FOR UPDATE").SingleOrDefaultAsync(ct);
        var post = await _db.Posts.FromSql($"SELECT * FROM posts WHERE id = {claimed.Delivery.PostId} FOR UPDATE")
            .SingleOrDefaultAsync(ct);
        var attempt = await _db.Attempts.SingleOrDefaultAsync(a => a.Id == claimed.Attempt.Id, ct);
        if (delivery is null || post is null || attempt is null) return;

        // Nobody took the attempt from us: the commit whose answer was lost did happen, and this is settled.
        if (attempt.LeaseToken == claimed.Lease.LeaseToken) return;
        if (settlement.Outcome is null) return;

        var kind = CamelCase.Of(settlement.Verdict ?? AttemptVerdict.Unconfirmed);
        attempt.Evidence =
        [
            .. attempt.Evidence, new AttemptEvidence(now, kind, ProviderText.Id(live.Id),
                ProviderText.Url(live.Url), settlement.Error is { } error ? ProviderText.Clean(error) : null),
        ];
        telemetry.Evidence(kind);
        LogEvidence(logger, delivery.Id, kind);
        var proves = live.Id is not null && delivery.Status == DeliveryStatus.Unknown;
        if (proves)
        {
            if (item is not null) _db.WorkItems.Remove(item);
            var wasOpen = delivery.Phase is not null;
            if (!wasOpen)
            {
                post.MoveTo(PostStatus.Publishing, now);
                post.OpenDeliveries++;
            }
            if (ShowFound(post, delivery, live.Id!, live.Url, live.Parts, settlement.Traceparent, now))
                await CloseAsync(new Dictionary<Guid, Post> { [post.Id] = post },
                    new Dictionary<Guid, int> { [post.Id] = 1 }, now, ct);
            (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        }
        await _db.SaveChangesAsync(ct);
        if (proves) unit.AfterCommit(() => Tell([post], reconcile: false));
    }

    // In the span of the settlement, so that an exemplar of what is measured leads to the trace of the post.
    private void Measure(Settlement settlement, Delivery delivery, DateTimeOffset started)
    {
        using var span = ActivityContext.TryParse(settlement.Traceparent, null, out var parent)
            ? DeliveryTelemetry.Source.StartActivity("settle delivery", ActivityKind.Internal, parent, startTime: started)
            : null;
        span?.SetTag("postmantis.delivery.id", delivery.Id.ToString()).SetTag("postmantis.settlement", settlement.Kind.ToString());
        if (settlement.Verdict is { } verdict) telemetry.Attempted(delivery.Provider, verdict);
        if (settlement.Verdict != AttemptVerdict.Published || delivery.ScheduledAt is not { } moment) return;
        if (delivery.LatenessMs is { } late) telemetry.Late(delivery.Provider, TimeSpan.FromMilliseconds(late));
        telemetry.Published(delivery.Provider, delivery.PublishedAt!.Value - moment);
    }

    [LoggerMessage(LogLevel.Warning, "Delivery {DeliveryId} was answered ({Kind}) after its lease was lost.")]
    private static partial void LogEvidence(ILogger logger, Guid deliveryId, string kind);
}
