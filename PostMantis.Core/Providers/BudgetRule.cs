namespace PostMantis.Core.Providers;

/// <summary>Who shares a budget.</summary>
public enum BudgetScope
{
    /// <summary>Each profile has its own.</summary>
    Profile,

    /// <summary>Everything this instance publishes to the network: the quota of its app there.</summary>
    App,
}

/// <summary>How a budget's window moves.</summary>
public enum BudgetKind
{
    /// <summary>Windows follow one another, aligned to the Unix epoch in UTC: a window of a day starts at midnight UTC.</summary>
    Fixed,

    /// <summary>Any stretch of the window's length.</summary>
    Rolling,
}

/// <summary>How many posts a network takes in how long, as data: such as 100 in any 24 hours for each profile.</summary>
/// <param name="Name">Unique within the provider; camelCase.</param>
/// <param name="Limit">Posts; from 1.</param>
/// <param name="Window">From 1 second to 31 days, in whole milliseconds.</param>
public sealed record BudgetRule(string Name, BudgetScope Scope, int Limit, TimeSpan Window, BudgetKind Kind);

/// <summary>What a network said is left until a moment, as its adapter read it from an answer.</summary>
/// <param name="Left">Posts; 0: nothing more is sent before <paramref name="ResetsAt"/>.</param>
/// <param name="Scope">Whose budget it is.</param>
public sealed record LearnedBudget(int Left, DateTimeOffset ResetsAt, BudgetScope Scope = BudgetScope.Profile);
