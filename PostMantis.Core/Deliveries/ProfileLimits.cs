using System.Text.Json.Nodes;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>What one profile takes now (contract §3).</summary>
/// <param name="Choices">What the account itself offers for options, by option; empty where nothing depends on it.</param>
/// <param name="Budget">Null when nothing limits how much is published.</param>
public sealed record ProfileLimits(
    string Object,
    Guid ProfileId,
    string Provider,
    TextLimits Text,
    MediaLimits Media,
    ProviderFeatures Features,
    JsonObject OptionsSchema,
    JsonObject Choices,
    ProfileBudget? Budget,
    DateTimeOffset CheckedAt)
{
    public const string Kind = "limits";
}

/// <summary>How much more may be published: the tightest of the profile's budgets, and each of them.</summary>
/// <param name="Used">Null when only the network said what is left.</param>
/// <param name="ResetsAt">When all of it has come back; null when nothing is used.</param>
/// <param name="NextFreeAt">When there is room again; null while there is some.</param>
public sealed record ProfileBudget(
    int? Used, int Left, DateTimeOffset? ResetsAt, DateTimeOffset? NextFreeAt, IReadOnlyList<BudgetForecastResource> Rules);

/// <summary>One budget of a profile.</summary>
/// <param name="Name">The rule's name; <c>network</c> for what the network last said is left.</param>
/// <param name="Scheduled">Deliveries of this profile that are due within a window from now.</param>
public sealed record BudgetForecastResource(
    string Name,
    BudgetScope Scope,
    BudgetKind? Kind,
    int? Limit,
    double? WindowSeconds,
    int? Used,
    int Left,
    int? Scheduled,
    DateTimeOffset? ResetsAt,
    DateTimeOffset? NextFreeAt);
