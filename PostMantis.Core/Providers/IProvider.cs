using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers;

/// <summary>A social network: who it is, what it can do, and its rules as data. One per folder below this room.</summary>
public interface IProvider
{
    /// <summary>The contract's name, such as <c>bluesky</c>.</summary>
    string Id { get; }

    /// <summary>What people call it.</summary>
    string DisplayName { get; }

    /// <summary>Whether the operator has configured what this network needs (client id and so on).</summary>
    bool IsConfigured { get; }

    /// <summary>Rules that hold without an account; account-dependent ones narrow them.</summary>
    ProviderRules Rules { get; }

    /// <summary>JSON schema (2020-12) of <c>providerOptions.{Id}</c>.</summary>
    JsonObject OptionsSchema { get; }

    /// <summary>Checks options strictly: unknown members, types, ranges. Pointers are relative to the options object.</summary>
    IReadOnlyList<Issue> CheckOptions(JsonObject options);

    /// <summary>How many posts the network takes in how long; none unless it says so.</summary>
    IReadOnlyList<BudgetRule> BudgetRules => [];

    IConsent Consent { get; }

    IPublisher Publisher { get; }

    IReconciler Reconciler { get; }
}

/// <summary>How a network counts text.</summary>
public enum TextUnit
{
    Utf16,
    CodePoints,
    Graphemes,
    Weighted,
    Utf8Bytes,
}

/// <summary>What a network takes, read by the one rule engine behind validate, create, edit, the composer and publish.</summary>
/// <param name="MaxText">Longest body in <paramref name="Unit"/>.</param>
/// <param name="UrlCounts">What a URL counts as, or null for its own length.</param>
public sealed record ProviderRules(
    int MaxText,
    TextUnit Unit,
    int? UrlCounts,
    bool BodyRequired,
    int MaxMedia,
    bool Link,
    int MaxThreadParts,
    bool FirstComment,
    bool AltText)
{
    /// <summary>What each media file must be; null: nothing is asked beyond their number.</summary>
    public MediaRules? Media { get; init; }
}
