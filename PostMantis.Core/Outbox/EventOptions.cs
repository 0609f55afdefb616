using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Outbox;

/// <summary>How events are kept.</summary>
public sealed class EventOptions
{
    public const string Section = "Events";

    /// <summary>How long an event can be read; older ones are erased, and cursors before them have expired.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>
    /// How many events one page looks through, a fifth of it for a key that is limited to some profiles: a filter that finds
    /// next to nothing costs many short pages, never a walk through everything.
    /// </summary>
    [Range(100, 10_000_000)]
    public int MostLookedThrough { get; set; } = 100_000;
}
