using System.Reflection;
using System.Runtime.Serialization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PostMantis.Client;

/// <summary>
/// Reads and writes an enum by the API's names. The API adds values within a version: one that is newer than this client reads
/// as <c>(T)(-1)</c> and never as an error.
/// </summary>
public sealed class KnownNames<T> : JsonConverter<T>
    where T : struct, Enum
{
    private static readonly Dictionary<string, T> _byName = Enum.GetValues<T>().ToDictionary(NameOf);
    private static readonly Dictionary<T, string> _byValue = _byName.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <inheritdoc />
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        _byName.TryGetValue(reader.GetString() ?? "", out var value) ? value : (T)Enum.ToObject(typeof(T), -1);

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStringValue(_byValue.TryGetValue(value, out var name)
            ? name
            : throw new JsonException($"{typeof(T).Name} has no value {value}."));
    }

    private static string NameOf(T value) =>
        typeof(T).GetField(value.ToString())!.GetCustomAttribute<EnumMemberAttribute>()?.Value ?? value.ToString();
}
