using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using PostMantis.Api.V1.Posts;
using PostMantis.Core.Outbox;
using PostMantis.Core.Providers;

namespace PostMantis.Api.Http;

/// <summary>
/// The finished document: what the framework makes of the routes, completed by what holds for every call. Requests are closed
/// (what is unknown is refused), answers are open (we only add) and have all their members.
/// </summary>
internal sealed partial class ApiDocument(
    [FromKeyedServices(ApiDescription.DocumentName)] IOpenApiDocumentProvider source, ProviderCatalog catalog) : IDisposable
{
    private const string Schemas = "#/components/schemas/";
    private const string Headers = "#/components/headers/";

    // Members of answers that are there only in some of them.
    private static readonly Dictionary<string, string[]> Sometimes = new()
    {
        ["Pagination"] = ["total", "totalIsCapped"],
    };

    private static readonly JsonSerializerOptions Written = new(Core.Common.Json.Options) { WriteIndented = true };
    private readonly SemaphoreSlim _once = new(1, 1);
    private ServedDocument? _served;

    /// <summary>The document, made once.</summary>
    public async Task<ServedDocument> GetAsync(CancellationToken ct)
    {
        if (_served is { } served) return served;
        await _once.WaitAsync(ct);
        try
        {
            return _served ??= await MakeAsync(ct);
        }
        finally
        {
            _once.Release();
        }
    }

    public void Dispose() => _once.Dispose();

    private async Task<ServedDocument> MakeAsync(CancellationToken ct)
    {
        var made = await source.GetOpenApiDocumentAsync(ct);
        using var stream = new MemoryStream();
        await made.SerializeAsJsonAsync(stream, OpenApiSpecVersion.OpenApi3_1, ct);
        var document = JsonNode.Parse(stream.ToArray())!.AsObject();
        Complete(document);
        var bytes = Encoding.UTF8.GetBytes(document.ToJsonString(Written) + "\n");
        return new ServedDocument(document, bytes,
            new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes)[..8])}\""));
    }

    private void Complete(JsonObject document)
    {
        var schemas = document["components"]!["schemas"]!.AsObject();
        foreach (var (_, schema) in schemas.ToList()) Lift(schema, schemas, isRoot: true);
        foreach (var content in Operations(document).SelectMany(Contents).ToList())
            content["schema"] = Lift(content["schema"], schemas, isRoot: false);
        AddOptions(schemas);
        schemas[ApiDescription.NameOf(typeof(V1.Uploads.CreateUploadRequest))] = new JsonObject
        {
            ["oneOf"] = new JsonArray([.. ApiDescription.Uploads.Select(type =>
                (JsonNode)new JsonObject { ["$ref"] = Schemas + ApiDescription.NameOf(type) })]),
            ["description"] = "A file to be sent, by name, type and size; or one to be imported, by url alone.",
        };
        foreach (var operation in Operations(document)) Name(operation, schemas);

        var requests = RequestSchemas(document, schemas);
        foreach (var (name, schema) in schemas) Tidy(name, schema!.AsObject(), requests.Contains(name));
        AddListed(schemas);
        AddProblem(schemas);
        AddHeaders(document);
        foreach (var operation in Operations(document)) Tidy(operation, schemas);
        foreach (var (path, item) in document["paths"]!.AsObject()) DescribeIds(path, item!.AsObject());
        WebhookDocument.AddTo(document, schemas);
        var sorted = new JsonObject(schemas.OrderBy(s => s.Key, StringComparer.Ordinal)
            .Select(s => KeyValuePair.Create(s.Key, s.Value?.DeepClone())));
        document["components"]!["schemas"] = sorted;
        document["tags"] = new JsonArray([.. Tags.Select(tag =>
            (JsonNode)new JsonObject { ["name"] = tag.Name, ["description"] = tag.Description })]);
    }

    private static readonly (string Name, string Description)[] Tags =
    [
        ("Health", "Whether the API answers."),
        ("Key", "What the key of the request may do."),
        ("Providers", "Rules and options of each network, without an account."),
        ("Profiles", "The destinations that people have connected, and what each takes now."),
        ("Posts", "What to say, when, to which profiles; what became of each delivery."),
        ("Uploads", "Media that posts carry."),
        ("Events", "What happened, in the shape webhooks carry it."),
        WebhookDocument.Tagged,
    ];

    // A named type that stands inline becomes a component, so that clients have a type of that name.
    private static JsonNode? Lift(JsonNode? node, JsonObject schemas, bool isRoot)
    {
        if (node is not JsonObject schema) return node?.DeepClone();
        if (schema["properties"] is JsonObject properties)
            foreach (var (name, value) in properties.ToList()) properties[name] = Lift(value, schemas, isRoot: false);
        foreach (var name in (string[])["items", "additionalProperties"])
            if (schema[name] is JsonObject inner) schema[name] = Lift(inner, schemas, isRoot: false);
        foreach (var name in (string[])["oneOf", "anyOf"])
            if (schema[name] is JsonArray choices)
                schema[name] = new JsonArray([.. choices.Select(choice => Lift(choice, schemas, isRoot: false))]);
        var type = (string?)schema[ApiDescription.NameExtension];
        var mayBeNull = schema[ApiDescription.NullableExtension] is not null;
        schema.Remove(ApiDescription.NameExtension);
        schema.Remove(ApiDescription.NullableExtension);
        if (schema["enum"] is JsonArray names)
        {
            schema["enum"] = new JsonArray([.. names.Where(name => name is not null).Select(name => name!.DeepClone())]);
            schema["type"] ??= "string";
        }
        if (isRoot) return schema;
        if (type is null || schema["$ref"] is not null || schema["oneOf"] is not null || type == nameof(JsonObject))
            return schema.DeepClone();
        var isNullable = mayBeNull || (schema["type"] is JsonArray types && types.Any(t => (string?)t == "null"));
        if (isNullable) schema["type"] = schema["enum"] is null ? "object" : "string";
        if (!schemas.ContainsKey(type)) schemas[type] = schema.DeepClone();
        var reference = new JsonObject { ["$ref"] = Schemas + type };
        if (!isNullable) return reference;
        var choice = new JsonObject { ["oneOf"] = new JsonArray(new JsonObject { ["type"] = "null" }, reference) };
        if (schema["description"] is { } words) choice["description"] = words.DeepClone();
        return choice;
    }

    // A parameter that takes the names of a type is of that type.
    private static void Name(JsonObject operation, JsonObject schemas)
    {
        foreach (var parameter in (operation["parameters"] as JsonArray ?? []).Select(p => p!.AsObject()))
        {
            var holder = parameter["schema"]!["items"] is null ? parameter : parameter["schema"]!.AsObject();
            var place = holder == parameter ? "schema" : "items";
            if (holder[place]?["enum"] is not { } names) continue;
            var type = schemas.FirstOrDefault(s => JsonNode.DeepEquals(s.Value!["enum"], names)).Key;
            if (type is not null) holder[place] = new JsonObject { ["$ref"] = Schemas + type };
        }
    }

    // Each network's options by its own schema, under its name.
    private void AddOptions(JsonObject schemas)
    {
        var properties = new JsonObject();
        foreach (var provider in catalog.All.OrderBy(p => p.Id, StringComparer.Ordinal))
        {
            var options = (JsonObject)provider.OptionsSchema.DeepClone();
            options.Remove("$schema");
            options.Remove("$id");
            options["description"] ??= $"Options of {provider.DisplayName}.";
            var name = char.ToUpperInvariant(provider.Id[0]) + provider.Id[1..] + "Options";
            Type(options);
            schemas[name] = options;
            properties[provider.Id] = new JsonObject { ["$ref"] = Schemas + name };
        }
        schemas["ProviderOptions"] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
            ["description"] = "Options by provider, each in its own schema.",
        };
    }

    private static void Type(JsonNode? node)
    {
        if (node is not JsonObject schema) return;
        if (schema["enum"] is JsonArray names && schema["type"] is null
            && names.All(name => name?.GetValueKind() == JsonValueKind.String))
            schema["type"] = "string";
        foreach (var (_, value) in schema) Type(value);
    }

    private static HashSet<string> RequestSchemas(JsonObject document, JsonObject schemas)
    {
        HashSet<string> found = [];
        foreach (var content in Operations(document).Select(o => o["requestBody"]?["content"]).OfType<JsonObject>())
            foreach (var (_, media) in content) Follow(media!["schema"]);
        return found;

        void Follow(JsonNode? node)
        {
            if (node is JsonArray items)
            {
                foreach (var item in items) Follow(item);
                return;
            }
            if (node is not JsonObject schema) return;
            if ((string?)schema["$ref"] is { } reference && found.Add(reference[Schemas.Length..]))
                Follow(schemas[reference[Schemas.Length..]]);
            foreach (var (_, value) in schema) if (value is JsonObject or JsonArray) Follow(value);
        }
    }

    private static void Tidy(string name, JsonObject schema, bool isRequest)
    {
        Say(schema);
        if (schema["properties"] is not JsonObject properties || name.EndsWith("Options", StringComparison.Ordinal)) return;
        foreach (var (_, property) in properties) Say(property!.AsObject());
        if (name == "Event")
            properties["type"]!["description"] = $"What happened; more may come: {string.Join(", ", EventTypes.All)}.";
        if (properties["object"] is JsonObject kind) kind["const"] ??= char.ToLowerInvariant(name[0]) + name[1..];
        if (properties["data"]?["oneOf"] is JsonArray { Count: 2 } choice)
            properties["data"] = choice[1]!.DeepClone();
        var sometimes = Sometimes.GetValueOrDefault(name, []);
        var required = isRequest
            ? (schema["required"]?.AsArray() ?? []).Select(n => (string)n!).Where(n => !IsNullable(properties[n]!)).ToList()
            : [.. properties.Select(p => p.Key).Where(p => !sometimes.Contains(p))];
        if (required.Count > 0) schema["required"] = new JsonArray([.. required.Select(n => (JsonNode)n)]);
        else schema.Remove("required");
        if (isRequest) schema["additionalProperties"] = false;
        else schema.Remove("additionalProperties");
    }

    private static bool IsNullable(JsonNode schema) =>
        (schema["type"] is JsonArray types && types.Any(t => (string?)t == "null"))
        || (schema["oneOf"] is JsonArray choices && choices.Any(c => (string?)c!["type"] == "null"));

    // The words of the source, for readers who do not have it.
    private static void Say(JsonObject schema)
    {
        if ((string?)schema["description"] is not { } text) return;
        schema["description"] = Section().Replace(text, "");
    }

    // A summary has fewer members.
    private static void AddListed(JsonObject schemas)
    {
        var listed = (JsonObject)schemas["Post"]!.DeepClone();
        listed["description"] = "A post in a list; view=summary leaves out what is not required here.";
        listed["required"] = new JsonArray([.. listed["required"]!.AsArray()
            .Where(name => !PostEndpoints.Bulky.Contains((string)name!)).Select(name => name!.DeepClone())]);
        schemas["ListedPost"] = listed;
        schemas["PostList"]!["properties"]!["data"]!["items"] = new JsonObject { ["$ref"] = Schemas + "ListedPost" };
    }

    private static void AddProblem(JsonObject schemas)
    {
        var problem = schemas["Problem"]!.AsObject();
        var properties = problem["properties"]!.AsObject();
        var required = new JsonArray([.. properties.Select(p => (JsonNode)p.Key)]);
        void Add(string name, string type, string description, string? format = null)
        {
            properties[name] = new JsonObject { ["type"] = type, ["description"] = description };
            if (format is not null) properties[name]!["format"] = format;
            if (type == "array") properties[name]!["items"] = new JsonObject { ["type"] = "string" };
        }
        Add("needed", "string", "With insufficientPermission: the permission or grant that is missing.");
        Add("currentStatus", "string", "With conflict: where the thing stands.");
        Add("actions", "array", "With conflict: what this key may do with it now.");
        Add("existingPostId", "string", "With duplicatePost: the post that says the same.", "uuid");
        Add("currentRevision", "integer", "With preconditionFailed: the revision now.", "int32");
        Add("serverTime", "string", "With a moment that has passed: the server's time.", "date-time");
        Add("oldestSequence", "integer", "With cursorExpired: the first event that can still be read.", "int64");
        Add("bucket", "string", "With rateLimited: what was counted.");
        Add("retryAfterSeconds", "integer", "When to try again; also the Retry-After header.", "int32");
        Add("limit", "number", "With payloadTooLarge: how much is allowed.", "double");
        Add("unit", "string", "With payloadTooLarge: of what.");
        problem["required"] = required;
    }

    private static void AddHeaders(JsonObject document)
    {
        static JsonObject Header(string description, string type = "string") =>
            new() { ["description"] = description, ["schema"] = new JsonObject { ["type"] = type } };
        document["components"]!["headers"] = new JsonObject
        {
            ["RequestId"] = Header("Finds the request in logs and traces; the same as traceId."),
            ["RateLimitPolicy"] = Header("The bucket, its requests and its seconds, such as \"write\";q=60;w=60."),
            ["RateLimit"] = Header("The bucket, what is left and when it resets, such as \"write\";r=59;t=31."),
            ["RetryAfter"] = Header("Seconds to wait before trying again.", "integer"),
            ["Location"] = Header("Where what was made can be read."),
            ["ETag"] = Header("The post's revision, for If-Match and If-None-Match."),
            ["IdempotencyReplayed"] = Header("true: the answer was given before, by its Idempotency-Key."),
        };
        foreach (var operation in Operations(document))
        {
            var isKeyed = operation["security"] is JsonArray { Count: > 0 };
            var takesKey = operation["parameters"]?.AsArray().Any(p => (string?)p!["name"] == "Idempotency-Key") == true;
            foreach (var (status, response) in operation["responses"]!.AsObject())
            {
                var headers = new JsonObject { ["X-Request-Id"] = Reference("RequestId") };
                if (isKeyed && status != "401")
                {
                    headers["RateLimit-Policy"] = Reference("RateLimitPolicy");
                    headers["RateLimit"] = Reference("RateLimit");
                }
                if (status is "429" or "503" || (status == "409" && takesKey)) headers["Retry-After"] = Reference("RetryAfter");
                var id = (string)operation["operationId"]!;
                if (status is "201" or "202" && id.StartsWith("Create", StringComparison.Ordinal))
                    headers["Location"] = Reference("Location");
                if (status[0] is '2' or '3' && id.Contains("Post", StringComparison.Ordinal)
                    && id is not ("ListPosts" or "ValidatePost" or "DeletePost"))
                    headers["ETag"] = Reference("ETag");
                if (status[0] == '2' && takesKey) headers["Idempotency-Replayed"] = Reference("IdempotencyReplayed");
                response!["headers"] = headers;
            }
        }

        static JsonObject Reference(string name) => new() { ["$ref"] = Headers + name };
    }

    private static void Tidy(JsonObject operation, JsonObject schemas)
    {
        operation["description"] ??= $"{operation["summary"]}.";
        if (operation["parameters"] is JsonArray { Count: 0 }) operation.Remove("parameters");
        foreach (var (status, response) in operation["responses"]!.AsObject())
        {
            if (response!["content"] is not JsonObject content) continue;
            foreach (var (_, media) in content)
                media!["example"] ??= status[0] == '2'
                    ? SchemaExample.Of(media["schema"]!, schemas)
                    : SchemaExample.OfProblem(status, (string)response["description"]!);
        }
    }

    private static void DescribeIds(string path, JsonObject item)
    {
        foreach (var (_, operation) in item)
            foreach (var parameter in (operation?["parameters"] as JsonArray ?? []).Where(p => (string?)p!["in"] == "path"))
            {
                var name = (string)parameter!["name"]!;
                if (name == "provider")
                {
                    parameter["description"] = "The network's name, such as mastodon.";
                    continue;
                }
                var of = name == "id" ? path.Split('/')[3].TrimEnd('s') : name[..^2];
                parameter["description"] = $"The id of the {of}.";
                parameter["schema"] = new JsonObject { ["type"] = "string", ["format"] = "uuid" };
            }
    }

    private static IEnumerable<JsonObject> Operations(JsonObject document) =>
        document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(method => method.Value)
            .OfType<JsonObject>().Where(operation => operation.ContainsKey("responses"));

    private static IEnumerable<JsonObject> Contents(JsonObject operation) =>
        ((JsonNode?[])[operation["requestBody"], .. operation["responses"]!.AsObject().Select(r => r.Value)])
            .Select(holder => holder?["content"]).OfType<JsonObject>()
            .SelectMany(content => content.Select(media => media.Value!.AsObject())).Where(media => media["schema"] is not null);

    [GeneratedRegex(@" \(contract §[^)]*\)")]
    private static partial Regex Section();
}

/// <summary>The document as it is served.</summary>
/// <param name="Json">For those in this process; not to be changed.</param>
internal sealed record ServedDocument(JsonObject Json, byte[] Bytes, EntityTagHeaderValue Tag);
