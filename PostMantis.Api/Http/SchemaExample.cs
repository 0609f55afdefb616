using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>Examples of answers, made from their schemas with values that callers meet: what they show is always valid.</summary>
internal static class SchemaExample
{
    private const string Schemas = "#/components/schemas/";

    // By component and member, or by member alone.
    private static readonly Dictionary<string, JsonNode?> Values = JsonNode.Parse("""
        {
          "Post.status": "completed", "Post.outcome": "published", "Post.completedAt": "2027-03-30T10:00:02.114Z",
          "Post.revision": 3, "Post.actions": [], "Post.overrides": {}, "Post.providerOptions": {},
          "Delivery.status": "published", "Delivery.latenessMs": 312, "Delivery.attemptCount": 1, "Delivery.actions": [],
          "Delivery.publishedAt": "2027-03-30T10:00:02.114Z", "Delivery.startedAt": "2027-03-30T10:00:00.312Z",
          "Delivery.providerPostId": "114182736455", "Delivery.url": "https://social.example/@studio/114182736455",
          "DeliveryPart.status": "published", "DeliveryPart.providerPostId": "114182736455",
          "DeliveryPart.url": "https://social.example/@studio/114182736455", "DeliveryPart.index": 0,
          "DeliveryCounts.total": 1, "DeliveryCounts.published": 1, "Attempt.verdict": "published", "Attempt.number": 1,
          "Attempt.handles": {}, "Key.name": "Release bot", "Key.prefix": "pm_live_AZgdLn86fFWaQQwvbw-PEQ",
          "Key.permission": "publish", "Key.providers": [], "Key.brands": [], "Key.profiles": [], "Key.grants": [],
          "KeyLimits.read": 600, "KeyLimits.write": 60, "KeyLimits.upload": 30, "Provider.id": "mastodon",
          "Provider.name": "Mastodon", "Health.status": "ok", "Artifact.status": "verified", "Artifact.error": null,
          "TextLimits.max": 500, "TextCheck.limit": 500, "TextCheck.count": 19, "BudgetCheck.limit": 100, "BudgetCheck.taken": 12,
          "BudgetCheck.left": 88, "PostCheck.valid": true, "ProfileCheck.valid": true, "PostCheck.issues": [],
          "ProfileCheck.issues": [], "Post.issues": [], "Pagination.hasMore": false, "UploadTicket.uploadMethod": "PUT",
          "UploadTicket.requiredHeaders": {"Content-Type": "image/png"}, "testMode": false,
          "name": "Studio Page", "profileName": "Studio Page", "handle": "@studio", "provider": "mastodon",
          "body": "The launch is live.", "url": "https://example.com/launch", "externalId": "cms-42",
          "metadata": {"campaign": "spring"}, "thread": [], "media": [], "warnings": [], "optionsSchema": {"type": "object"},
          "choices": {}, "options": {}, "scheduledAt": "2027-03-30T10:00:00.000Z", "createdAt": "2027-03-29T08:15:00.000Z",
          "updatedAt": "2027-03-29T08:15:00.000Z", "fileName": "card.png", "mimeType": "image/png", "sizeBytes": 48211,
          "width": 1200, "height": 630, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
          "uploadUrl": "https://postmantis.example/media/up/01981d2e", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
          "rule": "daily", "limit": 100, "unit": "posts", "windowSeconds": 86400, "used": 12, "left": 88
        }
        """)!.AsObject().ToDictionary(member => member.Key, member => member.Value?.DeepClone());

    private static readonly JsonNode Id = "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11";
    private static readonly JsonNode Moment = "2027-03-30T10:00:00.000Z";

    /// <summary>A value of <paramref name="schema"/>.</summary>
    public static JsonNode? Of(JsonNode schema, JsonObject schemas) => Of(schema.AsObject(), schemas, null, null);

    /// <summary>A problem as <paramref name="status"/> brings it, with the first of its codes.</summary>
    public static JsonNode OfProblem(string status, string codes)
    {
        var code = codes.Split(", ")[0];
        var problem = new JsonObject
        {
            ["type"] = $"/problems/{JsonNamingPolicy.KebabCaseLower.ConvertName(code)}",
            ["title"] = CamelCase.TryParse<ProblemCode>(code, out var known) ? ApiProblems.TitleOf(known) : code,
            ["status"] = int.Parse(status, CultureInfo.InvariantCulture),
            ["detail"] = "What is wrong, in a sentence.",
            ["code"] = code,
            ["traceId"] = "4bf92f3577b34da6a3ce929d0e0e4736",
            ["errors"] = new JsonArray(),
        };
        if (code == "invalidRequest")
            problem["errors"] = new JsonArray(JsonSerializer.SerializeToNode(new Issue("/post/body", Rule.TooLong,
                "Mastodon takes at most 500.", Limit: 500, Actual: 512, Unit: "codePoints", Provider: "mastodon"), Json.Options));
        if (code is "rateLimited") problem["bucket"] = "write";
        if (code is "rateLimited" or "unavailable") problem["retryAfterSeconds"] = 2;
        return problem;
    }

    private static JsonNode? Of(JsonObject schema, JsonObject schemas, string? component, string? member)
    {
        if (member is not null)
        {
            if (Values.TryGetValue($"{component}.{member}", out var own)) return own?.DeepClone();
            if (Values.TryGetValue(member, out var known) && Fits(schema, known)) return known?.DeepClone();
        }
        if ((string?)schema["$ref"] is { } reference)
        {
            var name = reference[Schemas.Length..];
            return Of(schemas[name]!.AsObject(), schemas, name, null);
        }
        if (schema["oneOf"] is JsonArray choices)
            return choices.Any(c => (string?)c!["type"] == "null") ? null : Of(choices[0]!.AsObject(), schemas, component, member);
        if (schema["const"] is { } only) return only.DeepClone();
        if (schema["enum"] is JsonArray names) return names[0]?.DeepClone();
        if (schema["type"] is JsonArray) return null;
        return (string?)schema["type"] switch
        {
            "object" => new JsonObject((schema["properties"] as JsonObject ?? []).Where(p => IsRequired(schema, p.Key))
                .Select(p => KeyValuePair.Create(p.Key, Of(p.Value!.AsObject(), schemas, component, p.Key)))),
            "array" => schema["items"] is JsonObject item && item["$ref"] is not null
                ? new JsonArray(Of(item, schemas, component, null))
                : [],
            "integer" or "number" => 0,
            "boolean" => false,
            "string" => (string?)schema["format"] switch
            {
                "uuid" => Id.DeepClone(),
                "date-time" => Moment.DeepClone(),
                _ => "text",
            },
            _ => null,
        };
    }

    private static bool IsRequired(JsonObject schema, string name) =>
        schema["required"] is JsonArray required && required.Any(r => (string?)r == name);

    // A name may mean something else in another place: then the schema decides.
    private static bool Fits(JsonObject schema, JsonNode? value)
    {
        if (schema["$ref"] is not null || schema["oneOf"] is not null || schema["enum"] is not null) return false;
        var wanted = value switch
        {
            null => "null",
            JsonArray => "array",
            JsonObject => "object",
            _ => value.GetValueKind() switch
            {
                JsonValueKind.String => "string",
                JsonValueKind.Number => "integer",
                _ => "boolean",
            },
        };
        string?[] types = schema["type"] is JsonArray several ? [.. several.Select(t => (string?)t)] : [(string?)schema["type"]];
        return types.Contains(wanted) || (wanted == "integer" && types.Contains("number"));
    }
}
