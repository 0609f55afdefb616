using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Privacy;

/// <summary>How an account ends.</summary>
public sealed class PrivacyOptions
{
    public const string Section = "Privacy";

    /// <summary>How long a person may take back that everything of theirs is erased.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "90.00:00:00")]
    public TimeSpan EraseAfter { get; set; } = TimeSpan.FromDays(7);
}
