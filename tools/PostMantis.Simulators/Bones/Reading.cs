using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Simulators.Bones;

/// <summary>Reads what a request carries, without believing it.</summary>
internal static class Reading
{
    /// <summary>The body as a JSON object; null when it is none.</summary>
    public static async Task<JsonObject?> JsonAsync(this HttpRequest request)
    {
        try
        {
            return await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted)
                as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The body's bytes.</summary>
    public static async Task<byte[]> BytesAsync(this Stream body)
    {
        var bytes = new MemoryStream();
        await body.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    /// <summary>The form; empty when the body is none.</summary>
    public static async Task<IFormCollection> FormAsync(this HttpRequest request) =>
        request.HasFormContentType ? await request.ReadFormAsync() : FormCollection.Empty;

    /// <summary>A text by name; null when it is missing or no text.</summary>
    public static string? Text(this JsonNode? node, string name) =>
        node is JsonObject map && map[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>A whole number by name; null when it is missing or none.</summary>
    public static long? Number(this JsonNode? node, string name) =>
        node is JsonObject map && map[name] is JsonValue value && value.TryGetValue<long>(out var number)
            ? number : null;

    /// <summary>A truth by name; null when it is missing or none.</summary>
    public static bool? Flag(this JsonNode? node, string name) =>
        node is JsonObject map && map[name] is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;

    /// <summary>Texts by name; null when they are missing or not all texts.</summary>
    public static List<string>? Texts(this JsonNode? node, string name)
    {
        if (node is not JsonObject map || map[name] is not JsonArray list) return null;
        var texts = list.Select(item => item is JsonValue value && value.TryGetValue<string>(out var text) ? text
            : null)
            .ToList();
        return texts.Contains(null) ? null : [.. texts.Select(text => text!)];
    }

    /// <summary>The token of an Authorization header with that scheme.</summary>
    public static string? Token(this HttpRequest request, string scheme)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(scheme + " ", StringComparison.OrdinalIgnoreCase) ? header[(scheme.Length + 1)..]
            : null;
    }

    /// <summary>Name and secret of a Basic header.</summary>
    public static (string Name, string Secret)? Basic(this HttpRequest request)
    {
        if (request.Token("Basic") is not { } token) return null;
        var bytes = new byte[token.Length];
        if (!Convert.TryFromBase64String(token, bytes, out var length)) return null;
        var parts = Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2);
        return parts.Length == 2 ? (Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts[1])) : null;
    }

    /// <summary>Where this server is, as the client called it.</summary>
    public static string Origin(this HttpRequest request) => request.Scheme + "://" + request.Host;
}
