using System.Buffers;
using System.Text.Json;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;

namespace PostMantis.Core.Webhooks;

/// <summary>A message as it is sent, behind the head that is signed with it: one buffer for both.</summary>
internal sealed class SignedBody
{
    private static readonly JsonWriterOptions _options = new() { SkipValidation = true, Encoder = Json.Options.Encoder };
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly int _start;

    /// <summary>The event as <c>GET /events</c> shows it.</summary>
    public SignedBody(DueMessage message, DateTimeOffset timestamp)
    {
        _buffer.Write(WebhookSecret.SignedHead(message.EventId, timestamp));
        _start = _buffer.WrittenCount;
        using var json = new Utf8JsonWriter(_buffer, _options);
        json.WriteStartObject();
        json.WriteString("id"u8, message.EventId);
        json.WriteString("type"u8, message.Type);
        json.WriteString("apiVersion"u8, EventResource.Version);
        json.WriteString("timestamp"u8, UtcMillisecondsConverter.Format(message.HappenedAt));
        json.WriteNumber("sequence"u8, message.Sequence);
        json.WriteBoolean("testMode"u8, message.TestMode);
        json.WritePropertyName("data"u8);
        json.WriteRawValue(message.Data!, skipInputValidation: true);
        json.WriteEndObject();
    }

    /// <summary><c>id.timestamp.body</c>.</summary>
    public ReadOnlySpan<byte> Signed => _buffer.WrittenSpan;

    public ReadOnlyMemory<byte> Body => _buffer.WrittenMemory[_start..];
}
