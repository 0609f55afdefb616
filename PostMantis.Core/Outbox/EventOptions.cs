using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Outbox;

/// <summary>How events are kept.</summary>
public sealed class EventOptions
{
    public const string Section = "Events";

    /// <summary>How long an event can be read; older ones are erased, and cursors before them have expired.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(30);
}
