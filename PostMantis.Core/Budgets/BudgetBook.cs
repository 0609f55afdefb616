using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Budgets;

/// <summary>
/// The rules in force, and which windows networks said are exhausted as far as this process heard: in memory, so that a
/// claim without budgets asks the database nothing.
/// </summary>
public sealed class BudgetBook
{
    /// <summary>How long what other replicas learned may stay unheard.</summary>
    internal static readonly TimeSpan Stale = TimeSpan.FromSeconds(5);

    private readonly FrozenDictionary<string, IReadOnlyList<BudgetRule>> _rules;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private Dictionary<(string Provider, Guid SubjectId), DateTimeOffset> _exhausted = [];
    private long? _heard;

    public BudgetBook(ProviderCatalog catalog, IOptions<BudgetOptions> options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(options);
        _time = time;
        _rules = catalog.All.ToFrozenDictionary(provider => provider.Id,
            IReadOnlyList<BudgetRule> (provider) => Merge(provider.BudgetRules, options.Value.GetValueOrDefault(provider.Id)));
    }

    /// <summary>The rules of a network; most have none.</summary>
    public IReadOnlyList<BudgetRule> RulesOf(string provider) => _rules.GetValueOrDefault(provider, []);

    /// <summary>Until when nothing may be sent for what the network said; null: nothing is known to forbid it.</summary>
    internal DateTimeOffset? ExhaustedUntil(string provider, Guid profileId, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (_exhausted.Count == 0) return null;
            var (own, app) = (_exhausted.GetValueOrDefault((provider, profileId)),
                _exhausted.GetValueOrDefault((provider, Guid.Empty)));
            var until = own > app ? own : app;

            // Nobody asks for longer than the longest window: a clock that was far ahead must not block for ever.
            return until > now && until <= now + BudgetOptionsAtStart.Longest ? until : null;
        }
    }

    /// <summary>Whether it is time to ask the database what other replicas learned.</summary>
    internal bool IsStale
    {
        get
        {
            lock (_gate) return _heard is not { } heard || _time.GetElapsedTime(heard) >= Stale;
        }
    }

    /// <summary>Everything the database knows to be exhausted.</summary>
    internal void Hear(IEnumerable<(string Provider, Guid SubjectId, DateTimeOffset Until)> exhausted)
    {
        var heard = exhausted.ToDictionary(e => (e.Provider, e.SubjectId), e => e.Until);
        lock (_gate) (_exhausted, _heard) = (heard, _time.GetTimestamp());
    }

    /// <summary>One window as a network just said it is.</summary>
    internal void Hear(string provider, Guid subjectId, LearnedBudget learned)
    {
        lock (_gate)
        {
            if (learned.Left > 0) _exhausted.Remove((provider, subjectId));
            else _exhausted[(provider, subjectId)] = learned.ResetsAt;
        }
    }

    private static List<BudgetRule> Merge(
        IReadOnlyList<BudgetRule> own, Dictionary<string, BudgetRuleOptions>? changes)
    {
        var rules = own.ToDictionary(rule => rule.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, change) in changes ?? [])
        {
            var rule = rules.GetValueOrDefault(name)
                ?? new BudgetRule(name, BudgetScope.Profile, 0, BudgetOptionsAtStart.Shortest, BudgetKind.Rolling);
            rules[name] = rule with
            {
                Scope = change.Scope ?? rule.Scope,
                Limit = change.Limit ?? rule.Limit,
                Window = change.Window ?? rule.Window,
                Kind = change.Kind ?? rule.Kind,
            };
        }
        return [.. rules.Values.Where(rule => rule.Limit > 0).OrderBy(rule => rule.Name, StringComparer.Ordinal)];
    }
}
