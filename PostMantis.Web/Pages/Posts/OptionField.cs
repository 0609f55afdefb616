using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Web.Pages.Posts;

/// <summary>How an option of a network is asked for.</summary>
internal enum OptionInput
{
    /// <summary>One of several.</summary>
    Choice,

    /// <summary>On or off, as its default says.</summary>
    Switch,

    /// <summary>A whole number.</summary>
    Number,

    /// <summary>Several texts, one on each line.</summary>
    Lines,

    /// <summary>A short text.</summary>
    Text,

    /// <summary>A text of several lines.</summary>
    Prose,
}

/// <summary>
/// One option of a network as a form asks for it: made of the same JSON schema that programs read, and of what the account
/// offers.
/// </summary>
/// <param name="Default">What holds when nothing is said, as a form writes it.</param>
internal sealed record OptionField(string Name, string Label, OptionInput Input, bool IsRequired, string? Hint,
    IReadOnlyList<(string Value, string Text)> Choices, string? Default, long? Min, long? Max, long? MaxLength)
{
    private const int Long = 300;
    private const string Yes = "true";
    private const string No = "false";

    /// <summary>A field for each option that a form can ask for, required ones first.</summary>
    public static IReadOnlyList<OptionField> Of(JsonObject schema, JsonObject choices)
    {
        if (schema["properties"] is not JsonObject properties) return [];
        var required = (schema["required"] as JsonArray ?? []).Select(name => (string?)name).ToHashSet();
        return [.. properties.Where(p => p.Value is JsonObject && !IsNested(p.Value))
            .Select(p => Of(p.Key, p.Value!.AsObject(), required.Contains(p.Key), choices[p.Key] as JsonArray))
            .OrderBy(field => !field.IsRequired)];
    }

    /// <summary>The value that a form's texts mean; null: nothing was said.</summary>
    /// <remarks>What is no number is left a text: the rules say what is wrong with it.</remarks>
    public JsonNode? Read(IReadOnlyList<string> texts)
    {
        var last = texts.Count == 0 ? "" : texts[^1].Replace("\r\n", "\n", StringComparison.Ordinal).Trim();
        return Input switch
        {
            OptionInput.Lines => Lines(last) is { Length: > 0 } lines
                ? new JsonArray([.. lines.Select(line => (JsonNode)line)])
                : null,
            _ when last.Length == 0 || (last == Default && !IsRequired) => null,
            OptionInput.Switch => last == Yes,
            OptionInput.Choice when Choices is [(Yes, _), (No, _)] => last == Yes,
            OptionInput.Number when long.TryParse(last, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
            _ => last,
        };
    }

    /// <summary>A value as the form shows it.</summary>
    public static string Write(JsonNode? value) => value switch
    {
        null => "",
        JsonArray items => string.Join('\n', items.Select(Write)),
        _ when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => value.ToJsonString(),
    };

    /// <summary>Such as "Privacy level" for <c>privacyLevel</c>.</summary>
    public static string Words(string name)
    {
        var words = string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : c.ToString()));
        words = words.Replace(" id", " id", StringComparison.Ordinal).Replace("ai generated", "AI-generated", StringComparison.Ordinal)
            .Replace(" with ai", " with AI", StringComparison.Ordinal);
        return words.Length == 0 ? words : char.ToUpperInvariant(words[0]) + words[1..];
    }

    private static OptionField Of(string name, JsonObject rule, bool isRequired, JsonArray? offered)
    {
        var fallback = rule["default"] is { } said ? Write(said) : null;
        var most = (long?)rule["maxLength"];
        var input = (string?)rule["type"] switch
        {
            _ when offered is { Count: > 0 } || rule["enum"] is not null => OptionInput.Choice,
            "boolean" => fallback is null ? OptionInput.Choice : OptionInput.Switch,
            "integer" => OptionInput.Number,
            "array" => OptionInput.Lines,
            _ => most > Long ? OptionInput.Prose : OptionInput.Text,
        };
        IReadOnlyList<(string, string)> choices = input != OptionInput.Choice ? []
            : offered is { Count: > 0 } ? [.. offered.Select(Offer)]
            : rule["enum"] is JsonArray all ? [.. all.Select(one => (Write(one), Words(Write(one))))]
            : [(Yes, "Yes"), (No, "No")];
        return new OptionField(name, Words(name), input, isRequired, (string?)rule["description"], choices, fallback,
            (long?)rule["minimum"], (long?)rule["maximum"], most);
    }

    // What an account offers is a name, or an id with a name.
    private static (string, string) Offer(JsonNode? offer) => offer is JsonObject item
        ? (Write(item["id"]), Write(item["name"]))
        : (Write(offer), Words(Write(offer)));

    // Lists of objects are for programs.
    private static bool IsNested(JsonNode? rule) =>
        (string?)rule!["type"] == "object" || (string?)rule["items"]?["type"] == "object";

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
