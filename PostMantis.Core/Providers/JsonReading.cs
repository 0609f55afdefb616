using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>Reads what a network said without believing its shape: what is missing or of another type is null.</summary>
internal static class JsonReading
{
    private const long LastMoment = 253_402_300_799_999;

    /// <summary>What lies at the end of a path of members; null when a step is missing or no object.</summary>
    public static JsonNode? Get(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (node is not JsonObject members || !members.TryGetPropertyValue(name, out node)) return null;
        }
        return node;
    }

    /// <summary>A string at the end of a path.</summary>
    public static string? Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Get(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>A whole number at the end of a path; never by way of a floating one.</summary>
    public static long? Number(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Get(path) is not JsonValue value ? null
        : value.TryGetValue<long>(out var number) ? number
        : value.TryGetValue<int>(out var small) ? small : null;

    /// <summary>A truth at the end of a path.</summary>
    public static bool? Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Get(path) is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;

    /// <summary>The objects of an array at the end of a path; null when there is no array.</summary>
    public static IReadOnlyList<JsonObject>? Objects(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Get(path) is JsonArray items ? [.. items.OfType<JsonObject>()] : null;

    /// <summary>The strings of an array at the end of a path; null when there is no array.</summary>
    public static IReadOnlyList<string>? Texts(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Get(path) is JsonArray items ? [.. items.Select(item => item.Text()).OfType<string>()] : null;

    /// <summary>A moment at the end of a path: ISO 8601, of which one without a zone is UTC, or milliseconds since 1970.</summary>
    public static DateTimeOffset? Moment(this JsonNode? node, params ReadOnlySpan<string> path) => node.Get(path) is not { } at ? null
        : at.Number() is { } number ? number is >= 0 and <= LastMoment ? DateTimeOffset.FromUnixTimeMilliseconds(number) : null
        : DateTimeOffset.TryParse(at.Text(), System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.AssumeUniversal | System.Globalization.DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;

    /// <summary>A web address at the end of a path.</summary>
    public static Uri? Address(this JsonNode? node, params ReadOnlySpan<string> path) =>
        ProviderText.Url(node.Text(path)) is { } url ? new Uri(url) : null;

    /// <summary>An id as it may be kept.</summary>
    public static string? Id(this JsonNode? node, params ReadOnlySpan<string> path) => ProviderText.Id(node.Text(path));

    /// <summary>An id of a network that writes ids as whole numbers; one that came as a string is taken too.</summary>
    public static string? NumberId(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Number(path)?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? node.Id(path);

    /// <summary>Words for people as they may be kept; null when there are none.</summary>
    public static string? Words(this JsonNode? node, params ReadOnlySpan<string> path) =>
        ProviderText.Message(node.Text(path)) is { Length: > 0 } words ? words : null;
}
