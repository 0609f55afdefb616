using System.Globalization;

namespace PostMantis.Web.Shared;

/// <summary>A day and time as a person writes it in a time zone, and the moment it is, where clocks allow that.</summary>
/// <param name="At">The moment; null while there is none, or it is not clear which.</param>
/// <param name="Problem">Why there is none, in words.</param>
/// <param name="Offsets">Both distances from UTC where the hour comes twice, the earlier moment first; otherwise empty.</param>
/// <param name="Note">What a change of clocks means for it; null: nothing to say.</param>
internal sealed record LocalMoment(
    DateTimeOffset? At, string? Problem, IReadOnlyList<TimeSpan> Offsets, string? Note = null)
{
    /// <summary>Of an hour that comes twice: the first time.</summary>
    public const string First = "first";

    /// <summary>Of an hour that comes twice: the second time.</summary>
    public const string Second = "second";

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss"];

    /// <summary>The zones to choose from.</summary>
    public static IReadOnlyList<string> Zones { get; } =
        [.. TimeZoneInfo.GetSystemTimeZones().Select(z => z.Id).Where(id => id.Contains('/', StringComparison.Ordinal)).Append("UTC")
            .Distinct().OrderBy(id => id == "UTC" ? "" : id, StringComparer.Ordinal)];

    /// <summary>Reads what <c>datetime-local</c> sends.</summary>
    /// <param name="fold">Which of the two, where the hour comes twice.</param>
    public static LocalMoment Read(string text, string zoneId, string fold, DateTimeOffset now)
    {
        if (!DateTime.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
            return new LocalMoment(null, "Choose a day and a time.", []);
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var zone))
            return new LocalMoment(null, "There is no such time zone.", []);
        var (before, after) = (zone.GetUtcOffset(local.AddDays(-1)), zone.GetUtcOffset(local.AddDays(1)));
        if (zone.IsInvalidTime(local))
            return new LocalMoment(null, string.Create(CultureInfo.InvariantCulture,
                $"There is no {local:HH:mm} on {local:d MMMM yyyy} in {zoneId}: clocks go forward and skip it. {local + (after - before):HH:mm} is there."), []);
        if (zone.IsAmbiguousTime(local))
        {
            // The earlier moment is the one further east of UTC.
            TimeSpan[] offsets = [.. zone.GetAmbiguousTimeOffsets(local).OrderDescending()];
            var which = fold switch { First => 0, Second => 1, _ => -1 };
            return which < 0
                ? new LocalMoment(null, string.Create(CultureInfo.InvariantCulture,
                    $"{local:HH:mm} comes twice on {local:d MMMM yyyy} in {zoneId}: clocks go back. Say which of the two."), offsets)
                : new LocalMoment(new DateTimeOffset(local, offsets[which]), null, offsets);
        }
        var at = new DateTimeOffset(local, zone.GetUtcOffset(local));
        var today = zone.GetUtcOffset(now);
        return new LocalMoment(at, null, [], at > now && today != at.Offset
            ? $"Clocks in {zoneId} change before then, from {Offset(today)} to {Offset(at.Offset)}. It stays {local.ToString("HH:mm", CultureInfo.InvariantCulture)} there."
            : null);
    }

    /// <summary>What <c>datetime-local</c> shows of a moment, and which of the two it is where the hour comes twice.</summary>
    public static (string Text, string Fold) Write(DateTimeOffset? at, string zoneId)
    {
        if (at is not { } moment) return ("", "");
        var zone = TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var found) ? found : TimeZoneInfo.Utc;
        var local = TimeZoneInfo.ConvertTime(moment, zone);
        var fold = !zone.IsAmbiguousTime(local.DateTime) ? ""
            : zone.GetAmbiguousTimeOffsets(local.DateTime).Max() == local.Offset ? First : Second;
        return (local.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture), fold);
    }

    /// <summary>Such as "Sun 29 Mar 2026, 03:30 (UTC+02:00)".</summary>
    public static string Words(DateTimeOffset at, string zoneId)
    {
        var zone = TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var found) ? found : TimeZoneInfo.Utc;
        var local = TimeZoneInfo.ConvertTime(at, zone);
        return string.Create(CultureInfo.InvariantCulture, $"{local:ddd d MMM yyyy, HH:mm} ({Offset(local.Offset)})");
    }

    /// <summary>Such as "14:05".</summary>
    public static string Clock(DateTimeOffset at, string zoneId) => TimeZoneInfo.ConvertTime(at,
        TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var zone) ? zone : TimeZoneInfo.Utc).ToString("HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Such as "UTC+02:00".</summary>
    public static string Offset(TimeSpan offset) => offset == TimeSpan.Zero
        ? "UTC"
        : $"UTC{(offset < TimeSpan.Zero ? "−" : "+")}{offset.ToString(@"hh\:mm", CultureInfo.InvariantCulture)}";
}
