using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsvHelper;
using CsvHelper.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Events;

/// <summary>Which rows of the publish log are wanted, as an address says it; and those rows as a file.</summary>
public sealed class PublishLog
{
    /// <summary>A person does not wait for what is rare: the page looks through this many events, and offers to go on.</summary>
    public const int MostLookedThrough = 10_000;

    private static readonly string[] _momentFormats = ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd"];
    private static readonly string[] _names = ["type", "profile", "provider", "post", "after", "before"];

    // Cells that a spreadsheet would take for a formula are written as text.
    private static readonly CsvConfiguration _csv = new(CultureInfo.InvariantCulture)
    {
        InjectionOptions = InjectionOptions.Escape,
        NewLine = "\r\n",
    };

    private static readonly (string Name, Func<EventResource, object?> Of)[] _columns =
    [
        ("sequence", e => e.Sequence), ("timestamp", e => UtcMillisecondsConverter.Format(e.Timestamp)), ("type", e => e.Type),
        ("mode", e => e.TestMode ? "test" : "live"), ("postId", e => Text(e, "post", "id")),
        ("externalId", e => Text(e, "post", "externalId")), ("postStatus", e => Text(e, "post", "status")),
        ("outcome", e => Text(e, "post", "outcome")), ("deliveryId", e => Text(e, "delivery", "id")),
        ("profileId", e => Text(e, "delivery", "profileId")), ("profile", e => Text(e, "delivery", "profileName")),
        ("provider", e => Text(e, "delivery", "provider")), ("deliveryStatus", e => Text(e, "delivery", "status")),
        ("latenessMs", e => Text(e, "delivery", "latenessMs")), ("url", e => Text(e, "delivery", "url")),
        ("errorCode", e => Text(e, "delivery", "error", "code")), ("errorMessage", e => Text(e, "delivery", "error", "message")),
        ("providerStatus", e => Text(e, "delivery", "error", "provider", "httpStatus")),
        ("providerCode", e => Text(e, "delivery", "error", "provider", "code")),
        ("providerMessage", e => Text(e, "delivery", "error", "provider", "message")), ("eventId", e => e.Id),
    ];

    private PublishLog(IReadOnlyDictionary<string, string> asked) => Asked = asked;

    /// <summary>The filters that were given, by name.</summary>
    public IReadOnlyDictionary<string, string> Asked { get; }

    /// <summary>What is not understood, by name.</summary>
    public FormErrors Errors { get; } = new();

    public EventQuery Query { get; private set; } = new();

    /// <summary>Reads the filters of an address.</summary>
    public static PublishLog Read(IQueryCollection asked)
    {
        ArgumentNullException.ThrowIfNull(asked);
        var log = new PublishLog(_names.Where(name => !string.IsNullOrWhiteSpace(asked[name]))
            .ToDictionary(name => name, name => asked[name].ToString().Trim()));
        log.Query = new EventQuery(
            Types: log.Of("type", "There is no such type.", text => EventTypes.OfPublishing.Contains(text) ? text : null) is { } type ? [type] : null,
            PostId: log.Id("post"), ProfileId: log.Id("profile"),
            Provider: log.Asked.TryGetValue("provider", out var provider) ? [provider] : null,
            After: log.Moment("after"), Before: log.Moment("before"));
        return log;
    }

    /// <summary>The address of these rows below <paramref name="path"/>.</summary>
    public string Address(string path, params (string Name, string Value)[] more) => QueryHelpers.AddQueryString(path,
        Asked.Select(a => KeyValuePair.Create(a.Key, (string?)a.Value)).Concat(more.Select(m => KeyValuePair.Create(m.Name, (string?)m.Value))));

    /// <summary>Every row that matches, newest first, as a file: written as it is read, whatever its length.</summary>
    internal static async Task ExportAsync(HttpContext http, EventReader events, TimeProvider time, CancellationToken ct)
    {
        var (log, asCsv) = (Read(http.Request.Query), http.Request.Query["format"] != "json");
        if (log.Errors.Any)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        http.Response.ContentType = asCsv ? "text/csv; charset=utf-8" : "application/json; charset=utf-8";
        http.Response.Headers.ContentDisposition = string.Create(CultureInfo.InvariantCulture,
            $"attachment; filename=\"publish-log-{time.GetUtcNow():yyyyMMdd-HHmmss}.{(asCsv ? "csv" : "json")}\"");
        http.Response.Headers.CacheControl = "no-store";
        var rows = events.ReadLogAsync(PersonSession.CallerOf(http)!, log.Query, ct);
        await using var writer = new StreamWriter(http.Response.Body, new UTF8Encoding(false), leaveOpen: true);
        if (asCsv) await WriteCsvAsync(writer, rows);
        else await WriteJsonAsync(writer, rows);
    }

    private static async Task WriteCsvAsync(StreamWriter writer, IAsyncEnumerable<IReadOnlyList<EventResource>> pages)
    {
        await using var csv = new CsvWriter(writer, _csv, leaveOpen: true);
        foreach (var (name, _) in _columns) csv.WriteField(name);
        await csv.NextRecordAsync();
        await foreach (var page in pages)
        {
            foreach (var happened in page)
            {
                foreach (var (_, of) in _columns) csv.WriteField(of(happened));
                await csv.NextRecordAsync();
            }
            await csv.FlushAsync();
        }
    }

    private static async Task WriteJsonAsync(StreamWriter writer, IAsyncEnumerable<IReadOnlyList<EventResource>> pages)
    {
        var before = "[\n";
        await foreach (var page in pages)
        {
            foreach (var happened in page)
            {
                await writer.WriteAsync(before);
                await writer.WriteAsync(JsonSerializer.Serialize(happened, Json.Options));
                before = ",\n";
            }
            await writer.FlushAsync();
        }
        await writer.WriteAsync(before == "[\n" ? "[]\n" : "\n]\n");
    }

    private static string? Text(EventResource happened, params ReadOnlySpan<string> path)
    {
        JsonNode? node = happened.Data;
        foreach (var name in path) node = (node as JsonObject)?[name];
        return node?.ToString();
    }

    private Guid[]? Id(string name) =>
        Of(name, "This is not an id.", text => Guid.TryParseExact(text, "D", out var id) ? (Guid?)id : null) is { } found ? [found] : null;

    private DateTimeOffset? Moment(string name) => Of(name, "Choose a day and a time.", text =>
        DateTime.TryParseExact(text, _momentFormats, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment)
            ? (DateTimeOffset?)new DateTimeOffset(moment, TimeSpan.Zero) : null);

    private T? Of<T>(string name, string complaint, Func<string, T?> parse)
    {
        if (!Asked.TryGetValue(name, out var text)) return default;
        var found = parse(text);
        if (found is null) Errors.Add(name, complaint);
        return found;
    }
}
