using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace PostMantis.Core.Persistence;

/// <summary>Stores an enum by its snake_case name.</summary>
public sealed class SnakeCase<TEnum>() : ValueConverter<TEnum, string>(value => Write(value), text => Read(text))
    where TEnum : struct, Enum
{
    private static readonly Dictionary<TEnum, string> Names =
        Enum.GetValues<TEnum>().ToDictionary(value => value,
            value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    private static readonly Dictionary<string, TEnum> Values = Names.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>The stored name, for SQL written by hand.</summary>
    public static string Write(TEnum value) => Names[value];

    /// <summary>The value of a stored name.</summary>
    public static TEnum Read(string text) => Values[text];
}
