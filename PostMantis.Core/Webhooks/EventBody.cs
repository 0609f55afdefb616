using System.Buffers;
using System.Text.Json;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;

namespace PostMantis.Core.Webhooks;

/// <summary>An event as it is sent: the bytes <c>GET /events</c> would show, the same for every endpoint and every attempt.</summary>
internal static class EventBody
{
    private const int Around = 320;
    private static readonly JsonWriterOptions _options = new() { SkipValidation = true, Encoder = Json.Options.Encoder };

    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    /// <param name="data">JSON.</param>
    public static ReadOnlyMemory<byte> Write(
        Guid id, string type, DateTimeOffset happenedAt, long sequence, bool testMode, ReadOnlySpan<byte> data)
    {
        var buffer = new ArrayBufferWriter<byte>(Around + data.Length);
        var json = _writer ??= new Utf8JsonWriter(buffer, _options);
        json.Reset(buffer);
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("type"u8, type);
        json.WriteString("apiVersion"u8, EventResource.Version);
        json.WriteString("timestamp"u8, UtcMillisecondsConverter.Format(happenedAt));
        json.WriteNumber("sequence"u8, sequence);
        json.WriteBoolean("testMode"u8, testMode);
        json.WritePropertyName("data"u8);
        json.WriteRawValue(data, skipInputValidation: true);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
