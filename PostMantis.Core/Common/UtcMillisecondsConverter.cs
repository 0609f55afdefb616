using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PostMantis.Core.Common;

/// <summary>Writes times in UTC with milliseconds; reads RFC 3339 and refuses a time without a zone.</summary>
public sealed class UtcMillisecondsConverter : JsonConverter<DateTimeOffset>
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd't'HH:mm:ss.FFFFFFFK",
    ];

    /// <summary>Reads an RFC 3339 time; false when it is malformed or names no zone.</summary>
    public static bool TryParse(string? text, out DateTimeOffset time)
    {
        time = default;
        if (text is null || text.Length is < 20 or > 35) return false;
        var hasZone = text[^1] is 'Z' or 'z' || text[^6] is '+' or '-';
        return hasZone && DateTimeOffset.TryParseExact(text.ToUpperInvariant(), Formats,
            CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out time);
    }

    /// <summary>The form every response uses: <c>2027-03-30T10:00:00.000Z</c>.</summary>
    public static string Format(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && TryParse(reader.GetString(), out var time)
            ? time
            : throw new JsonException("A time is RFC 3339 with Z or an offset.");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(Format(value));
}
