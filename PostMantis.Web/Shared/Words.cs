using System.Globalization;

namespace PostMantis.Web.Shared;

/// <summary>Numbers and lengths of time in words.</summary>
public static class Words
{
    public static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Such as "1 profile" and "3 profiles".</summary>
    public static string Count(int number, string one) => Count(number, one, $"{one}s");

    /// <summary>As above, of a word with a plural of its own.</summary>
    public static string Count(int number, string one, string many) => number == 1 ? $"1 {one}" : $"{Number(number)} {many}";

    /// <summary>Such as "480 ms", "2.4 s", "3 min" and "5 h".</summary>
    public static string Span(TimeSpan span) => Math.Abs(span.TotalSeconds) switch
    {
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms"),
        < 60 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s"),
        < 3600 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMinutes:0} min"),
        < 172_800 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0} h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{span.TotalDays:0} days"),
    };

    /// <summary>A body cut to one or two lines, behind a word where one ends near.</summary>
    public static string Excerpt(string? body, int length = 140)
    {
        if (string.IsNullOrWhiteSpace(body)) return "(no text)";
        var line = string.Join(' ', body.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= length) return line;
        var cut = line.LastIndexOf(' ', length);

        // A long word, an address or a script without spaces is cut within.
        if (cut < length * 2 / 3) cut = char.IsHighSurrogate(line[length - 1]) ? length - 1 : length;
        return $"{line[..cut].TrimEnd(' ', ',', ';', ':', '–', '-')}…";
    }
}
