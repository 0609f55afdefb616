using Microsoft.Extensions.Options;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Budgets;

/// <summary>
/// The operator's word on budgets (<c>Budgets:&lt;provider&gt;:&lt;rule&gt;</c>): it changes a network's rule of that
/// name, or adds one.
/// </summary>
public sealed class BudgetOptions : Dictionary<string, Dictionary<string, BudgetRuleOptions>>
{
    public const string Section = "Budgets";

    public BudgetOptions()
        : base(StringComparer.OrdinalIgnoreCase)
    {
    }
}

/// <summary>One rule; what is absent stays as the network has it.</summary>
public sealed class BudgetRuleOptions
{
    /// <summary>Posts; 0 switches the rule off.</summary>
    public int? Limit { get; set; }

    /// <summary>From 1 second to 31 days, in whole milliseconds.</summary>
    public TimeSpan? Window { get; set; }

    public BudgetKind? Kind { get; set; }

    public BudgetScope? Scope { get; set; }
}

/// <summary>Refuses to start with budgets that cannot be meant.</summary>
internal sealed class BudgetOptionsAtStart(ProviderCatalog catalog) : IValidateOptions<BudgetOptions>
{
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan Longest = TimeSpan.FromDays(31);
    private const int Most = 1_000_000;

    public ValidateOptionsResult Validate(string? name, BudgetOptions options)
    {
        List<string> failures = [];
        foreach (var (providerId, rules) in options)
        {
            if (!catalog.TryGet(providerId, out var provider))
            {
                failures.Add($"{BudgetOptions.Section}:{providerId}: there is no such network.");
                continue;
            }
            foreach (var (ruleName, rule) in rules)
            {
                var at = $"{BudgetOptions.Section}:{providerId}:{ruleName}";
                if (rule.Limit is < 0 or > Most) failures.Add($"{at}:Limit must be from 0 to {Most}.");
                if (rule.Window is { } window && (window < Shortest || window > Longest
                        || window.Ticks % TimeSpan.TicksPerMillisecond != 0))
                    failures.Add($"{at}:Window must be from 1 second to 31 days, in whole milliseconds.");
                if (ruleName.Length > BudgetWindow.MostNameLength) failures.Add($"{at}: the name is too long.");
                var isNew = !provider.BudgetRules.Any(r => string.Equals(r.Name, ruleName, StringComparison.OrdinalIgnoreCase));
                if (isNew && rule.Limit != 0 && (rule.Limit is null || rule.Window is null))
                    failures.Add($"{at}: a new rule needs Limit and Window.");
            }
        }
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
