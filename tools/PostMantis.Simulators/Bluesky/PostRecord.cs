using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Simulators.Bluesky;

/// <summary>The shape of app.bsky.feed.post: what a server refuses, in its own words.</summary>
internal static partial class PostRecord
{
    public const string Collection = "app.bsky.feed.post";
    private const int TextGraphemes = 300;
    private const int TextBytes = 3000;
    private const int Languages = 3;
    private const int TagGraphemes = 64;
    private const int Tags = 8;
    private const int Images = 4;
    private const int GalleryItems = 20;
    private const int ThumbBytes = 1_000_000;
    private const int CaptionBytes = 20_000;

    /// <summary>The first thing wrong with the record; null when it may be written.</summary>
    public static string? Problem(JsonObject record, BlueskySettings settings)
    {
        if (Text(record, "$type") != Collection) return "Invalid $type: expected " + Collection;
        if (Text(record, "text") is not { } text) return "Record must have the property \"text\"";
        if (Graphemes(text) > TextGraphemes)
            return "Record/text must not be longer than 300 graphemes";
        if (Encoding.UTF8.GetByteCount(text) > TextBytes) return "Record/text must not be longer than 3000 characters";
        if (Text(record, "createdAt") is not { } created || !MomentShape().IsMatch(created)
            || !DateTimeOffset.TryParse(created, CultureInfo.InvariantCulture, out _))
            return "Record/createdAt must be an valid atproto datetime (both RFC-3339 and ISO-8601)";
        return Words(record, "langs", Languages, LanguageShape().IsMatch, "a well-formed BCP 47 language tag")
            ?? Words(record, "tags", Tags, tag => Graphemes(tag) is > 0 and <= TagGraphemes, "at most 64 graphemes")
            ?? Facets(record["facets"], Encoding.UTF8.GetByteCount(text))
            ?? Reply(record["reply"])
            ?? (record["embed"] is { } embed ? Embed(embed, settings) : null);
    }

    /// <summary>Every blob the record speaks of: its name, its declared type and its declared size.</summary>
    public static IEnumerable<(string Cid, string MimeType, long Size)> Blobs(JsonNode? node)
    {
        if (node is JsonArray list) return list.SelectMany(Blobs);
        if (node is not JsonObject map) return [];
        return Text(map, "$type") == "blob"
            ? [(Text(map["ref"], "$link") ?? "", Text(map, "mimeType") ?? "", Number(map, "size") ?? -1)]
            : map.SelectMany(pair => Blobs(pair.Value));
    }

    public static int Graphemes(string text) => new StringInfo(text).LengthInTextElements;

    private static string? Words(JsonObject record, string name, int most, Predicate<string> fits, string rule)
    {
        if (record[name] is not { } node) return null;
        if (node is not JsonArray list) return $"Record/{name} must be an array";
        if (list.Count > most) return $"Record/{name} must not have more than {most} elements";
        return list.All(item => TextOf(item) is { } word && fits(word)) ? null : $"Record/{name} must be {rule}";
    }

    private static string? Facets(JsonNode? node, int textBytes)
    {
        if (node is null) return null;
        if (node is not JsonArray list) return "Record/facets must be an array";
        var taken = new List<(long Start, long End)>();
        foreach (var facet in list)
        {
            var (start, end) = (Number(facet?["index"], "byteStart"), Number(facet?["index"], "byteEnd"));
            if (start is null or < 0 || end is null or < 0)
                return "Record/facets/index must have the properties \"byteStart\" and \"byteEnd\"";
            if (end <= start || end > textBytes) return "Record/facets/index must lie within the text";
            if (taken.Any(other => start < other.End && other.Start < end))
                return "Record/facets/index must not overlap";
            taken.Add((start.Value, end.Value));
            if (facet!["features"] is not JsonArray features || features.Count == 0)
                return "Record/facets must have the property \"features\"";
            if (features.Select(Feature).FirstOrDefault(problem => problem is not null) is { } wrong) return wrong;
        }
        return null;
    }

    private static string? Feature(JsonNode? feature) => Text(feature, "$type") switch
    {
        "app.bsky.richtext.facet#link" => IsUri(Text(feature, "uri"))
            ? null : "Record/facets/features/uri must be a uri",
        "app.bsky.richtext.facet#mention" => IsDid(Text(feature, "did"))
            ? null : "Record/facets/features/did must be a valid did",
        "app.bsky.richtext.facet#tag" => Text(feature, "tag") is { Length: > 0 } tag && Graphemes(tag) <= TagGraphemes
            ? null : "Record/facets/features/tag must not be longer than 64 graphemes",
        null => "Record/facets/features must have the property \"$type\"",
        _ => null,
    };

    private static string? Reply(JsonNode? reply)
    {
        if (reply is null) return null;
        return IsReference(reply["root"]) && IsReference(reply["parent"])
            ? null : "Record/reply must have strong references \"root\" and \"parent\"";
    }

    private static string? Embed(JsonNode embed, BlueskySettings settings) => Text(embed, "$type") switch
    {
        "app.bsky.embed.images" => Each(embed, "images", Images, image => Picture(image, false, settings)),
        "app.bsky.embed.gallery" => Each(embed, "items", GalleryItems, item =>
            Text(item, "$type") == "app.bsky.embed.gallery#image"
                ? Picture(item, true, settings) : "Record/embed/items must be app.bsky.embed.gallery#image"),
        "app.bsky.embed.external" => External(embed["external"]),
        "app.bsky.embed.video" => Film(embed, settings),
        "app.bsky.embed.record" => IsReference(embed["record"]) ? null : "Record/embed/record must be a reference",
        "app.bsky.embed.recordWithMedia" => !IsReference(embed["record"]?["record"])
            ? "Record/embed/record must be a reference"
            : embed["media"] is { } media ? Embed(media, settings) : "Record/embed must have the property \"media\"",
        _ => "Record/embed must have a known \"$type\"",
    };

    private static string? Each(JsonNode embed, string name, int most, Func<JsonNode?, string?> problem) =>
        embed[name] is not JsonArray { Count: > 0 } list ? $"Record/embed must have the property \"{name}\""
        : list.Count > most ? $"Record/embed/{name} must not have more than {most} elements"
        : list.Select(problem).FirstOrDefault(wrong => wrong is not null);

    private static string? Picture(JsonNode? image, bool ratioRequired, BlueskySettings settings) =>
        Text(image, "alt") is null ? "Record/embed/images must have the property \"alt\""
        : Ratio(image?["aspectRatio"], ratioRequired)
            ?? Blob(image?["image"], "image", "image/", settings.ImageBytes);

    private static string? Film(JsonNode embed, BlueskySettings settings)
    {
        if (Blob(embed["video"], "video", "video/mp4", settings.VideoBytes) is { } wrong) return wrong;
        if (embed["captions"] is JsonArray captions)
            foreach (var caption in captions)
                if (Text(caption, "lang") is null
                    || Blob(caption?["file"], "file", "text/vtt", CaptionBytes) is not null)
                    return "Record/embed/captions must be text/vtt of at most 20000 bytes with a language";
        return Ratio(embed["aspectRatio"], false);
    }

    private static string? External(JsonNode? card) =>
        !IsUri(Text(card, "uri")) ? "Record/embed/external/uri must be a uri"
        : Text(card, "title") is null || Text(card, "description") is null
            ? "Record/embed/external must have the properties \"title\" and \"description\""
        : card!["thumb"] is { } thumb ? Blob(thumb, "thumb", "image/", ThumbBytes) : null;

    private static string? Ratio(JsonNode? ratio, bool required) =>
        ratio is null ? required ? "Record/embed must have the property \"aspectRatio\"" : null
        : Number(ratio, "width") >= 1 && Number(ratio, "height") >= 1
            ? null : "Record/embed/aspectRatio can not be less than 1";

    private static string? Blob(JsonNode? blob, string name, string type, long most) =>
        Text(blob, "$type") != "blob" || Text(blob?["ref"], "$link") is null
            ? $"Record/embed/{name} should be a blob ref"
        : !(Text(blob, "mimeType") ?? "").StartsWith(type, StringComparison.Ordinal)
            ? $"Wrong mimetype of file. It is {Text(blob, "mimeType")} but it must match {type}*."
        : Number(blob, "size") > most
            ? $"This file is too large. It is {Number(blob, "size")} bytes but the maximum size is {most} bytes."
                : null;

    private static bool IsReference(JsonNode? node) =>
        Text(node, "uri")?.StartsWith("at://", StringComparison.Ordinal) == true
            && Text(node, "cid") is { Length: > 8 };

    private static bool IsUri(string? uri) => Uri.TryCreate(uri, UriKind.Absolute, out _);

    private static bool IsDid(string? did) => did is not null && DidShape().IsMatch(did);

    private static string? Text(JsonNode? node, string name) => node is JsonObject map ? TextOf(map[name]) : null;

    private static string? TextOf(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static long? Number(JsonNode? node, string name) =>
        node is JsonObject map && map[name] is JsonValue value && value.TryGetValue<long>(out var number)
            ? number : null;

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,20})?(Z|[+-]\d\d:\d\d)$")]
    private static partial Regex MomentShape();

    [GeneratedRegex("^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
    private static partial Regex LanguageShape();

    [GeneratedRegex("^did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]$")]
    private static partial Regex DidShape();
}
