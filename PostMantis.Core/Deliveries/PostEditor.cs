using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Changes posts that exist: edit, delete, publish, approve, cancel, retry, resolve. The work item decides between these
/// and a worker: whoever holds its row first goes first, and what a worker has claimed is no longer changed.
/// </summary>
public sealed class PostEditor(UnitOfWork unit, PostAcceptor acceptor, PostEvents events, AuditLog audit,
    KeyRefusals refusals, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>JSON Merge Patch in the create shape: drafts freely, accepted posts while no delivery has started.</summary>
    /// <param name="ifRevision">The revision the caller saw (<c>If-Match</c>); null: whatever it is now.</param>
    public Task<AcceptedPost> UpdateAsync(
        Caller caller, Guid postId, JsonObject patch, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Draft, PostActions.Update, async (held, now, token) =>
        {
            var (post, isDraft) = (held.Post, held.Post.Status == PostStatus.Draft);
            List<Issue> issues = [];
            var input = Read(post, held.Deliveries, patch, issues);
            PostAcceptor.Refuse(issues, now);

            var plan = await acceptor.PlanAsync(caller, input, token);
            PostAcceptor.Refuse(plan.Faults, now);
            if (!isDraft) PostAcceptor.Refuse([.. plan.Issues.Where(issue => IsNew(issue, post, held.Deliveries, input))], now);

            var removed = held.Deliveries.Where(d => !input.Profiles.Contains(d.ProfileId)).ToList();
            if (plan.Profiles.Count > 0) post.TestMode = plan.Profiles[0].TestMode;

            // What was prepared before the edit is prepared after it, unless there is other media or another network.
            var isReady = plan.IsReady || (post.Status == PostStatus.Scheduled
                && PostMedia.Of(post.Content).SequenceEqual(PostMedia.Of(plan.Input.Content))
                && input.Profiles.All(id => held.Deliveries.Exists(d => d.ProfileId == id)));
            var hasMedia = PostMedia.IsIn(post.Content) || PostMedia.IsIn(plan.Input.Content);
            PostAcceptor.Write(post, plan.Input);
            if (hasMedia) await acceptor.UseAsync(caller, post, plan, token);
            post.Issues = isDraft ? [.. plan.Issues.Take(ProblemException.MostIssues)] : [];
            _db.Deliveries.RemoveRange(removed);
            _db.WorkItems.RemoveRange(removed.Select(held.ItemOf).OfType<WorkItem>());
            var kept = held.Deliveries.Except(removed).ToDictionary(d => d.ProfileId);
            held.Deliveries.Clear();
            for (var position = 0; position < plan.Profiles.Count; position++)
            {
                var profile = plan.Profiles[position];
                var laid = PostAcceptor.Lay(post, plan, profile, position, now);
                if (kept.TryGetValue(profile.Id, out var delivery)) Rewrite(delivery, laid, now);
                else _db.Deliveries.Add(delivery = laid);
                held.Deliveries.Add(delivery);
                if (isDraft || !isReady || post.Status != PostStatus.Scheduled) continue;
                if (held.ItemOf(delivery) is { } item)
                {
                    item.RunAt = PostAcceptor.Due(delivery, caller.Rules, now);
                    item.State = WorkState.Waiting;
                }
                else
                {
                    _db.WorkItems.Add(PostAcceptor.Enqueue(delivery, caller.Rules, Activity.Current?.Id, now));
                }
            }
            if (!isDraft)
            {
                if (!isReady) PrepareAgain(held, now);
                else if (post.Status == PostStatus.Pending) Release(held, caller, now);
                post.OpenDeliveries = held.Deliveries.Count;
                if (!input.AllowDuplicate)
                    await new DuplicateGuard(unit).CheckAsync(post, held.Deliveries, token);
            }
            events.Add(post, EventTypes.PostUpdated);
            audit.Add(caller, "post.updated", PostResource.Kind, post.Id, post.Id, new JsonObject
            {
                ["fields"] = new JsonArray([.. patch.SelectMany(Fields).Distinct().Select(f => (JsonNode)f)]),
            });
        }, ct);

    // Back to waiting for its media: nothing of it was started.
    private void PrepareAgain(Held held, DateTimeOffset now)
    {
        if (held.Post.Status == PostStatus.Scheduled) held.Post.MoveTo(PostStatus.Pending, now);
        _db.WorkItems.RemoveRange(held.Deliveries.Select(held.ItemOf).OfType<WorkItem>());
        foreach (var delivery in held.Deliveries)
            (delivery.Phase, delivery.NextAttemptAt, delivery.DeferReason) = (DeliveryPhase.Waiting, null, null);
        acceptor.Prepare(held.Post, Activity.Current?.Id, now, held.Preparation);
    }

    private void Release(Held held, Caller caller, DateTimeOffset now)
    {
        if (held.Preparation is { State: not WorkState.Leased } item) _db.WorkItems.Remove(item);
        acceptor.Release(held.Post, held.Deliveries, caller.Rules, Activity.Current?.Id, now);
    }

    /// <summary>Deletes a draft.</summary>
    public Task DeleteAsync(Caller caller, Guid postId, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Draft, PostActions.Delete, (held, _, _) =>
        {
            _db.Posts.Remove(held.Post);
            audit.Add(caller, "post.deleted", PostResource.Kind, postId, postId);
            return Task.CompletedTask;
        }, ct);

    /// <summary>Publishes a draft, or moves an accepted post: now, or at <c>scheduledAt</c>.</summary>
    public async Task<AcceptedPost> PublishAsync(
        Caller caller, Guid postId, JsonObject body, int? ifRevision, CancellationToken ct)
    {
        try
        {
            return await TryPublishAsync(caller, postId, body, ifRevision, ct);
        }
        catch (ProblemException refused) when (DailyCap.Is(refused))
        {
            await refusals.RecordAsync(caller);
            throw;
        }
    }

    private Task<AcceptedPost> TryPublishAsync(
        Caller caller, Guid postId, JsonObject body, int? ifRevision, CancellationToken ct)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(body, "", issues);
        var moment = reader.Time("scheduledAt");
        var allowDuplicate = reader.Boolean("allowDuplicate") ?? false;
        reader.Finish();
        PostAcceptor.Refuse(issues, default);
        return ChangeAsync(caller, postId, ifRevision, Permission.Publish, PostActions.Publish, async (held, now, token) =>
        {
            var post = held.Post;
            var shape = PostShape.Of(post, held.Deliveries);
            shape["post"]!["scheduledAt"] = moment is { } at ? UtcMillisecondsConverter.Format(at) : null;
            var plan = await acceptor.PlanAsync(caller, PostAcceptor.Read(shape), token);
            PostAcceptor.Refuse([.. plan.Faults, .. plan.Issues], now);

            post.ScheduledAt = moment ?? now;
            foreach (var delivery in held.Deliveries)
            {
                var profile = plan.Profiles.Single(p => p.Id == delivery.ProfileId);
                Rewrite(delivery, PostAcceptor.Lay(post, plan, profile, delivery.Position, now), now);
            }
            if (post.Status == PostStatus.Draft)
            {
                await acceptor.AcceptAsync(caller, post, held.Deliveries, plan, allowDuplicate, now, token);
                return;
            }
            if (!allowDuplicate) await new DuplicateGuard(unit).CheckAsync(post, held.Deliveries, token);
            foreach (var delivery in held.Deliveries)
            {
                if (held.ItemOf(delivery) is not { } item) continue;
                item.RunAt = PostAcceptor.Due(delivery, caller.Rules, now);
                item.State = WorkState.Waiting;
            }
            events.Add(post, EventTypes.PostScheduled);
            audit.Add(caller, "post.rescheduled", PostResource.Kind, postId, postId);
        }, ct);
    }

    /// <summary>A person lets a post go that waited for approval.</summary>
    public Task<AcceptedPost> ApproveAsync(Caller caller, Guid postId, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Publish, PostActions.Approve, (held, now, _) =>
        {
            // Lateness is counted from the decision, not from a moment that passed while it was awaited.
            foreach (var delivery in held.Deliveries.Where(d => d.ScheduledAt < now))
                (delivery.ScheduledAt, delivery.LatestAt) = (now, PostAcceptor.Latest(held.Post, now));
            held.Post.MoveTo(PostStatus.Pending, now);
            if (PostMedia.IsIn(held.Post.Content)) acceptor.Prepare(held.Post, Activity.Current?.Id, now);
            else acceptor.Release(held.Post, held.Deliveries, caller.Rules, Activity.Current?.Id, now);
            audit.Add(caller, "post.approved", PostResource.Kind, postId, postId);
            return Task.CompletedTask;
        }, ct);

    /// <summary>A person says no to a post that waited for approval: it is canceled.</summary>
    public Task<AcceptedPost> DeclineAsync(Caller caller, Guid postId, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Publish, PostActions.Approve, async (held, now, token) =>
        {
            await CancelAllAsync(caller, held, held.Deliveries, now, token);
            audit.Add(caller, "post.declined", PostResource.Kind, postId, postId);
        }, ct);

    /// <summary>Cancels every delivery that nobody has started or that waits for another try.</summary>
    /// <exception cref="ProblemException">conflict: there is none.</exception>
    public Task<AcceptedPost> CancelAsync(Caller caller, Guid postId, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Publish, PostActions.Cancel,
            (held, now, token) => CancelAllAsync(caller, held, held.Deliveries, now, token), ct);

    /// <summary>As <see cref="CancelAsync"/>, for one delivery.</summary>
    public Task<AcceptedPost> CancelDeliveryAsync(
        Caller caller, Guid postId, Guid deliveryId, int? ifRevision, CancellationToken ct) =>
        ChangeAsync(caller, postId, ifRevision, Permission.Publish, null,
            (held, now, token) => CancelAllAsync(caller, held, [held.Find(deliveryId)], now, token), ct);

    /// <summary>Sends a failed delivery again, or resumes an incomplete one at its failed part.</summary>
    /// <param name="body">
    /// <c>{"override": {…}, "allowDuplicate": true}</c>: the override changes what this profile is sent; only for a failed
    /// delivery.
    /// </param>
    /// <exception cref="ProblemException">duplicatePost: another post said the same to the profile within 24 hours.</exception>
    public Task<AcceptedPost> RetryAsync(
        Caller caller, Guid postId, Guid deliveryId, JsonObject body, int? ifRevision, CancellationToken ct)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(body, "", issues);
        var source = reader.Object("override");
        var change = source is null
            ? null
            : PostRequestReader.ReadOverride(source, "/override", issues, withMoment: false);
        var allowDuplicate = reader.Boolean("allowDuplicate") ?? false;
        reader.Finish();
        PostAcceptor.Refuse(issues, default);
        return ChangeAsync(caller, postId, ifRevision, Permission.Publish, null, async (held, now, token) =>
        {
            var (post, delivery) = (held.Post, held.Find(deliveryId));
            Held.Require(PostActions.Of(post, delivery, caller), PostActions.Retry, CamelCase.Of(delivery.Status));
            if (held.ItemOf(delivery) is not null)
                throw ProblemException.Conflict("This delivery is being retried already.",
                    CamelCase.Of(delivery.Status), []);
            var profile = await _db.Profiles.AsNoTracking().SingleAsync(p => p.Id == delivery.ProfileId, token);
            if (profile.Status != ProfileStatus.Active)
                throw ProblemException.Conflict($"The profile is {CamelCase.Of(profile.Status)}; connect it again first.",
                    CamelCase.Of(delivery.Status), PostActions.Of(post, delivery, caller));
            if (change is not null)
            {
                if (delivery.Status == DeliveryStatus.Incomplete)
                    throw ProblemException.Invalid(new Issue("/override", Rule.Excluded,
                        "Its root is live already; a retry resumes at the failed part.", ProfileId: profile.Id));
                var overrides = post.Content.Overrides.ToDictionary();
                var before = overrides.GetValueOrDefault(profile.Id);
                overrides[profile.Id] = new PostOverride(change.Body ?? before?.Body, change.Media ?? before?.Media,
                    before?.ScheduledAt, change.Options ?? before?.Options);
                var content = post.Content with { Overrides = overrides };
                var plan = await acceptor.PlanAsync(caller, new PostInput(content, false, null, null, null, [],
                    [profile.Id], allowDuplicate), token);
                PostAcceptor.Refuse([.. Against(plan, profile.Id).Select(Relative)], now);
                var hasMedia = PostMedia.IsIn(post.Content) || PostMedia.IsIn(content);
                post.Content = content;
                if (hasMedia) await acceptor.UseAsync(caller, post, plan, token);
                delivery.Content = ContentRules.Resolve(content, profile.Id, profile.Provider);
                delivery.ContentHash = ContentRules.Hash(delivery.Content, plan.Artifacts.BytesOf);
                delivery.Parts = PostAcceptor.PartsOf(delivery.Content);
            }
            if (delivery.Status == DeliveryStatus.Failed)
            {
                // Since it failed, another post may have said the same.
                if (!allowDuplicate) await new DuplicateGuard(unit).CheckAsync(post, [delivery], token, now);
                Move(delivery, DeliveryStatus.Pending, now);
                (delivery.Phase, delivery.FailedAt) = (DeliveryPhase.Waiting, null);
                delivery.Parts = [.. delivery.Parts.Select(p => p with { Status = PartStatus.Pending, Error = null })];
            }
            (delivery.Error, delivery.NextAttemptAt, delivery.DeferReason) = (null, null, null);
            delivery.LatestAt = PostAcceptor.Latest(post, delivery.ScheduledAt > now ? delivery.ScheduledAt : now);
            if (post.Status == PostStatus.Completed) post.MoveTo(PostStatus.Publishing, now);
            post.OpenDeliveries++;
            _db.WorkItems.Add(PostAcceptor.Enqueue(delivery, caller.Rules, Activity.Current?.Id, now));
            audit.Add(caller, "delivery.retried", DeliveryResource.Kind, deliveryId, postId);

            Issue Relative(Issue issue) => issue with
            {
                Pointer = issue.Pointer.Replace($"/overrides/{profile.Id}", "/override", StringComparison.Ordinal),
            };
        }, ct);
    }

    /// <summary>A person (or a key with the grant) says what became of a delivery nobody could prove.</summary>
    /// <param name="body"><c>{"as": "published"|"failed", "providerPostId"?, "url"?}</c>.</param>
    public Task<AcceptedPost> ResolveAsync(
        Caller caller, Guid postId, Guid deliveryId, JsonObject body, int? ifRevision, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(Grant.Resolve);
        List<Issue> issues = [];
        var reader = new ObjectReader(body, "", issues);
        var verdict = reader.OneOf("as", required: true, DeliveryStatus.Published, DeliveryStatus.Failed);
        var providerPostId = reader.String("providerPostId", min: 1, max: 200);
        var url = reader.String("url", min: 1, max: PostInput.MostUrl);
        if (url is not null && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "https" or "http"))
            issues.Add(new Issue("/url", Rule.WrongFormat, "Must be an absolute http or https URL."));
        reader.Finish();
        PostAcceptor.Refuse(issues, default);
        return ChangeAsync(caller, postId, ifRevision, Permission.Read, null, async (held, now, token) =>
        {
            var (post, delivery) = (held.Post, held.Find(deliveryId));
            Held.Require(PostActions.Of(post, delivery, caller), PostActions.Resolve, CamelCase.Of(delivery.Status));
            var wasOpen = delivery.Phase is not null;
            await _db.WorkItems.Where(w => w.Kind == WorkKind.Reconcile && w.Key == deliveryId).ExecuteDeleteAsync(token);
            Move(delivery, verdict!.Value, now);
            delivery.Phase = null;
            delivery.NextAttemptAt = null;
            if (verdict == DeliveryStatus.Published)
            {
                (delivery.PublishedAt, delivery.Error) = (now, null);
                (delivery.ProviderPostId, delivery.Url) = (providerPostId ?? delivery.ProviderPostId, url ?? delivery.Url);

                // Nothing is sent any more: of what follows the root nobody has said what became.
                delivery.Parts = [.. delivery.Parts.Select(part => part.Kind == PartKind.Root
                    ? part with { Status = PartStatus.Published, ProviderPostId = delivery.ProviderPostId, Url = delivery.Url }
                    : part.Status == PartStatus.Pending ? part with { Status = PartStatus.Unknown } : part)];
            }
            else
            {
                delivery.FailedAt = now;
                delivery.Error = new DeliveryError(DeliveryErrorCode.OutcomeUnknown,
                    "It was decided that this was not published.", NextStep.Retry, Retryable: true);
                delivery.Parts = [.. delivery.Parts.Select(part => part.Kind == PartKind.Root
                    ? part with { Status = PartStatus.Failed, Error = delivery.Error }
                    : part)];
            }
            if (!wasOpen)
            {
                post.MoveTo(PostStatus.Publishing, now);
                post.OpenDeliveries++;
            }
            events.Add(post, delivery, verdict == DeliveryStatus.Published
                ? EventTypes.DeliveryPublished
                : EventTypes.DeliveryFailed);
            Close(post, held.Deliveries, 1, now);
            audit.Add(caller, "delivery.resolved", DeliveryResource.Kind, deliveryId, postId,
                new JsonObject { ["as"] = CamelCase.Of(verdict.Value) });
        }, ct);
    }

    private async Task CancelAllAsync(Caller caller, Held held, List<Delivery> asked, DateTimeOffset now, CancellationToken ct)
    {
        var canceled = asked.Where(d => PostActions.IsCancelable(held.Post, d)
            && held.ItemOf(d)?.State != WorkState.Leased).ToList();
        if (canceled.Count == 0)
            throw ProblemException.Conflict("Nothing of it can be canceled any more.",
                asked.Count == 1 ? CamelCase.Of(asked[0].Status) : CamelCase.Of(held.Post.Status), held.Actions);
        foreach (var delivery in canceled)
        {
            Move(delivery, DeliveryStatus.Canceled, now);
            (delivery.Phase, delivery.NextAttemptAt, delivery.DeferReason) = (null, null, null);
            if (held.ItemOf(delivery) is { } item) _db.WorkItems.Remove(item);
            audit.Add(caller, "delivery.canceled", DeliveryResource.Kind, delivery.Id, held.Post.Id);
        }
        await AttemptLedger.ReleaseAsync(_db, [.. canceled.Select(d => d.Id)], now, ct);
        var ended = PostCompletion.Close(held.Post, held.Deliveries, canceled.Count, now);
        foreach (var delivery in canceled) events.Add(held.Post, delivery, EventTypes.DeliveryCanceled);
        if (ended) AddEnd(held.Post);
    }

    private void Close(Post post, IReadOnlyCollection<Delivery> deliveries, int closed, DateTimeOffset now)
    {
        if (PostCompletion.Close(post, deliveries, closed, now)) AddEnd(post);
    }

    private void AddEnd(Post post) => events.Add(post,
        post.Status == PostStatus.Canceled ? EventTypes.PostCanceled : EventTypes.PostCompleted);

    private Task<AcceptedPost> ChangeAsync(Caller caller, Guid postId, int? ifRevision, Permission needed,
        string? action, Func<Held, DateTimeOffset, CancellationToken, Task> change, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(needed);
        return unit.RunAsync(async token =>
        {
            var held = await HoldAsync(caller, postId, token);

            // What was accepted is changed by those who may publish.
            if (action == PostActions.Update && held.Post.Status != PostStatus.Draft) caller.Require(Permission.Publish);
            if (ifRevision is { } seen && seen != held.Post.Revision)
                throw new ProblemException(ProblemCode.PreconditionFailed, "The post has changed since it was read.",
                    extensions: new Dictionary<string, object?> { ["currentRevision"] = held.Post.Revision });
            if (action is not null) Held.Require(held.Actions, action, CamelCase.Of(held.Post.Status));
            if (action is PostActions.Update or PostActions.Publish && held.Items.Any(i => i.State == WorkState.Leased))
                throw ProblemException.Conflict("Publishing has started.", CamelCase.Of(held.Post.Status), []);

            // First, so that the events tell the state as it will be read.
            var now = time.GetUtcNow();
            (held.Post.Revision, held.Post.UpdatedAt) = (held.Post.Revision + 1, now);
            await change(held, now, token);
            try
            {
                await _db.SaveChangesAsync(token);
            }
            catch (DbUpdateException e) when (e.InnerException is PostgresException
                { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "deliveries" })
            {
                throw ProblemException.Conflict("Another delivery of this profile owns that provider post.",
                    CamelCase.Of(held.Post.Status), held.Actions);
            }
            acceptor.Tell(held.Post);
            return new AcceptedPost(PostResource.From(held.Post, held.Deliveries, caller, now), []);
        }, ct);
    }

    /// <summary>Locks work items, deliveries and post, in the order every writer uses, and reads them.</summary>
    private async Task<Held> HoldAsync(Caller caller, Guid postId, CancellationToken ct)
    {
        if (!await PostReader.InScope(_db, caller).AnyAsync(p => p.Id == postId, ct))
            throw ProblemException.NotFound("post");
        var ids = await _db.Deliveries.Where(d => d.PostId == postId).Select(d => d.Id).ToArrayAsync(ct);

        // By their keys alone: a row that changes while it is waited for is looked at again, and a subquery in the condition
        // may then not find it.
        var items = await _db.WorkItems.FromSql($"""
            SELECT * FROM work_items
            WHERE kind = 'publish' AND key = ANY({ids}) OR kind = 'prepare_media' AND key = {postId}
            ORDER BY id FOR UPDATE
            """).ToListAsync(ct);
        var deliveries = await _db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE post_id = {postId} ORDER BY id FOR UPDATE").ToListAsync(ct);
        var post = await _db.Posts.FromSql($"SELECT * FROM posts WHERE id = {postId} FOR UPDATE")
            .SingleOrDefaultAsync(ct) ?? throw ProblemException.NotFound("post");

        // Another edit may have added a delivery or an item while we waited for the post.
        var now = await _db.Database.SqlQuery<Guid>($"""
            SELECT id AS "Value" FROM deliveries WHERE post_id = {postId}
            UNION ALL
            SELECT id FROM work_items
            WHERE kind = 'publish' AND key = ANY({ids}) OR kind = 'prepare_media' AND key = {postId}
            """).ToListAsync(ct);
        if (!now.ToHashSet().SetEquals(deliveries.Select(d => d.Id).Concat(items.Select(i => i.Id)))
            || !deliveries.Select(d => d.Id).ToHashSet().SetEquals(ids))
            throw ProblemException.Conflict("The post was changed at the same moment; read it again.",
                CamelCase.Of(post.Status), []);
        return new Held(post, [.. deliveries.OrderBy(d => d.Position)], [.. items.Where(i => i.Kind == WorkKind.Publish)],
            items.Find(i => i.Kind == WorkKind.PrepareMedia), PostActions.Of(post, deliveries, caller));
    }

    /// <summary>A post with a patch over it, and what of the patch is no edit.</summary>
    internal static PostInput Read(
        Post post, IReadOnlyCollection<Delivery> deliveries, JsonObject patch, ICollection<Issue> issues)
    {
        var isDraft = post.Status == PostStatus.Draft;
        var input = PostRequestReader.Read((JsonObject)PostShape.Merge(PostShape.Of(post, deliveries), patch)!, issues);
        if (input.Draft != isDraft)
            issues.Add(new Issue("/post/draft", Rule.UseAction, "An edit never publishes.",
                Fix: $"POST /posts/{post.Id}/publish."));
        if (!isDraft && input.ScheduledAt is null)
            issues.Add(new Issue(PostInput.Pointers.ScheduledAt, Rule.UseAction, "An edit never publishes.",
                Fix: $"POST /posts/{post.Id}/publish."));
        return input;
    }

    /// <summary>
    /// What was there before and is not touched does not stop an edit: a moment that is due, a profile gone quiet.
    /// </summary>
    internal static bool IsNew(Issue issue, Post post, IEnumerable<Delivery> deliveries, PostInput input) => issue.Rule switch
    {
        Rule.PastTime when issue.ProfileId is null => input.ScheduledAt != post.ScheduledAt,
        Rule.PastTime => input.Content.Overrides[issue.ProfileId.Value].ScheduledAt
            != post.Content.Overrides.GetValueOrDefault(issue.ProfileId.Value)?.ScheduledAt,
        Rule.NotActive => deliveries.All(d => d.ProfileId != issue.ProfileId),
        _ => true,
    };

    // What speaks against sending one profile what its override says; its moment is over, and others are not asked.
    private static IEnumerable<Issue> Against(PostPlan plan, Guid profileId)
    {
        var own = PostInput.Pointers.Override(profileId, "");
        var issues = plan.Faults.Concat(plan.Issues).Where(i => i.Rule is not (Rule.PastTime or Rule.NotActive)
            && (i.ProfileId == profileId || i.Pointer.StartsWith(own, StringComparison.Ordinal)));
        return issues.Concat(plan.Media.GetValueOrDefault(profileId, []).Where(m => plan.Artifacts.IsComing(m.Item.ArtifactId))
            .Select(m => new Issue(m.Pointer, Rule.NotReady, "A retry goes out now, and this file is not here yet.",
                Fix: "Import it with POST /uploads, and retry when it is verified.", ProfileId: profileId)));
    }

    private static void Rewrite(Delivery delivery, Delivery laid, DateTimeOffset now)
    {
        delivery.Position = laid.Position;
        delivery.ProfileName = laid.ProfileName;
        delivery.Content = laid.Content;
        delivery.ContentHash = laid.ContentHash;
        delivery.Parts = laid.Parts;
        delivery.ScheduledAt = laid.ScheduledAt;
        delivery.LatestAt = laid.LatestAt;
        delivery.UpdatedAt = now;
    }

    private static void Move(Delivery delivery, DeliveryStatus next, DateTimeOffset now)
    {
        if (!DeliveryMoves.IsLegal(delivery.Status, next))
            throw new IllegalMoveException(nameof(Delivery), delivery.Status, next);
        (delivery.Status, delivery.UpdatedAt) = (next, now);
    }

    private static IEnumerable<string> Fields(KeyValuePair<string, JsonNode?> member) =>
        member is { Key: "post", Value: JsonObject post } ? post.Select(p => p.Key) : [member.Key];

    /// <summary>A post with its rows locked.</summary>
    private sealed record Held(Post Post, List<Delivery> Deliveries, IReadOnlyList<WorkItem> Items,
        WorkItem? Preparation, IReadOnlyList<string> Actions)
    {
        public WorkItem? ItemOf(Delivery delivery) => Items.FirstOrDefault(i => i.Key == delivery.Id);

        public Delivery Find(Guid deliveryId) =>
            Deliveries.FirstOrDefault(d => d.Id == deliveryId) ?? throw ProblemException.NotFound("delivery");

        public static void Require(IReadOnlyList<string> actions, string action, string currentStatus)
        {
            if (!actions.Contains(action))
                throw ProblemException.Conflict($"It is {currentStatus}, which does not allow {action}.", currentStatus,
                    actions);
        }
    }
}
