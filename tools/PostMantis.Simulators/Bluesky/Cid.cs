using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Simulators.Bluesky;

/// <summary>Content addresses: equal content, equal name.</summary>
internal static class Cid
{
    private const string Base32 = "abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>The name of raw bytes, as a blob has it (bafkrei…).</summary>
    public static string OfBytes(byte[] bytes) => Name(0x55, bytes);

    /// <summary>The name of a record, by its canonical binary form (bafyrei…).</summary>
    public static string OfRecord(JsonNode record)
    {
        var form = new MemoryStream();
        Write(form, record);
        return Name(0x71, form.ToArray());
    }

    private static string Name(byte codec, byte[] content)
    {
        byte[] whole = [1, codec, 0x12, 0x20, .. SHA256.HashData(content)];
        var name = new StringBuilder("b");
        var (bits, held) = (0, 0);
        foreach (var part in whole)
        {
            bits = (bits << 8) | part;
            for (held += 8; held >= 5; held -= 5) name.Append(Base32[(bits >> (held - 5)) & 31]);
            bits &= (1 << held) - 1;
        }
        if (held > 0) name.Append(Base32[(bits << (5 - held)) & 31]);
        return name.ToString();
    }

    private static void Write(MemoryStream form, JsonNode? node)
    {
        switch (node)
        {
            case null:
                form.WriteByte(0xF6);
                break;
            case JsonObject map:
                Head(form, 5, map.Count);
                foreach (var (key, value) in map.OrderBy(pair => Encoding.UTF8.GetByteCount(pair.Key))
                             .ThenBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    Text(form, key);
                    Write(form, value);
                }
                break;
            case JsonArray list:
                Head(form, 4, list.Count);
                foreach (var item in list) Write(form, item);
                break;
            case JsonValue value when value.TryGetValue<bool>(out var flag):
                form.WriteByte(flag ? (byte)0xF5 : (byte)0xF4);
                break;
            case JsonValue value when value.TryGetValue<string>(out var text):
                Text(form, text);
                break;
            case JsonValue value when value.TryGetValue<long>(out var number):
                if (number >= 0) Head(form, 0, number);
                else Head(form, 1, -1 - number);
                break;
            default:
                throw new FormatException("A record holds no fractions.");
        }
    }

    private static void Text(MemoryStream form, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Head(form, 3, bytes.Length);
        form.Write(bytes);
    }

    private static void Head(MemoryStream form, int major, long length)
    {
        Span<byte> wide = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(wide, length);
        var (info, used) = length switch
        {
            < 24 => ((int)length, 0),
            <= 0xFF => (24, 1),
            <= 0xFFFF => (25, 2),
            <= 0xFFFFFFFF => (26, 4),
            _ => (27, 8),
        };
        form.WriteByte((byte)((major << 5) | info));
        form.Write(wide[(8 - used)..]);
    }
}
