using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Says what a create or edit would come to, by the same reader, planner and rules, and changes nothing: everything wrong
/// with it is an answer, not a refusal.
/// </summary>
public sealed class PostValidator(UnitOfWork unit, PostAcceptor acceptor, ProviderCatalog catalog, BudgetForecast forecast,
    TimeProvider time)
{
    private const string PostId = "postId";
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Checks a create body, or an edit's body with the post it is for.</summary>
    /// <param name="body">The create shape; or a merge patch in it, with <c>postId</c>.</param>
    public async Task<PostCheck> CheckAsync(Caller caller, JsonObject body, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(body);
        List<Issue> issues = [];
        Edited? edited = null;
        if (body.ContainsKey(PostId))
        {
            edited = await EditedAsync(caller, body, issues, ct);
            if (issues.Count > 0) return PostCheck.Unreadable(issues);
            body = (JsonObject)body.DeepClone();
            body.Remove(PostId);
        }
        var input = edited is null
            ? PostRequestReader.Read(body, issues)
            : PostEditor.Read(edited.Post, edited.Deliveries, body, issues);
        if (issues.Count > 0) return PostCheck.Unreadable(issues);

        var now = time.GetUtcNow();
        var plan = await acceptor.PlanAsync(caller, input, ct);
        var mayStay = edited is { IsDraft: false };
        List<Issue> found = [.. plan.Faults, .. plan.Warnings, .. plan.Issues.Where(issue =>
            !mayStay || PostEditor.IsNew(issue, edited!.Post, edited.Deliveries, input))];
        var (post, deliveries) = Lay(caller, edited?.Post.Id ?? Ids.New(now), plan, now);
        var outlooks = await forecast.LookAsync(deliveries, now, ct);
        found.AddRange(outlooks.Where(o => o.Left == 0).Select(BudgetForecast.Warning));
        if (!input.AllowDuplicate && await DuplicateAsync(post, deliveries, now, ct) is { } duplicate) found.Add(duplicate);

        var profiles = plan.Profiles.Select((profile, i) => Check(profile, deliveries[i],
            plan.MomentOf(profile, input.ScheduledAt), [.. found.Where(issue => issue.ProfileId == profile.Id)],
            plan.Media.GetValueOrDefault(profile.Id, []), outlooks.Where(o => o.Delivery == deliveries[i]))).ToList();
        var shown = plan.Profiles.Select(p => (Guid?)p.Id).ToHashSet();
        return new PostCheck(PostCheck.Kind, found.TrueForAll(issue => issue.Severity != Severity.Error),
            [.. found.Where(issue => issue.ProfileId is null || !shown.Contains(issue.ProfileId)).Take(ProblemException.MostIssues)],
            profiles);
    }

    private ProfileCheck Check(Profile profile, Delivery delivery, DateTimeOffset? moment, List<Issue> issues,
        IReadOnlyList<PlannedMedia> media, IEnumerable<BudgetOutlook> outlooks)
    {
        var rules = catalog.TryGet(profile.Provider, out var provider) ? provider.RulesOf(profile.Facts) : null;
        List<BudgetCheck> budgets = [.. outlooks.OrderBy(o => o.Left).ThenByDescending(o => o.FreeAt).Select(BudgetCheck.Of)];
        return new ProfileCheck(profile.Id, profile.Name, profile.Provider,
            issues.TrueForAll(issue => issue.Severity != Severity.Error), moment,
            [.. issues.Take(ProblemException.MostIssues)], delivery.Content,
            rules is null ? null : new TextCheck(TextCount.Of(delivery.Content.Body ?? "", rules), rules.MaxText, rules.Unit),
            [.. media.Select(m => new MediaCheck(m.Pointer, m.Item.ArtifactId, m.Plan?.Verdict, MediaTarget.Of(m.Plan?.Recipe)))],
            budgets.FirstOrDefault())
        {
            Near = budgets.FindAll(budget => budget.IsNear),
        };
    }

    private static (Post Post, List<Delivery> Deliveries) Lay(Caller caller, Guid id, PostPlan plan, DateTimeOffset now)
    {
        var post = new Post
        {
            Id = id,
            UserId = caller.UserId,
            CreatedByType = caller.ActorType,
            CreatedById = caller.ActorId,
            CreatedAt = now,
            UpdatedAt = now,
        };
        PostAcceptor.Write(post, plan.Input);
        return (post, PostAcceptor.Lay(post, plan, now));
    }

    private async Task<Issue?> DuplicateAsync(
        Post post, IReadOnlyList<Delivery> deliveries, DateTimeOffset now, CancellationToken ct)
    {
        var existing = await new DuplicateGuard(unit).FindAsync([.. deliveries.Select(d =>
            DuplicateGuard.Said.By(d, d.ScheduledAt ?? now))], ct, holds: false);
        return existing.TryGetValue(post.Id, out var id)
            ? new Issue("/post", Rule.Duplicate, $"Post {id} says the same to a profile of these within 24 hours.",
                Fix: "Change what it says, or send allowDuplicate: true if that is meant.")
            : null;
    }

    private async Task<Edited?> EditedAsync(Caller caller, JsonObject body, List<Issue> issues, CancellationToken ct)
    {
        if (new ObjectReader(body, "", issues).Id(PostId) is not { } id) return null;
        if (await PostReader.InScope(_db, caller).AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, ct) is not { } post)
        {
            issues.Add(new Issue($"/{PostId}", Rule.NotFound, "There is no such post in this scope."));
            return null;
        }
        var deliveries = await _db.Deliveries.AsNoTracking().Where(d => d.PostId == id).OrderBy(d => d.Position)
            .ToListAsync(ct);
        if (post.Status == PostStatus.Draft || PostActions.IsUntouched(post, deliveries)) return new Edited(post, deliveries);
        issues.Add(new Issue($"/{PostId}", Rule.UseAction, $"It is {CamelCase.Of(post.Status)}, which does not allow an edit.",
            Fix: "Make a new post."));
        return null;
    }

    private sealed record Edited(Post Post, List<Delivery> Deliveries)
    {
        public bool IsDraft => Post.Status == PostStatus.Draft;
    }
}
