using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Tests.Http;

/// <summary>Makes requests of a documented operation: valid by its schemas, or broken in one known way.</summary>
/// <param name="ids">Ids that exist, by the kind of thing.</param>
internal sealed class RequestMaker(JsonObject document, Random random, DateTimeOffset now, Func<string, string?> ids)
{
    private const int MostDepth = 8;

    // What most requests need to come to anything.
    private static readonly string[] _usual =
        ["post", "profiles", "body", "artifactId", "fileName", "mimeType", "fileSize", "as", "override"];

    private double _density = 0.4;
    private static readonly string[] _texts =
        ["Hello", "The launch is live. https://example.com/a?b=c", "naïve café", "\U0001F468‍\U0001F469‍\U0001F467 family", "  ",
            "line\nbreak", "' OR 1=1 --", "<b>bold</b>", "مرحبا", "{{template}}"];

    /// <summary>Whether the last value was broken so that it must be refused.</summary>
    public bool IsBroken { get; private set; }

    public bool Chance(double part) => random.NextDouble() < part;

    public T Pick<T>(IReadOnlyList<T> items) => items[random.Next(items.Count)];

    // Null is a choice, but not half of them.
    private JsonNode? Some(JsonArray choices)
    {
        static bool IsNull(JsonNode? choice) => (string?)((choice is JsonObject schema ? schema["type"] : choice) as JsonValue) == "null";
        var others = choices.Where(choice => !IsNull(choice)).ToList();
        return others.Count > 0 && Chance(0.9) ? others[random.Next(others.Count)] : Pick(choices);
    }

    private JsonNode? Pick(JsonArray items) => items[random.Next(items.Count)];

    /// <summary>A value of a schema; with <paramref name="breaks"/>, wrong in one place.</summary>
    public JsonNode? Body(JsonNode schema, bool breaks)
    {
        IsBroken = false;
        _density = Chance(0.4) ? 0 : random.NextDouble() * 0.6;
        var value = Value(schema, "", 0);
        if (!breaks) return value;
        for (var i = 0; i < 20 && !IsBroken; i++) Break(Resolve(schema), value);
        return value;
    }

    /// <summary>The text of a query parameter or path segment.</summary>
    public string Text(JsonNode schema, string name) => Value(schema, name, 0) switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var other => other?.ToJsonString() ?? "",
    };

    private JsonNode? Value(JsonNode node, string name, int depth)
    {
        var schema = Resolve(node);
        if (schema["const"] is { } only) return only.DeepClone();
        if (schema["enum"] is JsonArray names) return Pick(names)?.DeepClone();
        if ((schema["oneOf"] ?? schema["anyOf"]) is JsonArray choices) return Value(Some(choices)!, name, depth);
        var type = schema["type"] is JsonArray types ? (string)Some(types)! : (string?)schema["type"];
        return type switch
        {
            "object" => Object(schema, depth),
            "array" => new JsonArray([.. Enumerable.Range(0, depth > MostDepth ? 0 : name == "profiles" ? 1 : random.Next(0, 3)).Select(_ =>
                schema["items"] is { } item ? Value(item, name, depth + 1) : null)]),
            "integer" => name == "fileSize" && Chance(0.5) ? ContractInstance.Dot.Length : Whole(schema),
            "number" => Math.Round(random.NextDouble() * 1000, 2),
            "boolean" => Chance(0.5),
            "string" => String(schema, name),
            _ => null,
        };
    }

    private JsonObject Object(JsonObject schema, int depth)
    {
        var made = new JsonObject();
        var required = (schema["required"] as JsonArray ?? []).Select(n => (string)n!).ToHashSet();
        foreach (var (name, property) in schema["properties"] as JsonObject ?? [])
            if (required.Contains(name) || (depth < MostDepth && Chance(_usual.Contains(name) ? 0.9 : _density)))
                made[name] = Value(property!, name, depth + 1);
        if (schema["additionalProperties"] is JsonObject inner && depth < MostDepth)
            for (var i = random.Next(0, 3); i > 0; i--)
                made[Chance(0.7) ? ids("profileIds") ?? "name" : Pick(_texts)] = Value(inner, "", depth + 1);
        return made;
    }

    private JsonNode Whole(JsonObject schema)
    {
        var min = (long?)schema["minimum"] ?? 0;
        var max = (long?)schema["maximum"] ?? 10_000;
        return Chance(0.2) ? Pick([min, max]) : random.NextInt64(min, Math.Min(max, min + 1000) + 1);
    }

    private string String(JsonObject schema, string name) => (string?)schema["format"] switch
    {
        "uuid" => (Chance(0.85) ? ids(name) : null) ?? Guid.CreateVersion7(now).ToString(),
        "date-time" => now.AddMinutes(random.Next(-1000, 1_000_000)).ToString(
            Chance(0.5) ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture),
        _ => Sized(ids(name) ?? Pick(_texts), (int?)schema["minLength"] ?? 0, (int?)schema["maxLength"] ?? int.MaxValue),
    };

    private static string Sized(string text, int min, int max) =>
        text.Length > max ? new string('x', max) : text.Length < min ? text + new string('x', min - text.Length) : text;

    /// <summary>The schema that a reference leads to.</summary>
    public JsonObject Resolve(JsonNode schema)
    {
        while ((string?)schema["$ref"] is { } reference)
        {
            JsonNode at = document;
            foreach (var part in reference[2..].Split('/')) at = at[part]!;
            schema = at;
        }
        return schema.AsObject();
    }

    // One step down a random path; where options begin it stops, for a draft keeps what a network refuses.
    private void Break(JsonObject schema, JsonNode? value)
    {
        if (value is not JsonObject made) return;
        if (schema["oneOf"] is JsonArray choices)
        {
            // That one of the choices which it was made of.
            Break(choices.Select(choice => Resolve(choice!)).First(choice =>
                made.All(member => choice["properties"]?[member.Key] is not null)), value);
            return;
        }
        if (schema["properties"] is not JsonObject properties) return;
        if (schema["additionalProperties"]?.GetValueKind() == System.Text.Json.JsonValueKind.False && Chance(0.2))
        {
            made["noSuchMember"] = 1;
            IsBroken = true;
            return;
        }
        var names = made.Select(m => m.Key).Where(n => properties.ContainsKey(n) && n is not ("providerOptions" or "options"))
            .ToList();
        if (names.Count == 0) return;
        var name = Pick(names);
        var inner = Inner(properties[name]!);
        if (made[name] is JsonObject && Chance(0.6))
        {
            Break(inner, made[name]);
            return;
        }
        if (made[name] is JsonArray { Count: > 0 } items && items[0] is JsonObject && Chance(0.6))
        {
            Break(Inner(inner["items"]!), items[0]);
            return;
        }
        if ((schema["required"] as JsonArray ?? []).Any(r => (string?)r == name) && Chance(0.3)) made.Remove(name);
        else if (inner["maxLength"] is { } longest && (int)longest < 6000 && Chance(0.3)) made[name] = new string('x', (int)longest + 1);
        else if (inner["maxItems"] is { } most && Chance(0.3))
            made[name] = new JsonArray([.. Enumerable.Range(0, (int)most + 1).Select(i => Value(inner["items"]!, name, MostDepth))]);
        else if (inner["enum"] is not null && Chance(0.5)) made[name] = "noSuchName";
        else made[name] = Wrong(inner);
        IsBroken = true;
    }

    private JsonObject Inner(JsonNode schema)
    {
        var inner = Resolve(schema);
        return inner["oneOf"] is JsonArray choices ? Resolve(choices.First(c => (string?)c!["type"] != "null")!) : inner;
    }

    private JsonNode Wrong(JsonObject schema)
    {
        string?[] types = schema["type"] is JsonArray several ? [.. several.Select(t => (string?)t)] : [(string?)schema["type"]];
        return types.Contains("string")
            ? Pick<JsonNode>([17, true, new JsonObject(), new JsonArray(1)]).DeepClone()
            : types.Contains("object") || types.Contains("array")
                ? Pick<JsonNode>(["text", 17, false]).DeepClone()
                : Pick<JsonNode>(["text", new JsonObject(), new JsonArray()]).DeepClone();
    }

    /// <summary>Bytes that are no JSON object.</summary>
    public byte[] Garbage() => Pick<byte[]>(
    [
        "{"u8.ToArray(), "[]"u8.ToArray(), "null"u8.ToArray(), [0xff, 0xfe, 0x00], "{\"a\":1,\"a\":2}"u8.ToArray(),
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 40)) + "1" + new string('}', 40)), "\"text\""u8.ToArray(),
    ]);
}
