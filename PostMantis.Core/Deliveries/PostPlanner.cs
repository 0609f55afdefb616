using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>What a request comes to: its profiles, and everything that speaks against it.</summary>
/// <param name="Profiles">In the request's order.</param>
/// <param name="Faults">What is wrong with the request itself: refused even for a draft.</param>
/// <param name="Issues">What its content still lacks: refused unless it is a draft.</param>
/// <param name="Warnings">What its author should know; nothing is refused for it.</param>
internal sealed record PostPlan(PostInput Input, IReadOnlyList<Profile> Profiles, IReadOnlyList<Issue> Faults,
    IReadOnlyList<Issue> Issues, IReadOnlyList<Issue> Warnings)
{
    /// <summary>The artifacts it names.</summary>
    public PlannedArtifacts Artifacts { get; init; } = PlannedArtifacts.None;

    /// <summary>What becomes of its media, by profile; those without any are not there.</summary>
    public IReadOnlyDictionary<Guid, IReadOnlyList<PlannedMedia>> Media { get; init; } =
        new Dictionary<Guid, IReadOnlyList<PlannedMedia>>();

    /// <summary>Whether all its media have come and go out as they are.</summary>
    public bool IsReady => Media.Count == 0
        || Media.Values.All(list => list.All(m => m.Plan is { Verdict: not MediaVerdict.Convert }));

    /// <summary>The moment of one profile's delivery; null while the post has none.</summary>
    public DateTimeOffset? MomentOf(Profile profile, DateTimeOffset? postMoment) =>
        Input.Content.Overrides.GetValueOrDefault(profile.Id)?.ScheduledAt ?? postMoment;
}

/// <summary>Asks of a well-formed request whether it can be published: profiles in scope, moments, content rules.</summary>
internal sealed class PostPlanner(
    UnitOfWork unit, ProviderCatalog catalog, Imports imports, MediaVersions versions, TimeProvider time)
{
    /// <summary>Plans <paramref name="input"/> for <paramref name="caller"/>; one query, one more for media, no effects.</summary>
    public async Task<PostPlan> PlanAsync(Caller caller, PostInput input, CancellationToken ct) =>
        (await PlanAsync([(caller, input)], ct))[0];

    /// <summary>As <see cref="PlanAsync(Caller, PostInput, CancellationToken)"/>, for many with the same queries.</summary>
    public async Task<IReadOnlyList<PostPlan>> PlanAsync(
        IReadOnlyList<(Caller Caller, PostInput Input)> asked, CancellationToken ct) =>
        (await PlanAsync(asked, [], ct)).Plans;

    /// <summary>The same, and in the same round trip holds and finds what <paramref name="said"/> repeats.</summary>
    public async Task<(IReadOnlyList<PostPlan> Plans, IReadOnlyDictionary<Guid, Guid> Existing)> PlanAsync(
        IReadOnlyList<(Caller Caller, PostInput Input)> asked, IReadOnlyList<DuplicateGuard.Said> said, CancellationToken ct)
    {
        var wanted = asked.SelectMany(a => a.Input.Profiles).Distinct().ToArray();
        var users = asked.Select(a => a.Caller.UserId).Distinct().ToArray();
        Dictionary<Guid, Profile> found = [];
        IReadOnlyDictionary<Guid, Guid> existing = new Dictionary<Guid, Guid>();
        if (wanted.Length > 0)
        {
            await using var reads = unit.Batch();
            if (said.Count > 0) DuplicateGuard.Ask(reads, said);
            reads.Add($"SELECT {ProfileRow.Columns} FROM profiles WHERE id = ANY($1) AND user_id = ANY($2)", wanted, users);
            await using var rows = await reads.ReadAsync(ct);
            if (said.Count > 0)
            {
                await rows.NextResultAsync(ct);
                existing = await DuplicateGuard.ReadAsync(rows, ct);
                await rows.NextResultAsync(ct);
            }
            found = await ReadAsync(rows, ct);
        }
        var artifacts = await PlannedArtifacts.ReadAsync(unit.Db, users, asked.Select(a => a.Input.Content), ct);
        return ([.. asked.Select(a => Plan(a.Caller, a.Input, found, artifacts))], existing);
    }

    private static async Task<Dictionary<Guid, Profile>> ReadAsync(NpgsqlDataReader row, CancellationToken ct)
    {
        Dictionary<Guid, Profile> found = [];
        while (await row.ReadAsync(ct))
        {
            var profile = ProfileRow.Read(row);
            found[profile.Id] = profile;
        }
        return found;
    }

    private PostPlan Plan(
        Caller caller, PostInput asked, Dictionary<Guid, Profile> found, PlannedArtifacts artifacts)
    {
        List<Issue> faults = [], issues = [];
        var hasMedia = PostMedia.IsIn(asked.Content);
        var mine = Import(asked, hasMedia ? artifacts.Of(caller) : PlannedArtifacts.None, faults, out var input);
        var tools = hasMedia ? versions.Tools : MediaTools.None;
        Dictionary<Guid, IReadOnlyList<PlannedMedia>> media = [];
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
            {
                issues.AddRange(ContentRules.Check(provider, input.Content, profile.Id, profile.Facts, mine.Facts, tools));
                if (hasMedia && ContentRules.PlanMedia(provider, input.Content, profile.Id, profile.Facts, mine.Facts, tools)
                    is { Count: > 0 } planned) media[profile.Id] = planned;
            }
            else
                issues.Add(new Issue(at, Rule.Unsupported, "This instance cannot publish to that network.",
                    ProfileId: profile.Id, Provider: profile.Provider));
        }

        if (wanted.Count == 0)
            issues.Add(new Issue(PostInput.Pointers.Profiles, Rule.Required, "Name at least one profile."));
        if (profiles.Select(p => p.TestMode).Distinct().Count() > 1)
            faults.Add(new Issue(PostInput.Pointers.Profiles, Rule.Excluded,
                "Test profiles and live profiles do not share a post.", Fix: "Make two posts."));
        if (hasMedia)
        {
            foreach (var named in PostMedia.Of(input.Content).Where(m => m.Item.Url is null))
            {
                if (mine.Find(named.Item.ArtifactId) is null && !mine.IsComing(named.Item.ArtifactId))
                    faults.Add(new Issue(named.Pointer + "/artifactId", Rule.NotFound, "There is no such artifact."));
                else if (mine.Issue(named) is { } issue)
                    issues.Add(issue);
            }
        }
        issues.AddRange(Moments(input));
        if (profiles.Count == 0 && input.Content is { Body: null or "", Media.Count: 0 })
            issues.Add(new Issue(PostInput.Pointers.Body, Rule.Required, "A post needs a body or media."));
        return new PostPlan(input, profiles, faults, [.. issues.Where(i => i.Severity == Severity.Error)],
            [.. issues.Where(i => i.Severity == Severity.Warning)])
        {
            Artifacts = mine,
            Media = media,
        };
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

    // Files to be imported get the id of the artifact that will stand for them, each address once.
    private PlannedArtifacts Import(
        PostInput input, PlannedArtifacts mine, List<Issue> faults, out PostInput planned)
    {
        planned = input;
        if (!PostMedia.Of(input.Content).Any(m => m.Item.Url is not null)) return mine;
        var now = time.GetUtcNow();
        Dictionary<string, PlannedImport> byAddress = [];
        foreach (var (pointer, item) in PostMedia.Of(input.Content))
        {
            if (item.Url is not { } url || byAddress.ContainsKey(url)) continue;
            if (imports.Refusal(url) is { } refusal)
                faults.Add(new Issue(pointer + "/url", Rule.WrongFormat, refusal));
            else
                byAddress[url] = new PlannedImport(Ids.New(now), new Uri(url));
        }
        planned = input with
        {
            Content = PostMedia.Exchange(input.Content, item => item.Url is { } url && byAddress.TryGetValue(url, out var import)
                ? item with { ArtifactId = import.ArtifactId, Url = null }
                : item),
        };
        return mine.With(byAddress.Values);
    }
}
