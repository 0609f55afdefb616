using System.Text.Json.Serialization;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>What a post would come to, without making it (contract §3, POST /posts/validate).</summary>
/// <param name="Valid">Nothing would refuse it.</param>
/// <param name="Issues">What belongs to no profile in <paramref name="Profiles"/>.</param>
/// <param name="Profiles">In the request's order; empty when the request itself cannot be read.</param>
public sealed record PostCheck(
    string Object, bool Valid, IReadOnlyList<Issue> Issues, IReadOnlyList<ProfileCheck> Profiles)
{
    public const string Kind = "validation";

    /// <summary>The answer to a request that cannot be read.</summary>
    public static PostCheck Unreadable(IEnumerable<Issue> issues) =>
        new(Kind, false, [.. issues.Take(ProblemException.MostIssues)], []);
}

/// <summary>What one profile would be sent, and what speaks against it.</summary>
/// <param name="ScheduledAt">Its moment; null: now.</param>
/// <param name="Content">Exactly what would be sent.</param>
/// <param name="Media">The post's own in their order, then those of its parts.</param>
/// <param name="Budget">The tightest budget at its moment; null when nothing limits how much is published.</param>
public sealed record ProfileCheck(
    Guid ProfileId,
    string ProfileName,
    string Provider,
    bool Valid,
    DateTimeOffset? ScheduledAt,
    IReadOnlyList<Issue> Issues,
    DeliveryContent Content,
    TextCheck? Text,
    IReadOnlyList<MediaCheck> Media,
    BudgetCheck? Budget)
{
    /// <summary>Every budget that holds it back or is near to it, the tightest first: for people.</summary>
    [JsonIgnore]
    public IReadOnlyList<BudgetCheck> Near { get; init; } = [];
}

/// <summary>How long the body is, counted as the network does.</summary>
public sealed record TextCheck(int Count, int Limit, TextUnit Unit);

/// <summary>What would become of one file.</summary>
/// <param name="Pointer">Where the file is named in the create shape.</param>
/// <param name="Plan">Null while the file's facts are not known: it is, or will be, imported.</param>
/// <param name="ConvertTo">Set for <see cref="MediaVerdict.Convert"/> alone.</param>
public sealed record MediaCheck(string Pointer, Guid ArtifactId, MediaVerdict? Plan, MediaTarget? ConvertTo);

/// <summary>What a file would be converted to.</summary>
/// <param name="Width">Null: as it is. The same for the height.</param>
/// <param name="MaxBytes">Null: no limit.</param>
public sealed record MediaTarget(string MimeType, int? Width, int? Height, long? MaxBytes)
{
    public static MediaTarget? Of(MediaRecipe? recipe) => recipe is null
        ? null
        : new MediaTarget(recipe.MimeType, recipe.PadWidth ?? recipe.Width, recipe.PadHeight ?? recipe.Height, recipe.MaxBytes);
}

/// <summary>What a budget will hold at the moment of a delivery, as far as is known now.</summary>
/// <param name="Rule">The rule's name; <c>network</c> for what the network last said is left.</param>
/// <param name="Taken">Used and planned by then.</param>
/// <param name="NextFreeAt">When there is room again; null while there is some.</param>
public sealed record BudgetCheck(
    string Rule, DateTimeOffset At, int? Limit, int? Taken, int Left, DateTimeOffset? NextFreeAt)
{
    // The last fifth.
    private const int NearShare = 5;

    /// <summary>Whether nothing is left of it, or little.</summary>
    internal bool IsNear => Limit is not { } limit || Left * NearShare <= limit;

    internal static BudgetCheck Of(BudgetOutlook outlook) =>
        new(outlook.Rule, outlook.Moment, outlook.Limit, outlook.Taken, outlook.Left, outlook.FreeAt);
}
