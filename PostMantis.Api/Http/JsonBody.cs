using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>
/// A request body as one JSON object: UTF-8, no duplicate names, at most <see cref="MostBytes"/>. What its members mean
/// is read by the operation, which reports everything wrong at once.
/// </summary>
internal sealed class JsonBody
{
    /// <summary>Longest JSON body in bytes.</summary>
    public const int MostBytes = 1 << 20;

    private const int MostDepth = 16;

    private static readonly JsonDocumentOptions Strict = new()
    {
        AllowDuplicateProperties = false,
        MaxDepth = MostDepth,
    };

    private JsonBody(JsonObject value) => Value = value;

    public JsonObject Value { get; }

    /// <summary>Reads the body; one that is absent is an empty object.</summary>
    public static async ValueTask<JsonBody> BindAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentLength is null or 0 && !request.Headers.ContainsKey("Transfer-Encoding"))
        {
            if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true) return new JsonBody([]);
        }
        if (request.ContentLength == 0) return new JsonBody([]);
        if (!IsJson(request))
            throw new ProblemException(ProblemCode.UnsupportedMediaType, HttpMethods.IsPatch(request.Method)
                ? "Send application/merge-patch+json or application/json."
                : "Send application/json.");
        if (request.ContentLength > MostBytes) throw TooLarge();
        return await ReadAsync(request.Body, context.RequestAborted);
    }

    /// <summary>Reads a stream to its end; one that is empty is an empty object.</summary>
    public static async Task<JsonBody> ReadAsync(Stream body, CancellationToken ct)
    {
        var bytes = await BytesAsync(body, ct);
        if (bytes.Length == 0) return new JsonBody([]);
        try
        {
            // Strict decoding first: the JSON reader checks UTF-8 only where it looks at text.
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(bytes);
            using var document = JsonDocument.Parse(bytes, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw Malformed("The body must be a JSON object.", Rule.WrongType);
            var value = JsonObject.Create(document.RootElement.Clone())!;
            Walk(value);
            return new JsonBody(value);
        }
        catch (DecoderFallbackException)
        {
            throw Malformed("The body is not valid UTF-8.");
        }
        catch (JsonException e)
        {
            throw Malformed(e.LineNumber is { } line
                ? $"The body is not valid JSON (line {line + 1}, byte {e.BytePositionInLine + 1})."
                : "The body is not valid JSON, or names a member twice.");
        }
        catch (InvalidOperationException)
        {
            throw Malformed("The body holds text that is not valid Unicode.");
        }
    }

    /// <summary>Refuses every member, for commands that take none.</summary>
    public void RequireEmpty()
    {
        List<Issue> issues = [];
        new ObjectReader(Value, "", issues).Finish();
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
    }

    private static bool IsJson(HttpRequest request)
    {
        if (!Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(request.ContentType, out var type)) return false;
        if (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) return false;
        return type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (HttpMethods.IsPatch(request.Method)
                && type.MediaType.Equals("application/merge-patch+json", StringComparison.OrdinalIgnoreCase));
    }

    private static async Task<byte[]> BytesAsync(Stream body, CancellationToken ct)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await body.ReadAsync(chunk, ct)) > 0)
        {
            if (buffer.Length + read > MostBytes) throw TooLarge();
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }

    // Text is decoded when first looked at; a lone surrogate must fail here and not deep in an operation.
    private static void Walk(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (_, value) in members) Walk(value);
                break;
            case JsonArray items:
                foreach (var item in items) Walk(item);
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                _ = value.GetValue<string>();
                break;
            default:
                break;
        }
    }

    private static ProblemException Malformed(string message, Rule rule = Rule.WrongFormat) =>
        ProblemException.Invalid(new Issue("", rule, message));

    private static ProblemException TooLarge() => new(ProblemCode.PayloadTooLarge,
        $"A JSON body has at most {MostBytes} bytes.",
        extensions: new Dictionary<string, object?> { ["limit"] = MostBytes, ["unit"] = "bytes" });
}
