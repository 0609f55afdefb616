using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>Says to a network only what there is to say: a member without a value is left out.</summary>
internal static class Saying
{
    public static JsonObject Say(this JsonObject body, string name, JsonNode? value)
    {
        if (value is not null) body[name] = value;
        return body;
    }

    public static Dictionary<string, string> Say(this Dictionary<string, string> form, string name, string? value)
    {
        if (value is not null) form[name] = value;
        return form;
    }

    /// <summary>As the other, <c>true</c> or <c>false</c>.</summary>
    public static Dictionary<string, string> Say(this Dictionary<string, string> form, string name, bool? value) =>
        form.Say(name, value switch { true => "true", false => "false", null => null });
}
