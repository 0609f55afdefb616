using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>What a request comes to: its profiles, and everything that speaks against it.</summary>
/// <param name="Profiles">In the request's order.</param>
/// <param name="Faults">What is wrong with the request itself: refused even for a draft.</param>
/// <param name="Issues">What its content still lacks: refused unless it is a draft.</param>
internal sealed record PostPlan(
    PostInput Input, IReadOnlyList<Profile> Profiles, IReadOnlyList<Issue> Faults, IReadOnlyList<Issue> Issues)
{
    /// <summary>The moment of one profile's delivery; null while the post has none.</summary>
    public DateTimeOffset? MomentOf(Profile profile, DateTimeOffset? postMoment) =>
        Input.Content.Overrides.GetValueOrDefault(profile.Id)?.ScheduledAt ?? postMoment;
}

/// <summary>Asks of a well-formed request whether it can be published: profiles in scope, moments, content rules.</summary>
internal sealed class PostPlanner(PostMantisDb db, ProviderCatalog catalog, TimeProvider time)
{
    /// <summary>Plans <paramref name="input"/> for <paramref name="caller"/>; one query, no effects.</summary>
    public async Task<PostPlan> PlanAsync(Caller caller, PostInput input, CancellationToken ct) =>
        (await PlanAsync([(caller, input)], ct))[0];

    /// <summary>As <see cref="PlanAsync(Caller, PostInput, CancellationToken)"/>, for many with the same query.</summary>
    public async Task<IReadOnlyList<PostPlan>> PlanAsync(
        IReadOnlyList<(Caller Caller, PostInput Input)> asked, CancellationToken ct)
    {
        var wanted = asked.SelectMany(a => a.Input.Profiles).Distinct().ToArray();
        var users = asked.Select(a => a.Caller.UserId).Distinct().ToArray();
        var found = wanted.Length == 0
            ? []
            : await db.Profiles.AsNoTracking().Where(p => users.Contains(p.UserId) && wanted.Contains(p.Id))
                .ToDictionaryAsync(p => p.Id, ct);
        return [.. asked.Select(a => Plan(a.Caller, a.Input, found))];
    }

    private PostPlan Plan(Caller caller, PostInput input, Dictionary<Guid, Profile> found)
    {
        List<Issue> faults = [], issues = [];
        var wanted = input.Profiles;
        List<Profile> profiles = [];
        for (var i = 0; i < wanted.Count; i++)
        {
            var at = $"{PostInput.Pointers.Profiles}/{i}";
            if (!found.TryGetValue(wanted[i], out var profile) || !caller.Covers(profile))
            {
                faults.Add(new Issue(at, Rule.NotFound, "There is no such profile in this scope.", ProfileId: wanted[i]));
                continue;
            }
            profiles.Add(profile);
            if (profile.Status != ProfileStatus.Active)
                issues.Add(new Issue(at, Rule.NotActive, $"This profile is {CamelCase.Of(profile.Status)}.",
                    Fix: "Connect the account again in the dashboard.", ProfileId: profile.Id,
                    Provider: profile.Provider));
            if (catalog.TryGet(profile.Provider, out var provider))
                issues.AddRange(ContentRules.Check(provider, input.Content, profile.Id, profile.Facts));
            else
                issues.Add(new Issue(at, Rule.Unsupported, "This instance cannot publish to that network.",
                    ProfileId: profile.Id, Provider: profile.Provider));
        }

        if (wanted.Count == 0)
            issues.Add(new Issue(PostInput.Pointers.Profiles, Rule.Required, "Name at least one profile."));
        if (profiles.Select(p => p.TestMode).Distinct().Count() > 1)
            faults.Add(new Issue(PostInput.Pointers.Profiles, Rule.Excluded,
                "Test profiles and live profiles do not share a post.", Fix: "Make two posts."));
        faults.AddRange(Artifacts(input.Content));
        issues.AddRange(Moments(input));
        if (profiles.Count == 0 && input.Content is { Body: null or "", Media.Count: 0 })
            issues.Add(new Issue(PostInput.Pointers.Body, Rule.Required, "A post needs a body or media."));
        return new PostPlan(input, profiles, faults, issues);
    }

    private IEnumerable<Issue> Moments(PostInput input)
    {
        if (input.ScheduledAt is { } moment && Moment(moment, PostInput.Pointers.ScheduledAt, null) is { } wrong)
            yield return wrong;
        foreach (var (profileId, change) in input.Content.Overrides)
        {
            if (change.ScheduledAt is { } own
                && Moment(own, PostInput.Pointers.Override(profileId, "scheduledAt"), profileId) is { } wrongToo)
                yield return wrongToo;
        }
    }

    private Issue? Moment(DateTimeOffset moment, string pointer, Guid? profileId)
    {
        var now = time.GetUtcNow();
        if (moment < now)
            return new Issue(pointer, Rule.PastTime, "This moment has passed.",
                Fix: $"Leave it out to publish now; the server's time is {UtcMillisecondsConverter.Format(now)}.",
                ProfileId: profileId);
        return moment > now + PostInput.Furthest
            ? new Issue(pointer, Rule.OutOfRange, "At most 2 years ahead.", Limit: PostInput.Furthest.TotalDays,
                Actual: (moment - now).TotalDays, Unit: "days", ProfileId: profileId)
            : null;
    }

    // Uploads come with the media room; until then no artifact exists that could be named.
    private static IEnumerable<Issue> Artifacts(PostContent content)
    {
        static Issue Missing(string pointer) => new(pointer, Rule.NotFound, "There is no such artifact.");
        for (var i = 0; i < content.Media.Count; i++)
            yield return Missing($"{PostInput.Pointers.Media}/{i}/artifactId");
        for (var part = 0; part < content.Thread.Count; part++)
            for (var i = 0; i < content.Thread[part].Media.Count; i++)
                yield return Missing($"/post/thread/{part}/media/{i}/artifactId");
        for (var i = 0; i < (content.FirstComment?.Media.Count ?? 0); i++)
            yield return Missing($"/post/firstComment/media/{i}/artifactId");
        foreach (var (profileId, change) in content.Overrides)
            for (var i = 0; i < (change.Media?.Count ?? 0); i++)
                yield return Missing($"{PostInput.Pointers.Override(profileId, "media")}/{i}/artifactId");
    }
}
