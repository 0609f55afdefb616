using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>
/// Holds an answer against what the document says of its operation: its status, its media type, its schema (closed here,
/// though open to callers: a member nobody documented is found) and its required headers.
/// </summary>
internal sealed class DocumentedAnswers(JsonObject document)
{
    private static readonly EvaluationOptions _strict = new() { OutputFormat = OutputFormat.List, RequireFormatValidation = true };
    private readonly Dictionary<string, JsonSchema> _schemas = [];
    private readonly JsonObject _components = Closed(document["components"]!["schemas"]!);

    /// <summary>What is wrong with it; null when it is as documented.</summary>
    public string? Fault(JsonObject operation, ApiReply reply)
    {
        var status = reply.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (operation["responses"]![status] is not JsonObject response) return $"status {status} is not documented";
        foreach (var name in (string[])["X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"])
        {
            var isOptional = name == "Retry-After" && status == "409";
            if (response["headers"]?[name] is not null && !isOptional && !reply.Headers.ContainsKey(name))
                return $"status {status} came without {name}";
        }
        if (response["content"] is not JsonObject content) return reply.Text.Length == 0 ? null : "a body came where none is documented";
        var type = reply.Headers.GetValueOrDefault("Content-Type", "").Split(';')[0];
        if (content[type] is not JsonObject media) return $"media type '{type}' is not documented for {status}";
        if (reply.Json is null) return "no JSON";
        var schema = media["schema"]!.ToJsonString();
        if (!_schemas.TryGetValue(schema, out var known)) _schemas[schema] = known = Build(media["schema"]!);
        var result = known.Evaluate(JsonSerializer.SerializeToElement(reply.Json), _strict);
        return result.IsValid ? null : string.Join("; ", (result.Details ?? []).Where(d => d.Errors is not null)
            .SelectMany(d => d.Errors!.Select(e => $"{d.InstanceLocation} {e.Key}: {e.Value}")).Take(5));
    }

    private JsonSchema Build(JsonNode schema)
    {
        var whole = Local(schema).AsObject();
        whole["$defs"] = _components.DeepClone();
        return JsonSchema.FromText(whole.ToJsonString());
    }

    private static JsonObject Closed(JsonNode components)
    {
        var closed = Local(components).AsObject();
        foreach (var (_, schema) in closed) Close(schema);
        return closed;
    }

    private static void Close(JsonNode? node)
    {
        if (node is JsonArray items)
        {
            foreach (var item in items) Close(item);
            return;
        }
        if (node is not JsonObject schema) return;
        if (schema["properties"] is JsonObject && schema["additionalProperties"] is null && schema["type"] is not null)
            schema["additionalProperties"] = false;
        foreach (var (_, value) in schema) Close(value);
    }

    private static JsonNode Local(JsonNode schema) => JsonNode.Parse(schema.ToJsonString()
        .Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal))!;
}
