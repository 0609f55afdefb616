using PostMantis.Core.Access;

namespace PostMantis.Core.Deliveries;

/// <summary>The hours, UTC, in which what a key asked for waits.</summary>
internal static class QuietHours
{
    public const string Reason = "quietHours";

    /// <summary>The end of the quiet hours that <paramref name="moment"/> falls into; null outside them.</summary>
    public static DateTimeOffset? EndAfter(KeyRules rules, DateTimeOffset moment)
    {
        if (rules is not { QuietFrom: { } from, QuietUntil: { } until } || from == until) return null;
        var at = TimeOnly.FromTimeSpan(moment.UtcDateTime.TimeOfDay);
        if (!at.IsBetween(from, until)) return null;
        var end = new DateTimeOffset(moment.UtcDateTime.Date + until.ToTimeSpan(), TimeSpan.Zero);
        return end > moment ? end : end.AddDays(1);
    }
}
