using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers;

/// <summary>
/// Checks options by the very schema that callers read, so that the two cannot differ: types, enums, lengths, ranges,
/// patterns, lists, and members that nobody knows.
/// </summary>
internal static class StrictOptions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>A schema as a provider writes it: the properties, and which of them are required.</summary>
    public static JsonObject Of(string properties, params string[] required)
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["type"] = "object",
            ["additionalProperties"] = false,
        };
        if (required.Length > 0) schema["required"] = new JsonArray([.. required.Select(name => JsonValue.Create(name))]);
        schema["properties"] = JsonNode.Parse(properties);
        return schema;
    }

    /// <summary>What speaks against <paramref name="options"/>; pointers are relative to them.</summary>
    public static List<Issue> Check(JsonObject schema, JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        var required = schema.Texts("required") ?? [];
        foreach (var (name, rule) in schema.Get("properties")!.AsObject()) Check(reader, name, rule, required.Contains(name));
        reader.Finish();
        return issues;
    }

    private static void Check(ObjectReader reader, string name, JsonNode? rule, bool required)
    {
        switch (rule.Text("type"))
        {
            case "boolean":
                reader.Boolean(name);
                break;
            case "integer":
                reader.Integer(name, rule.Number("minimum") ?? long.MinValue, rule.Number("maximum") ?? long.MaxValue,
                    required: required);
                break;
            case "array":
                var items = reader.Array(name, (int)(rule.Number("maxItems") ?? int.MaxValue), required);
                for (var i = 0; i < (items?.Count ?? 0); i++)
                {
                    var at = $"{reader.At(name)}/{i}";
                    Fit(reader, at, reader.Text(items![i], at, Least(rule.Get("items")), Most(rule.Get("items"))), rule.Get("items"));
                }
                break;
            default:
                Fit(reader, reader.At(name), reader.String(name, required, Least(rule), Most(rule)), rule);
                break;
        }
    }

    private static void Fit(ObjectReader reader, string at, string? text, JsonNode? rule)
    {
        if (text is null) return;
        if (rule.Texts("enum") is { } choices && !choices.Contains(text))
            reader.Issues.Add(new Issue(at, Rule.WrongFormat, $"Must be one of {string.Join(", ", choices)}."));
        else if (rule.Text("pattern") is { } pattern && !Regex.IsMatch(text, pattern, RegexOptions.CultureInvariant, Patience))
            reader.Issues.Add(new Issue(at, Rule.WrongFormat, $"Must match {pattern}.", Fix: rule.Text("description")));
    }

    private static int Least(JsonNode? rule) => (int)(rule.Number("minLength") ?? 0);

    private static int Most(JsonNode? rule) => (int)(rule.Number("maxLength") ?? int.MaxValue);
}
