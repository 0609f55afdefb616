using System.Diagnostics;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Media;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Takes posts. An answer means stored durably: post, deliveries, work items, events and audit commit together, or
/// nothing does.
/// </summary>
public sealed class PostAcceptor
{
    private readonly UnitOfWork _unit;
    private readonly PendingRows _rows;
    private readonly PostMantisDb _db;
    private readonly PostPlanner _planner;
    private readonly DuplicateGuard _duplicates;
    private readonly DailyCap _cap;
    private readonly PostEvents _events;
    private readonly AuditLog _audit;
    private readonly WakeUp _wakeUp;
    private readonly PostChanges _changes;
    private readonly TimeProvider _time;
    private readonly DeliveryTelemetry _telemetry;
    private readonly BudgetForecast _forecast;
    private readonly IdempotencyStore _keys;
    private readonly PostArtifacts _artifacts;
    private readonly ArrivedItem _arrived;

    public PostAcceptor(UnitOfWork unit, PendingRows rows, ProviderCatalog catalog, PostEvents events, AuditLog audit,
        WakeUp wakeUp, PostChanges changes, TimeProvider time, DeliveryTelemetry telemetry, BudgetForecast forecast,
        IdempotencyStore keys, Imports imports, MediaQuota quota, MediaVersions versions, ArrivedItem arrived)
    {
        ArgumentNullException.ThrowIfNull(unit);
        (_unit, _rows, _db, _events, _audit, _wakeUp, _changes, _time, _telemetry, _forecast, _keys, _arrived) =
            (unit, rows, unit.Db, events, audit, wakeUp, changes, time, telemetry, forecast, keys, arrived);
        _planner = new PostPlanner(unit, catalog, imports, versions, time);
        _artifacts = new PostArtifacts(_db, imports, quota);
        _duplicates = new DuplicateGuard(unit);
        _cap = new DailyCap(_db, time);
    }

    /// <summary>The rung a create body needs: drafts need less than publishing.</summary>
    public static Permission NeededBy(JsonObject body)
    {
        ArgumentNullException.ThrowIfNull(body);
        return body["post"] is JsonObject post && post["draft"] is JsonValue draft
            && draft.TryGetValue<bool>(out var isDraft) && isDraft
            ? Permission.Draft
            : Permission.Publish;
    }

    /// <summary>Stores a draft, or accepts a post for publishing now or at its moment (contract §3, POST /posts).</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest with every issue; insufficientPermission; duplicatePost; rateLimited by the key's daily cap.
    /// </exception>
    public async Task<AcceptedPost> CreateAsync(Caller caller, JsonObject body, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(NeededBy(body));
        var creation = (await CreateAsync([new Creation(caller, Read(body), Activity.Current?.Id)], limitsWaits: false, ct))[0];
        return creation.Refused is null ? creation.Accepted! : throw creation.Refused;
    }

    /// <summary>
    /// Takes several posts, of anyone, in one transaction: what is refused leaves the others alone. Only a lone one may be
    /// under a daily cap.
    /// </summary>
    /// <param name="limitsWaits">Rather fails than waits long for what another transaction holds.</param>
    /// <returns>The same <paramref name="creations"/>, each accepted, refused, or answered by its key.</returns>
    internal Task<IReadOnlyList<Creation>> CreateAsync(
        IReadOnlyList<Creation> creations, bool limitsWaits, CancellationToken ct) =>
        _unit.RunAsync<IReadOnlyList<Creation>>(async token =>
        {
            if (limitsWaits) _unit.LimitWaits();
            _unit.PlanOnce();
            await BeginAsync(creations, token);
            var now = _time.GetUtcNow();
            List<Creation> open = [.. creations.Where(c => c.IsOpen)];
            foreach (var creation in open) creation.PostId = Ids.New(now);
            var said = open.Where(c => c.IsGuardedAhead).SelectMany(c => c.SaidAhead(now)).ToList();
            var (plans, existing) = await _planner.PlanAsync([.. open.Select(c => (c.Caller, c.Input))], said, token);
            for (var i = 0; i < open.Count; i++) Lay(open[i], plans[i], now);
            await GuardAsync([.. open.Where(c => c.IsOpen && !c.Input.Draft)], existing, now, token);
            foreach (var creation in open.Where(c => c.IsOpen && c.Plan!.Artifacts.Imports.Count > 0))
                await ImportAsync(creation, token);
            open.RemoveAll(c => !c.IsOpen);
            if (open.Count == 0) return creations;

            using var gathering = _rows.Gather();
            foreach (var creation in open) Take(creation, now);
            var warnings = await _forecast.WarnAsync(
                [.. open.Where(c => !c.Input.Draft).SelectMany(c => c.Deliveries)], now, token);
            List<(KeyUse, KeyedAnswer)> answers = [];
            foreach (var creation in open)
            {
                var accepted = creation.Accepted = new AcceptedPost(PostResource.From(creation.Post!, creation.Deliveries,
                    creation.Caller, now), [.. creation.Plan!.Warnings, .. warnings[creation.Post!.Id]]);
                if (creation.Key is { } key) answers.Add((key, creation.Write!(accepted)));
            }
            foreach (var creation in open)
                Tell(creation.Post!, creation.Deliveries.Exists(d => d.ScheduledAt <= now + QueueOptions.LongestPoll));
            await using var writes = _unit.Batch();
            PostRow.Insert(writes, [.. open.Select(c => c.Post!)]);
            DeliveryRow.Insert(writes, [.. open.SelectMany(c => c.Deliveries)]);
            PostArtifacts.Insert(writes, [.. open.Select(c => c.Post!)]);
            _rows.Write(writes);
            _keys.Write(writes, answers);
            await _unit.FinishAsync(writes, token);
            return creations;
        }, ct);

    /// <summary>Says of several posts what taking them would come to, by the same rules and queries, and changes nothing.</summary>
    /// <returns>The same <paramref name="creations"/>, each with its plan and why it would be refused.</returns>
    internal async Task<IReadOnlyList<Creation>> RehearseAsync(IReadOnlyList<Creation> creations, CancellationToken ct)
    {
        var now = _time.GetUtcNow();
        foreach (var creation in creations) creation.Refused = creation.Malformed;
        List<Creation> open = [.. creations.Where(c => c.IsOpen)];
        foreach (var creation in open) creation.PostId = Ids.New(now);
        var plans = await _planner.PlanAsync([.. open.Select(c => (c.Caller, c.Input))], ct);
        for (var i = 0; i < open.Count; i++) Lay(open[i], plans[i], now);
        await GuardAsync([.. open.Where(c => c.IsOpen && !c.Input.Draft)], new Dictionary<Guid, Guid>(), now, ct, holds: false);
        return creations;
    }

    private async Task BeginAsync(IReadOnlyList<Creation> creations, CancellationToken ct)
    {
        var keyed = creations.Where(c => c.Key is not null).ToList();
        var standings = await _keys.BeginAsync([.. keyed.Select(c => c.Key!)], ct);
        for (var i = 0; i < keyed.Count; i++) (keyed[i].First, keyed[i].Refused) = standings[i];

        // The key first: what was accepted once is answered again whatever the body has become.
        foreach (var creation in creations.Where(c => c.IsOpen)) creation.Refused = creation.Malformed;
    }

    private static void Lay(Creation creation, PostPlan plan, DateTimeOffset now)
    {
        var (caller, input) = (creation.Caller, creation.Input);
        try
        {
            creation.Plan = plan;
            Refuse(plan.Faults, now);
            if (!input.Draft) Refuse(plan.Issues, now);
        }
        catch (ProblemException refused)
        {
            creation.Refused = refused;
            return;
        }
        var post = creation.Post = new Post
        {
            Id = creation.PostId,
            UserId = caller.UserId,
            TestMode = plan.Profiles.Count > 0 ? plan.Profiles[0].TestMode : caller.TestMode ?? false,
            CreatedByType = caller.ActorType,
            CreatedById = caller.ActorId,
            Traceparent = creation.Traceparent,
            CreatedAt = now,
            UpdatedAt = now,
        };
        Write(post, plan.Input);
        post.Issues = input.Draft ? [.. plan.Issues.Take(ProblemException.MostIssues)] : [];
        creation.Deliveries = Lay(post, plan, now, creation.Hashes);
    }

    /// <param name="ahead">What those repeat that were guarded when they were planned.</param>
    /// <param name="holds">Holds what is said until the transaction ends; false: just looks, also at what could be guarded ahead.</param>
    private async Task GuardAsync(IReadOnlyList<Creation> creations, IReadOnlyDictionary<Guid, Guid> ahead, DateTimeOffset now,
        CancellationToken ct, bool holds = true)
    {
        foreach (var creation in creations)
        {
            Due(creation.Post!, creation.Deliveries, now);
            try
            {
                await _cap.CheckAsync(creation.Caller, ct);
            }
            catch (ProblemException refused)
            {
                creation.Refused = refused;
            }
        }
        var existing = await _duplicates.FindAsync(
            [.. creations.Where(c => c.IsOpen && !c.Input.AllowDuplicate && !(holds && c.IsGuardedAhead)).SelectMany(c => c.Said())],
            ct, holds);
        List<DuplicateGuard.Said> said = [];
        foreach (var creation in creations.Where(c => c.IsOpen))
        {
            var own = creation.Said().ToList();
            if (ahead.TryGetValue(creation.PostId, out var id) || existing.TryGetValue(creation.PostId, out id))
                creation.Refused = DuplicateGuard.Problem(id);
            else if (!creation.Input.AllowDuplicate
                && said.FindIndex(earlier => own.Exists(earlier.Repeats)) is >= 0 and var same)
                creation.Refused = DuplicateGuard.Problem(said[same].PostId);
            else said.AddRange(own);
        }
    }

    private async Task ImportAsync(Creation creation, CancellationToken ct)
    {
        try
        {
            await _artifacts.ImportAsync(creation.Caller, creation.Post!, creation.Plan!, ct);
            await _db.SaveChangesAsync(ct);
        }
        catch (ProblemException refused)
        {
            creation.Refused = refused;
        }
    }

    private void Take(Creation creation, DateTimeOffset now)
    {
        var post = creation.Post!;
        _events.Add(post, EventTypes.PostCreated);
        _audit.Add(creation.Caller, "post.created", PostResource.Kind, post.Id, post.Id);
        if (!creation.Input.Draft)
            Take(creation.Caller, post, creation.Deliveries, creation.Plan!.IsReady, creation.Traceparent, now);
    }

    /// <summary>Reads the create shape and refuses what is malformed.</summary>
    internal static PostInput Read(JsonObject body)
    {
        List<Issue> issues = [];
        var input = PostRequestReader.Read(body, issues);
        Refuse(issues, default);
        return input;
    }

    /// <summary>Asks whether <paramref name="input"/> can be published; one query, no effects.</summary>
    internal Task<PostPlan> PlanAsync(Caller caller, PostInput input, CancellationToken ct) =>
        _planner.PlanAsync(caller, input, ct);

    /// <summary>
    /// Makes a stored post's imports and the record of what it uses those of <paramref name="plan"/>; the caller saves.
    /// </summary>
    internal async Task UseAsync(Caller caller, Post post, PostPlan plan, CancellationToken ct)
    {
        if (plan.Artifacts.Imports.Count > 0) await _artifacts.ImportAsync(caller, post, plan, ct);
        await _artifacts.UseAsync(post, ct);
    }

    /// <summary>Throws invalidRequest when there is anything to say; with <c>serverTime</c> when a moment has passed.</summary>
    internal static void Refuse(IReadOnlyCollection<Issue> issues, DateTimeOffset now)
    {
        if (issues.Count == 0) return;
        Dictionary<string, object?> extensions = [];
        if (issues.Any(i => i.Rule == Rule.PastTime)) extensions["serverTime"] = UtcMillisecondsConverter.Format(now);
        throw new ProblemException(ProblemCode.InvalidRequest, "The request is not valid; see errors.", issues, extensions);
    }

    /// <summary>Writes what the caller said onto the post.</summary>
    internal static void Write(Post post, PostInput input)
    {
        post.Content = input.Content;
        post.ScheduledAt = input.ScheduledAt;
        post.MaxLatenessSeconds = input.MaxLatenessSeconds;
        post.ExternalId = input.ExternalId;
        post.Metadata = input.Metadata;
    }

    /// <summary>The deliveries a plan comes to, in the order of its profiles.</summary>
    /// <param name="hashes">Of the content, by profile, where they have been made already.</param>
    internal static List<Delivery> Lay(
        Post post, PostPlan plan, DateTimeOffset now, IReadOnlyDictionary<Guid, byte[]>? hashes = null) =>
        [.. plan.Profiles.Select((profile, position) => Lay(post, plan, profile, position, now, hashes?[profile.Id]))];

    /// <summary>One profile's delivery.</summary>
    internal static Delivery Lay(
        Post post, PostPlan plan, Profile profile, int position, DateTimeOffset now, byte[]? hash = null)
    {
        var content = ContentRules.Resolve(post.Content, profile.Id, profile.Provider);
        var moment = plan.MomentOf(profile, post.ScheduledAt);
        return new Delivery
        {
            Id = Ids.New(now),
            PostId = post.Id,
            UserId = post.UserId,
            ProfileId = profile.Id,
            Position = position,
            Provider = profile.Provider,
            ProfileName = profile.Name,
            TestMode = profile.TestMode,
            Content = content,
            ContentHash = hash ?? ContentRules.Hash(content, plan.Artifacts.BytesOf),
            Parts = PartsOf(content),
            ScheduledAt = moment,
            LatestAt = Latest(post, moment),
            CreatedAt = now,
            UpdatedAt = now,
        };
    }

    /// <summary>Every remote object a content comes to, none of them there yet.</summary>
    internal static List<DeliveryPart> PartsOf(DeliveryContent content)
    {
        List<DeliveryPart> parts = [new(0, PartKind.Root, PartStatus.Pending)];
        foreach (var _ in content.Thread) parts.Add(new DeliveryPart(parts.Count, PartKind.Thread, PartStatus.Pending));
        if (content.FirstComment is not null)
            parts.Add(new DeliveryPart(parts.Count, PartKind.FirstComment, PartStatus.Pending));
        return parts;
    }

    internal static DateTimeOffset? Latest(Post post, DateTimeOffset? moment) =>
        post.MaxLatenessSeconds is { } seconds ? moment?.AddSeconds(seconds) : null;

    /// <summary>Takes a post for publishing: guards, moves, work items, events. The caller saves and tells.</summary>
    internal async Task AcceptAsync(Caller caller, Post post, IReadOnlyCollection<Delivery> deliveries, PostPlan plan,
        bool allowDuplicate, DateTimeOffset now, CancellationToken ct)
    {
        Due(post, deliveries, now);
        await _cap.CheckAsync(caller, ct);
        if (!allowDuplicate) await _duplicates.CheckAsync(post, deliveries, ct);
        Take(caller, post, deliveries, plan.IsReady, Activity.Current?.Id, now);
    }

    // Without a moment, it is now.
    private static void Due(Post post, IEnumerable<Delivery> deliveries, DateTimeOffset now)
    {
        post.ScheduledAt ??= now;
        foreach (var delivery in deliveries)
        {
            delivery.ScheduledAt ??= post.ScheduledAt;
            delivery.LatestAt = Latest(post, delivery.ScheduledAt);
        }
    }

    private void Take(Caller caller, Post post, IReadOnlyCollection<Delivery> deliveries, bool isReady,
        string? traceparent, DateTimeOffset now)
    {
        post.Accept(caller.ActorId, caller.Rules.ApprovalRequired, caller.Rules.DailyCap is not null, now);
        post.OpenDeliveries = deliveries.Count;
        if (post.Status == PostStatus.AwaitingApproval)
        {
            _audit.Add(caller, "post.approvalRequested", PostResource.Kind, post.Id, post.Id);
            return;
        }
        if (isReady) Release(post, deliveries, caller.Rules, traceparent, now);
        else Prepare(post, traceparent, now);
        _audit.Add(caller, "post.accepted", PostResource.Kind, post.Id, post.Id);
    }

    /// <summary>Has the media of an accepted post prepared; it is released when that is done.</summary>
    /// <param name="existing">The work item it has already, held.</param>
    internal void Prepare(Post post, string? traceparent, DateTimeOffset now, WorkItem? existing = null)
    {
        _unit.AfterCommit(() => _wakeUp.Signal(WorkKind.PrepareMedia));
        if (existing is not null)
        {
            // Who works on it finds that the post has changed and begins anew.
            if (existing.State != WorkState.Leased) (existing.RunAt, existing.State) = (now, WorkState.Waiting);
            return;
        }
        var item = new WorkItem
        {
            Id = Ids.New(now),
            UserId = post.UserId,
            Kind = WorkKind.PrepareMedia,
            Key = post.Id,
            Lane = post.Id,
            RunAt = now,
            Traceparent = traceparent,
            CreatedAt = now,
        };
        if (_rows.IsOpen) _rows.Add(item);
        else _db.WorkItems.Add(item);
    }

    /// <summary>Hands an accepted post to the queue.</summary>
    internal void Release(
        Post post, IEnumerable<Delivery> deliveries, KeyRules rules, string? traceparent, DateTimeOffset now)
    {
        post.MoveTo(PostStatus.Scheduled, now);
        foreach (var item in deliveries.Select(d => Enqueue(d, rules, traceparent, now)))
        {
            if (item.RunAt <= now) _unit.AfterCommit(() => _arrived.Add(item));
            if (_rows.IsOpen) _rows.Add(item);
            else _db.WorkItems.Add(item);
        }
        _events.Add(post, EventTypes.PostScheduled);
        _telemetry.Accepted(post);
    }

    /// <summary>The work item of a delivery, due at its moment or when its key's quiet hours end.</summary>
    internal static WorkItem Enqueue(Delivery delivery, KeyRules rules, string? traceparent, DateTimeOffset now)
    {
        var runAt = Due(delivery, rules, now);
        return new WorkItem
        {
            Id = Ids.New(now),
            UserId = delivery.UserId,
            Kind = WorkKind.Publish,
            Key = delivery.Id,
            Lane = delivery.ProfileId,
            Pool = delivery.Provider,
            RunAt = runAt,
            Traceparent = traceparent,
            CreatedAt = now,
        };
    }

    /// <summary>When a worker may start it; says so on the delivery when quiet hours put it off.</summary>
    internal static DateTimeOffset Due(Delivery delivery, KeyRules rules, DateTimeOffset now)
    {
        var runAt = delivery.ScheduledAt is { } moment && moment > now ? moment : now;
        var quietEnd = QuietHours.EndAfter(rules, runAt);

        // An incomplete delivery that is resumed has no phase: its root is live.
        if (delivery.Status == DeliveryStatus.Pending)
            delivery.Phase = quietEnd is null ? DeliveryPhase.Waiting : DeliveryPhase.Deferred;
        delivery.DeferReason = quietEnd is null ? null : QuietHours.Reason;
        delivery.NextAttemptAt = quietEnd;
        return quietEnd ?? runAt;
    }

    /// <summary>After the commit: wakes the workers and the live views.</summary>
    /// <param name="isSoon">False: a worker looks by itself before the first of its moments.</param>
    internal void Tell(Post post, bool isSoon = true) => _unit.AfterCommit(() =>
    {
        if (isSoon) _wakeUp.Signal(WorkKind.Publish);
        _wakeUp.Signal(EventWriter.Loop);
        _changes.Publish(post.UserId, post.Id);
    });
}
