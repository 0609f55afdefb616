using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Budgets;

/// <summary>One delivery that asks for room in every budget it falls under.</summary>
public sealed record BudgetAsk(Guid DeliveryId, Guid ProfileId, string Provider);

/// <summary>No room: which budget has none, and when it will have some if nobody else uses it.</summary>
/// <param name="Rule">The rule's name; <see cref="Budgets.Learned"/> when the network itself said so.</param>
/// <param name="NextFreeAt">The first moment at which every budget of the delivery has room.</param>
public sealed record BudgetRefusal(string Rule, DateTimeOffset NextFreeAt);

/// <summary>A reservation that is given back.</summary>
public sealed record BudgetReturn(Guid ProfileId, string Provider, DateTimeOffset ReservedAt);

/// <summary>What an adapter read about a profile's budget.</summary>
public sealed record BudgetNews(Guid ProfileId, string Provider, LearnedBudget Learned);

/// <summary>Where one budget stands.</summary>
/// <param name="Used">Uses that count now.</param>
/// <param name="ResetsAt">When all of it has come back; null when nothing is used.</param>
/// <param name="NextFreeAt">When there is room; null while there is some now.</param>
public sealed record BudgetState(BudgetRule Rule, int Used, int Left, DateTimeOffset? ResetsAt, DateTimeOffset? NextFreeAt);

/// <summary>
/// Budgets that all replicas share: reserved before a network is called, in the transaction of the claim, given back when
/// an attempt proved that nothing was sent. Rows are locked in the order of their key. Every method joins the transaction
/// that is open.
/// </summary>
public sealed class Budgets(UnitOfWork unit, BudgetBook book)
{
    /// <summary>Names the refusal of what the network itself said.</summary>
    public const string Learned = "network";

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>
    /// Reserves one use in every budget of each delivery, or in none of them; the first ask goes first. Without rules and
    /// news it asks the database nothing.
    /// </summary>
    /// <returns>The deliveries there is no room for.</returns>
    public async Task<IReadOnlyDictionary<Guid, BudgetRefusal>> ReserveAsync(
        IReadOnlyCollection<BudgetAsk> asks, DateTimeOffset now, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(asks);
        var refused = new Dictionary<Guid, BudgetRefusal>();
        if (asks.Count == 0) return refused;
        if (book.IsStale) await HearAsync(now, ct);
        foreach (var ask in asks)
        {
            if (book.ExhaustedUntil(ask.Provider, ask.ProfileId, now) is { } until)
                refused[ask.DeliveryId] = new BudgetRefusal(Learned, until);
        }
        var ruled = asks.Where(ask => book.RulesOf(ask.Provider).Count > 0).ToList();
        if (ruled.Count == 0) return refused;

        var uses = await LockAsync(ruled.SelectMany(ask => KeysOf(ask.Provider, ask.ProfileId)), ct);
        foreach (var use in uses.Values) use.Tidy(now);
        foreach (var ask in ruled)
        {
            var own = KeysOf(ask.Provider, ask.ProfileId).Select(key => (key.Rule.Name, Use: uses[key.Id])).ToList();
            var full = own.Where(one => one.Use.LeftAt(now) == 0)
                .Select(one => new BudgetRefusal(one.Name, one.Use.NextFreeAt(now))).MaxBy(refusal => refusal.NextFreeAt);
            if (full is not null)
            {
                if (!(refused.GetValueOrDefault(ask.DeliveryId)?.NextFreeAt >= full.NextFreeAt)) refused[ask.DeliveryId] = full;
            }
            else if (!refused.ContainsKey(ask.DeliveryId))
            {
                foreach (var (_, use) in own) use.TryReserve(now);
            }
        }
        await WriteAsync(uses, ct);
        return refused;
    }

    /// <summary>Gives reservations back, as far as they are still known.</summary>
    public async Task ReleaseAsync(IReadOnlyCollection<BudgetReturn> returns, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(returns);
        var ruled = returns.Where(r => book.RulesOf(r.Provider).Count > 0).ToList();
        if (ruled.Count == 0) return;
        var uses = await LockAsync(ruled.SelectMany(r => KeysOf(r.Provider, r.ProfileId)), ct);
        foreach (var one in ruled)
            foreach (var key in KeysOf(one.Provider, one.ProfileId)) uses[key.Id].Release(one.ReservedAt);
        await WriteAsync(uses, ct);
    }

    /// <summary>Keeps what networks said is left; an exhausted window keeps every replica from calling until it ends.</summary>
    public async Task LearnAsync(IReadOnlyCollection<BudgetNews> news, DateTimeOffset now, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(news);
        if (news.Count == 0) return;

        // Of several answers about one window the least that was left: answers overtake one another.
        var windows = news.GroupBy(n => (n.Provider, SubjectId: SubjectOf(n.Learned.Scope, n.ProfileId)))
            .Select(group => (group.Key, group.MinBy(n => n.Learned.Left)!.Learned))
            .OrderBy(w => w.Key.Provider, StringComparer.Ordinal).ThenBy(w => w.Key.SubjectId).ToList();
        var (providers, subjects) = (windows.Select(w => w.Key.Provider).ToArray(),
            windows.Select(w => w.Key.SubjectId).ToArray());
        var latest = now + BudgetOptionsAtStart.Longest;
        var left = windows.Select(w => w.Learned.Left).ToArray();
        var resets = windows.Select(w => w.Learned.ResetsAt < latest ? w.Learned.ResetsAt : latest).ToArray();
        await _db.Database.ExecuteSqlAsync($"""
            INSERT INTO learned_windows AS w (provider, subject_id, "left", resets_at, learned_at)
            SELECT provider, subject_id, "left", resets_at, {now}
            FROM unnest({providers}, {subjects}, {left}, {resets}) AS n(provider, subject_id, "left", resets_at)
            ORDER BY provider, subject_id
            ON CONFLICT (provider, subject_id) DO UPDATE SET "left" = excluded."left", resets_at = excluded.resets_at,
                learned_at = excluded.learned_at
            """, ct);
        unit.AfterCommit(() =>
        {
            foreach (var (key, learned) in windows) book.Hear(key.Provider, key.SubjectId, learned);
        });
    }

    /// <summary>Where every budget of a profile stands; the tightest first.</summary>
    public async Task<IReadOnlyList<BudgetState>> ReadAsync(
        string provider, Guid profileId, DateTimeOffset now, CancellationToken ct)
    {
        var rules = book.RulesOf(provider);
        List<BudgetState> states = [];
        if (rules.Count > 0)
        {
            Guid[] subjects = [profileId, Guid.Empty];
            var rows = await _db.BudgetWindows.AsNoTracking()
                .Where(w => w.Provider == provider && subjects.Contains(w.SubjectId)).ToListAsync(ct);
            foreach (var rule in rules)
            {
                var subject = SubjectOf(rule.Scope, profileId);
                var use = new BudgetUse(rule, rows.Find(w => w.Rule == rule.Name && w.SubjectId == subject)?.Slots ?? "");
                var left = use.LeftAt(now);
                states.Add(new BudgetState(rule, use.UsedAt(now), left, use.ResetsAt(now),
                    left > 0 ? null : use.NextFreeAt(now)));
            }
        }
        return [.. states.OrderBy(s => s.Left).ThenByDescending(s => s.NextFreeAt)];
    }

    /// <summary>What the network last said about a profile, if that still holds.</summary>
    public Task<LearnedWindow?> ReadLearnedAsync(string provider, Guid profileId, DateTimeOffset now, CancellationToken ct) =>
        _db.LearnedWindows.AsNoTracking()
            .Where(w => w.Provider == provider && (w.SubjectId == profileId || w.SubjectId == Guid.Empty) && w.ResetsAt > now)
            .OrderBy(w => w.Left).ThenByDescending(w => w.ResetsAt).FirstOrDefaultAsync(ct);

    /// <summary>What is used of each of some budgets, in their order: for asking about other moments.</summary>
    internal async Task<IReadOnlyList<BudgetUse>> UsesAsync(
        IReadOnlyList<(string Provider, Guid ProfileId, BudgetRule Rule)> asked, CancellationToken ct)
    {
        var (providers, subjects) = (asked.Select(a => a.Provider).Distinct().ToArray(),
            asked.Select(a => SubjectOf(a.Rule.Scope, a.ProfileId)).Distinct().ToArray());
        var rows = await _db.BudgetWindows.AsNoTracking()
            .Where(w => providers.Contains(w.Provider) && subjects.Contains(w.SubjectId))
            .ToDictionaryAsync(w => new WindowId(w.Provider, w.Rule, w.SubjectId), ct);
        return [.. asked.Select(a => new BudgetUse(a.Rule, rows.GetValueOrDefault(
            new WindowId(a.Provider, a.Rule.Name, SubjectOf(a.Rule.Scope, a.ProfileId)))?.Slots ?? ""))];
    }

    private async Task HearAsync(DateTimeOffset now, CancellationToken ct) => book.Hear(
        (await _db.LearnedWindows.AsNoTracking().Where(w => w.Left == 0 && w.ResetsAt > now).ToListAsync(ct))
        .Select(w => (w.Provider, w.SubjectId, w.ResetsAt)));

    // One statement that makes what is missing, locks in the order of the key, and reads what was committed before us.
    private async Task<Dictionary<WindowId, BudgetUse>> LockAsync(
        IEnumerable<(WindowId Id, BudgetRule Rule)> keys, CancellationToken ct)
    {
        var wanted = keys.DistinctBy(key => key.Id).ToDictionary(key => key.Id, key => key.Rule);
        var (providers, rules, subjects) = (wanted.Keys.Select(k => k.Provider).ToArray(),
            wanted.Keys.Select(k => k.Rule).ToArray(), wanted.Keys.Select(k => k.SubjectId).ToArray());
        var rows = await _db.Database.SqlQuery<WindowRow>($"""
            INSERT INTO budget_windows AS w (provider, rule, subject_id, slots)
            SELECT provider, rule, subject_id, '' FROM unnest({providers}, {rules}, {subjects}) AS n(provider, rule, subject_id)
            ORDER BY provider, rule, subject_id
            ON CONFLICT (provider, rule, subject_id) DO UPDATE SET slots = w.slots
            RETURNING w.provider, w.rule, w.subject_id, w.slots
            """).ToListAsync(ct);
        return rows.ToDictionary(row => row.Id, row => new BudgetUse(wanted[row.Id], row.Slots));
    }

    private Task<int> WriteAsync(Dictionary<WindowId, BudgetUse> uses, CancellationToken ct)
    {
        var (providers, rules, subjects, slots) = (uses.Keys.Select(k => k.Provider).ToArray(),
            uses.Keys.Select(k => k.Rule).ToArray(), uses.Keys.Select(k => k.SubjectId).ToArray(),
            uses.Values.Select(use => use.ToString()).ToArray());
        return _db.Database.ExecuteSqlAsync($"""
            UPDATE budget_windows w SET slots = n.slots
            FROM unnest({providers}, {rules}, {subjects}, {slots}) AS n(provider, rule, subject_id, slots)
            WHERE w.provider = n.provider AND w.rule = n.rule AND w.subject_id = n.subject_id
            """, ct);
    }

    private IEnumerable<(WindowId Id, BudgetRule Rule)> KeysOf(string provider, Guid profileId) =>
        book.RulesOf(provider).Select(rule => (new WindowId(provider, rule.Name, SubjectOf(rule.Scope, profileId)), rule));

    private static Guid SubjectOf(BudgetScope scope, Guid profileId) => scope == BudgetScope.App ? Guid.Empty : profileId;

    private readonly record struct WindowId(string Provider, string Rule, Guid SubjectId);

    private sealed record WindowRow
    {
        public string Provider { get; init; } = "";
        public string Rule { get; init; } = "";
        public Guid SubjectId { get; init; }
        public string Slots { get; init; } = "";

        public WindowId Id => new(Provider, Rule, SubjectId);
    }
}
