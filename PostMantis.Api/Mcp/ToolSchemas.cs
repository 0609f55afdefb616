using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using PostMantis.Api.Http;

namespace PostMantis.Api.Mcp;

/// <summary>Describes the tools by the same document that describes the API, so that both cannot differ.</summary>
internal sealed class ToolSchemas(ApiDocument document)
{
    /// <summary>What every tool's name begins with.</summary>
    public const string Prefix = "postmantis_";

    public const string IdempotencyKey = "idempotencyKey";
    public const string IfRevision = "ifRevision";
    public const string When = "when";
    public const string ScheduledAt = "scheduledAt";

    private const string Components = "#/components/schemas/";
    private const string Definitions = "#/$defs/";

    private IList<Tool>? _tools;

    /// <summary>Every tool, made once.</summary>
    public async Task<IList<Tool>> AllAsync(CancellationToken ct)
    {
        if (_tools is { } made) return made;
        var served = await document.GetAsync(ct);
        return _tools = [.. McpTool.All.Select(tool => Describe(tool, served.Json))];
    }

    /// <summary>The operation of a tool in the document, with its method.</summary>
    public async Task<(string Method, JsonObject Operation)> OperationAsync(McpTool tool, CancellationToken ct) =>
        Find((await document.GetAsync(ct)).Json, tool.Operation);

    private static Tool Describe(McpTool tool, JsonObject document)
    {
        var (_, operation) = Find(document, tool.Operation);
        return new Tool
        {
            Name = Prefix + tool.Name,
            Title = tool.Title,
            Description = tool.Description,
            InputSchema = Element(Input(tool, operation, document)),
            OutputSchema = Output(operation, document) is { } output ? Element(output) : null,
            Annotations = new ToolAnnotations
            {
                Title = tool.Title,
                ReadOnlyHint = tool.IsReadOnly,
                DestructiveHint = tool.IsDestructive,
                IdempotentHint = tool.IsIdempotent,
                OpenWorldHint = tool.IsOpenWorld,
            },
        };
    }

    private static JsonObject Input(McpTool tool, JsonObject operation, JsonObject document)
    {
        var properties = new JsonObject();
        List<string> required = [];
        foreach (var parameter in Parameters(operation))
        {
            var name = (string)parameter["name"]!;
            switch ((string)parameter["in"]!)
            {
                case "path":
                    Add(name == "id" ? tool.Id! : name, parameter, isRequired: true);
                    break;
                case "query":
                    Add(name, parameter, isRequired: false);
                    break;
                case "header" when name == "Idempotency-Key":
                    properties[IdempotencyKey] = new JsonObject
                    {
                        ["type"] = "string",
                        ["minLength"] = 1,
                        ["maxLength"] = 255,
                        ["description"] = "Yours to choose, printable ASCII: the same key and arguments within 24 hours do it once.",
                    };
                    break;
                case "header" when name == "If-Match":
                    properties[IfRevision] = new JsonObject
                    {
                        ["type"] = "integer",
                        ["minimum"] = 1,
                        ["description"] = "The post's revision as you read it: refused when it has changed since.",
                    };
                    break;
                default:
                    break;
            }
        }
        if (Body(operation, document) is { } body)
        {
            // Several shapes stand side by side: models do not take a choice at the top of an input.
            var shapes = (body["oneOf"] as JsonArray)?.Select(shape => Resolve(shape!.AsObject(), document)).ToList() ?? [body];
            foreach (var (name, property) in shapes.SelectMany(shape => shape["properties"]!.AsObject()))
                properties[name] = property!.DeepClone();
            if (shapes.Count == 1) required.AddRange((body["required"] as JsonArray ?? []).Select(n => (string)n!));
        }
        if (tool.Operation == "CreatePost") Choose(properties, required, document);
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
        if (required.Count > 0) schema["required"] = new JsonArray([.. required.Select(n => (JsonNode)n)]);
        return Complete(schema, document);

        void Add(string name, JsonObject parameter, bool isRequired)
        {
            var property = (JsonObject)parameter["schema"]!.DeepClone();
            if (parameter["description"] is { } description) property["description"] = description.DeepClone();
            properties[name] = property;
            if (isRequired) required.Add(name);
        }
    }

    // When it is published is said once, in words, and not by two members of the post.
    private static void Choose(JsonObject properties, List<string> required, JsonObject document)
    {
        var post = (JsonObject)document["components"]!["schemas"]!["PostBody"]!.DeepClone();
        foreach (var name in (string[])["draft", ScheduledAt]) post["properties"]!.AsObject().Remove(name);
        properties["post"] = post;
        properties[When] = new JsonObject
        {
            ["type"] = "string",
            ["enum"] = new JsonArray("draft", "now", "at"),
            ["default"] = "draft",
            ["description"] = "draft stores it and publishes nothing; now publishes; at publishes at scheduledAt.",
        };
        properties[ScheduledAt] = new JsonObject
        {
            ["type"] = "string",
            ["format"] = "date-time",
            ["description"] = "With when: at. RFC 3339 with Z or an offset; at most 2 years ahead.",
        };
        required.AddRange([IdempotencyKey, "post"]);
    }

    private static JsonObject? Output(JsonObject operation, JsonObject document)
    {
        var schemas = operation["responses"]!.AsObject().Where(r => r.Key[0] == '2')
            .Select(r => r.Value!["content"]?["application/json"]?["schema"]).OfType<JsonObject>()
            .DistinctBy(schema => schema.ToJsonString()).ToList();
        if (schemas.Count == 0) return null;
        var schema = schemas.Count == 1
            ? (JsonObject)document["components"]!["schemas"]![((string)schemas[0]["$ref"]!)[Components.Length..]]!.DeepClone()
            : new JsonObject
            {
                ["type"] = "object",
                ["anyOf"] = new JsonArray([.. schemas.Select(s => s.DeepClone())]),
            };
        return Complete(schema, document);
    }

    // The components that the schema comes to, as definitions of its own.
    private static JsonObject Complete(JsonObject schema, JsonObject document)
    {
        var found = new JsonObject();
        Follow(schema);
        if (found.Count > 0) schema["$defs"] = found;
        return JsonNode.Parse(schema.ToJsonString().Replace(Components, Definitions, StringComparison.Ordinal))!.AsObject();

        void Follow(JsonNode? node)
        {
            foreach (var value in node switch
            {
                JsonObject members => members.Select(m => m.Value).ToList(),
                JsonArray items => [.. items],
                _ => [],
            })
            {
                if (value is JsonObject or JsonArray) Follow(value);
            }
            if (node is not JsonObject { } holder || (string?)(holder["$ref"] as JsonValue) is not { } reference) return;
            var name = reference[Components.Length..];
            if (found.ContainsKey(name)) return;
            var component = document["components"]!["schemas"]![name]!.DeepClone();

            // A tool's arguments are no form.
            if (name == "Media") component["properties"]!.AsObject().Remove("file");
            found[name] = component;
            Follow(component);
        }
    }

    /// <summary>The documented body of an operation, its component resolved.</summary>
    public static JsonObject? Body(JsonObject operation, JsonObject document)
    {
        return operation["requestBody"]?["content"]?["application/json"]?["schema"] is JsonObject schema
            ? Resolve(schema, document)
            : null;
    }

    private static JsonObject Resolve(JsonObject schema, JsonObject document) => (string?)schema["$ref"] is { } reference
        ? document["components"]!["schemas"]![reference[Components.Length..]]!.AsObject()
        : schema;

    public static IEnumerable<JsonObject> Parameters(JsonObject operation) =>
        (operation["parameters"] as JsonArray ?? []).Select(parameter => parameter!.AsObject());

    private static (string Method, JsonObject Operation) Find(JsonObject document, string id) =>
        document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject())
            .Where(method => (string?)method.Value?["operationId"] == id)
            .Select(method => (method.Key, method.Value!.AsObject())).Single();

    private static JsonElement Element(JsonObject schema) => JsonSerializer.SerializeToElement(schema);
}
