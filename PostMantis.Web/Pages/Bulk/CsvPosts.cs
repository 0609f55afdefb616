using System.Globalization;
using System.Text.Json.Nodes;
using CsvHelper;
using CsvHelper.Configuration;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Bulk;

/// <summary>One line of a table of posts.</summary>
/// <param name="Line">Its number in the file, as a spreadsheet counts.</param>
internal sealed record CsvPost(int Line, string Text, string Profiles, string When, ImportRow Row);

/// <summary>Reads posts from comma-separated text as spreadsheets write it.</summary>
internal static class CsvPosts
{
    /// <summary>The longest table, in characters.</summary>
    public const int MostText = 1_000_000;

    /// <summary>The columns, with what stands in them.</summary>
    public static IReadOnlyList<(string Name, string What)> Columns { get; } =
    [
        ("text", "What the post says."),
        ("profiles", "Names, handles or ids of profiles, with ; between them."),
        ("when", "Day and time, such as 2027-03-30 09:00; with Z or an offset it needs no zone. Empty: a draft."),
        ("zone", "Time zone of the line, such as Europe/Vienna; empty: the one chosen here."),
        ("link", "Address of a link card."),
        ("firstComment", "First comment."),
        ("media", "Addresses of files to import, with spaces between them."),
        ("alt", "What the files show, with | between them."),
        ("id", "Your own id, to find the post by."),
    ];

    private static readonly string[] _times = ["yyyy-MM-dd HH:mm", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss"];
    private static readonly char[] _blanks = [' ', '\n', '\r', '\t'];

    /// <summary>Reads <paramref name="text"/>; what is wrong with the table as a whole goes to <paramref name="problem"/>.</summary>
    /// <param name="zone">Where a line names none.</param>
    public static IReadOnlyList<CsvPost> Read(
        string text, string zone, IReadOnlyList<ProfileResource> profiles, DateTimeOffset now, out string? problem)
    {
        problem = null;
        text = text.TrimStart('\uFEFF');
        if (text.Length > MostText)
        {
            problem = $"A table has at most {MostText:N0} characters.";
            return [];
        }
        var head = text.Split('\n', 2)[0];
        using var csv = new CsvReader(new StringReader(text), new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = ((string[])[",", ";", "\t"]).MaxBy(mark => head.Split(mark).Length)!,
            TrimOptions = TrimOptions.Trim,
            MissingFieldFound = null,
            HeaderValidated = null,
            PrepareHeaderForMatch = header => header.Header.Trim().ToUpperInvariant(),
        });
        List<CsvPost> posts = [];
        try
        {
            if (!csv.Read() || !csv.ReadHeader())
            {
                problem = "The first line names the columns; here is none.";
                return [];
            }
            var unknown = csv.HeaderRecord!.Where(name => !Columns.Any(c => c.Name.Equals(name.Trim(), StringComparison.OrdinalIgnoreCase))).ToList();
            if (unknown.Count > 0)
            {
                problem = $"There is no column “{unknown[0]}”. Columns are {string.Join(", ", Columns.Select(c => c.Name))}.";
                return [];
            }
            while (csv.Read())
            {
                if (posts.Count == PostImporter.MostRows)
                {
                    problem = $"At most {PostImporter.MostRows} posts are taken at once. Make two tables of it.";
                    return [];
                }
                posts.Add(Post(csv, zone, profiles, now));
            }
        }
        catch (CsvHelperException wrong)
        {
            problem = $"Line {csv.Parser.RawRow} is not well-formed: {(wrong is BadDataException ? "a quote is not closed, or not doubled inside a quoted text" : "it cannot be read")}.";
            return [];
        }
        if (posts.Count == 0) problem = "There is no line below the names of the columns.";
        return posts;
    }

    private static CsvPost Post(CsvReader csv, string zone, IReadOnlyList<ProfileResource> profiles, DateTimeOffset now)
    {
        string Said(string column) => csv.GetField(column.ToUpperInvariant()) ?? "";
        List<Issue> issues = [];
        var (when, names) = (Said("when"), Said("profiles"));
        List<Guid> to = [];
        foreach (var name in names.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var found = profiles.Where(p => p.Id.ToString() == name || name.Equals(p.Name, StringComparison.OrdinalIgnoreCase)
                || (p.Handle is { } handle && name.TrimStart('@').Equals(handle.TrimStart('@'), StringComparison.OrdinalIgnoreCase))).ToList();
            if (found.Count == 0) issues.Add(new Issue("profiles", Rule.NotFound, $"There is no profile “{name}”.", Fix: "Write it as the profiles page does."));
            else if (found.Count > 1) issues.Add(new Issue("profiles", Rule.Duplicate, $"Several profiles are called “{name}”.", Fix: "Write its id."));
            else if (!to.Contains(found[0].Id)) to.Add(found[0].Id);
        }
        var files = Said("media").Split(_blanks, StringSplitOptions.RemoveEmptyEntries);
        var shown = Said("alt").Split('|', StringSplitOptions.TrimEntries);
        var body = new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["body"] = Text(Said("text")),
                ["draft"] = when.Length == 0,
                ["scheduledAt"] = Moment(when, Said("zone") is { Length: > 0 } own ? own : zone, now, issues),
                ["link"] = Said("link") is { Length: > 0 } link ? new JsonObject { ["url"] = link } : null,
                ["firstComment"] = Said("firstComment") is { Length: > 0 } comment ? new JsonObject { ["body"] = comment } : null,
                ["externalId"] = Text(Said("id")),
            },
            ["profiles"] = new JsonArray([.. to.Select(id => (JsonNode)id.ToString())]),
            ["media"] = new JsonArray([.. files.Select((url, i) => (JsonNode)new JsonObject
            {
                ["url"] = url, ["alt"] = i < shown.Length ? Text(shown[i]) : null,
            })]),
        };
        return new CsvPost(csv.Parser.RawRow, Said("text"), names, when, new ImportRow(body, issues));
    }

    private static string? Moment(string when, string zone, DateTimeOffset now, List<Issue> issues)
    {
        if (when.Length == 0) return null;
        if (UtcMillisecondsConverter.TryParse(when, out var exact)) return UtcMillisecondsConverter.Format(exact);
        if (!DateTime.TryParseExact(when, _times, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
        {
            issues.Add(new Issue("when", Rule.WrongFormat, $"“{when}” is no day and time.", Fix: "Write it as 2027-03-30 09:00."));
            return null;
        }
        var moment = LocalMoment.Read(local.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture), zone, "", now);
        if (moment.At is { } at) return UtcMillisecondsConverter.Format(at);
        issues.Add(new Issue("when", Rule.WrongFormat, moment.Problem!, Fix: moment.Offsets.Count > 0
            ? $"Write it with its offset, such as {local.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture)}{Offset(moment.Offsets[0])}."
            : "Choose another time."));
        return null;
    }

    private static string Offset(TimeSpan offset) =>
        (offset < TimeSpan.Zero ? "-" : "+") + offset.ToString(@"hh\:mm", CultureInfo.InvariantCulture);

    private static string? Text(string text) => text.Length > 0 ? text.Replace("\r\n", "\n", StringComparison.Ordinal) : null;
}
