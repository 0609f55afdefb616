using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Budgets;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Says what budgets will hold: what is used, and what is planned. A budget of the whole app is forecast by its use alone,
/// because what other people plan is not told.
/// </summary>
public sealed class BudgetForecast(PostMantisDb db, Budgets.Budgets budgets, BudgetBook book, ProviderCatalog catalog,
    AccountLimitsReader accounts, TimeProvider time)
{
    /// <summary>What a profile takes now.</summary>
    /// <exception cref="ProblemException">notFound: absent, out of scope, or of a network this build does not know.</exception>
    public async Task<ProfileLimits> ReadAsync(Caller caller, Guid profileId, CancellationToken ct)
    {
        var profile = await db.Profiles.InScope(caller).AsNoTracking().SingleOrDefaultAsync(p => p.Id == profileId, ct);
        if (profile is null || !catalog.TryGet(profile.Provider, out var provider)) throw ProblemException.NotFound("profile");
        var now = time.GetUtcNow();
        var (facts, checkedAt) = await accounts.ReadAsync(profile, provider, ct);
        var rules = provider.RulesOf(facts);
        return new ProfileLimits(ProfileLimits.Kind, profile.Id, provider.Id, TextLimits.Of(rules),
            MediaLimits.Of(rules), ProviderFeatures.Of(rules), provider.OptionsSchema, provider.ChoicesOf(facts),
            await BudgetAsync(profile, now, ct), checkedAt ?? profile.UpdatedAt);
    }

    /// <summary>
    /// A warning for each delivery whose moment falls into a window that will be full, as far as is known now. Without
    /// rules it asks the database nothing.
    /// </summary>
    /// <param name="deliveries">Those of one post or of several.</param>
    /// <returns>The warnings by post id.</returns>
    internal async Task<ILookup<Guid, Issue>> WarnAsync(
        IReadOnlyCollection<Delivery> deliveries, DateTimeOffset now, CancellationToken ct) =>
        (await LookAsync(deliveries, now, ct)).Where(o => o.Left == 0).ToLookup(o => o.Delivery.PostId, Warning);

    /// <summary>What each budget of each delivery will hold at its moment, as far as is known now.</summary>
    internal async Task<IReadOnlyList<BudgetOutlook>> LookAsync(
        IReadOnlyCollection<Delivery> deliveries, DateTimeOffset now, CancellationToken ct)
    {
        List<(Delivery Delivery, DateTimeOffset Moment, BudgetRule Rule)> asked = [];
        List<BudgetOutlook> outlooks = [];
        foreach (var delivery in deliveries)
        {
            var moment = delivery.ScheduledAt is { } at && at > now ? at : now;
            if (book.ExhaustedUntil(delivery.Provider, delivery.ProfileId, now) is { } until && moment < until)
                outlooks.Add(new BudgetOutlook(delivery, Budgets.Budgets.Learned, moment, null, null, until));
            asked.AddRange(book.RulesOf(delivery.Provider).Select(rule => (delivery, moment, rule)));
        }
        if (asked.Count == 0) return outlooks;

        var planned = await PlannedAsync([.. asked.Select(a => (a.Delivery.ProfileId, From(a.Rule, a.Moment), a.Moment,
            a.Rule.Scope == BudgetScope.Profile ? a.Rule.Limit : 0, a.Delivery.PostId))], now, ct);
        var uses = await budgets.UsesAsync([.. asked.Select(a => (a.Delivery.Provider, a.Delivery.ProfileId, a.Rule))], ct);
        for (var i = 0; i < asked.Count; i++)
        {
            var (delivery, moment, rule) = asked[i];
            var taken = uses[i].UsedAt(moment) + planned[i];
            outlooks.Add(new BudgetOutlook(delivery, rule.Name, moment, rule.Limit, taken,
                taken < rule.Limit ? null : uses[i].NextFreeAt(moment, planned[i])));
        }
        return outlooks;
    }

    /// <summary>Says that a delivery is expected to wait.</summary>
    internal static Issue Warning(BudgetOutlook outlook)
    {
        var (delivery, what) = (outlook.Delivery, outlook.Limit is null
            ? "The network takes no more for now"
            : $"The budget {outlook.Rule} is used up at that moment");
        return new Issue($"{PostInput.Pointers.Profiles}/{delivery.Position.ToString(CultureInfo.InvariantCulture)}",
            Rule.TooMany, $"{what}: it is expected to wait until {UtcMillisecondsConverter.Format(outlook.FreeAt!.Value)}.",
            Severity.Warning, "Choose a later moment, or let it wait.", outlook.Limit, outlook.Taken, "posts",
            delivery.ProfileId, delivery.Provider);
    }

    private async Task<ProfileBudget?> BudgetAsync(Profile profile, DateTimeOffset now, CancellationToken ct)
    {
        var states = await budgets.ReadAsync(profile.Provider, profile.Id, now, ct);
        var planned = await PlannedAsync([.. states.Select(s =>
            (profile.Id, DateTimeOffset.UnixEpoch, now + s.Rule.Window, int.MaxValue, Guid.Empty))], now, ct);
        List<BudgetForecastResource> rules = [.. states.Select((s, i) => new BudgetForecastResource(s.Rule.Name,
            s.Rule.Scope, s.Rule.Kind, s.Rule.Limit, s.Rule.Window.TotalSeconds, s.Used, s.Left, planned[i], s.ResetsAt,
            s.NextFreeAt))];
        if (await budgets.ReadLearnedAsync(profile.Provider, profile.Id, now, ct) is { } learned)
        {
            rules.Add(new BudgetForecastResource(Budgets.Budgets.Learned,
                learned.SubjectId == profile.Id ? BudgetScope.Profile : BudgetScope.App, null, null, null, null,
                learned.Left, null, learned.ResetsAt, learned.Left > 0 ? null : learned.ResetsAt));
        }
        if (rules.Count == 0) return null;
        var tightest = rules.OrderBy(r => r.Left).ThenByDescending(r => r.NextFreeAt).First();
        return new ProfileBudget(tightest.Used, tightest.Left, tightest.ResetsAt, rules.Max(r => r.NextFreeAt), rules);
    }

    private static DateTimeOffset From(BudgetRule rule, DateTimeOffset moment) => rule.Kind == BudgetKind.Rolling
        ? moment - rule.Window
        : new BudgetUse(rule).ResetsAt(moment)!.Value - rule.Window - TimeSpan.FromMilliseconds(1);

    // Deliveries that nobody has begun and that will be due after From and not after To, counted no further than Most.
    private async Task<IReadOnlyList<int>> PlannedAsync(
        IReadOnlyList<(Guid ProfileId, DateTimeOffset From, DateTimeOffset To, int Most, Guid ExceptPost)> spans,
        DateTimeOffset now, CancellationToken ct)
    {
        if (spans.Count == 0) return [];
        var (profiles, most) = (spans.Select(s => s.ProfileId).ToArray(), spans.Select(s => s.Most).ToArray());
        var (from, to) = (spans.Select(s => s.From).ToArray(), spans.Select(s => s.To).ToArray());
        var except = spans.Select(s => s.ExceptPost).ToArray();
        return await db.Database.SqlQuery<int>($"""
            SELECT (SELECT count(*)::int FROM (
                SELECT 1 FROM deliveries d
                WHERE d.profile_id = s.profile_id AND d.status = 'pending' AND d.post_id <> s.except_post
                    AND d.scheduled_at <= s.until AND d.phase IN ('waiting', 'deferred', 'retrying')
                    AND greatest(coalesce(d.next_attempt_at, d.scheduled_at), {now}) > s.since
                    AND greatest(coalesce(d.next_attempt_at, d.scheduled_at), {now}) <= s.until
                    AND EXISTS (SELECT 1 FROM posts p WHERE p.id = d.post_id AND p.status IN ('scheduled', 'publishing'))
                LIMIT s.most) planned) AS "Value"
            FROM unnest({profiles}, {from}, {to}, {most}, {except}) WITH ORDINALITY
                AS s(profile_id, since, until, most, except_post, n)
            ORDER BY s.n
            """).ToListAsync(ct);
    }
}

/// <summary>One budget at the moment of one delivery.</summary>
/// <param name="Rule">The rule's name; <c>network</c> for what the network last said is left.</param>
/// <param name="Limit">Null when only the network said that nothing is left.</param>
/// <param name="Taken">Used and planned by then.</param>
/// <param name="FreeAt">When there is room again; null while there is some.</param>
internal sealed record BudgetOutlook(
    Delivery Delivery, string Rule, DateTimeOffset Moment, int? Limit, int? Taken, DateTimeOffset? FreeAt)
{
    public int Left => Math.Max(0, (Limit - Taken) ?? 0);
}
