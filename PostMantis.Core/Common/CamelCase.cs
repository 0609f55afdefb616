using System.Text.Json;

namespace PostMantis.Core.Common;

/// <summary>Enum values as callers see them.</summary>
public static class CamelCase
{
    /// <summary>The camelCase name of an enum value, as in the API's JSON.</summary>
    public static string Of<TEnum>(TEnum value)
        where TEnum : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>Reads a camelCase enum name exactly; false for unknown names and numbers.</summary>
    public static bool TryParse<TEnum>(string? text, out TEnum value)
        where TEnum : struct, Enum
    {
        foreach (var candidate in Enum.GetValues<TEnum>())
        {
            if (string.Equals(Of(candidate), text, StringComparison.Ordinal))
            {
                value = candidate;
                return true;
            }
        }
        value = default;
        return false;
    }
}
