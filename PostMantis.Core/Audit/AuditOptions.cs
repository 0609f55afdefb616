using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Audit;

/// <summary>When audit entries are linked into their user's chain, and how long they are kept.</summary>
public sealed class AuditOptions
{
    public const string Section = "Audit";

    /// <summary>How old entries are when they are sealed: longer than any transaction that writes some may take.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan SealAfter { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long entries are kept at least: whole months go. Absent: for good.</summary>
    [Range(typeof(TimeSpan), "31.00:00:00", "36500.00:00:00")]
    public TimeSpan? KeepFor { get; set; }

    /// <summary>How often it is looked for entries to seal.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan SealEvery { get; set; } = TimeSpan.FromMinutes(5);
}
