using System.Buffers.Binary;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Reads a file piece by piece; a read beyond its end refuses it as truncated.</summary>
internal sealed class ByteReader(Stream stream, string format)
{
    /// <summary>No piece larger than this is ever held in memory.</summary>
    public const int MostHeld = 1024 * 1024;

    private readonly byte[] _word = new byte[8];

    public long Length { get; } = stream.Length;

    public long Position
    {
        get => stream.Position;
        set => stream.Position = value > Length ? throw Truncated() : value;
    }

    public long Left => Length - stream.Position;

    public string Format => format;

    public MediaRefusedException Truncated() => MediaRefusedException.Truncated(format);

    public MediaRefusedException Corrupt() => MediaRefusedException.Corrupt(format);

    public byte Byte()
    {
        var value = stream.ReadByte();
        return value < 0 ? throw Truncated() : (byte)value;
    }

    public ushort U16() => BinaryPrimitives.ReadUInt16BigEndian(Word(2));

    public uint U32() => BinaryPrimitives.ReadUInt32BigEndian(Word(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64BigEndian(Word(8));

    public uint U32Little() => BinaryPrimitives.ReadUInt32LittleEndian(Word(4));

    public void Skip(long bytes)
    {
        if (bytes < 0) throw Corrupt();
        if (bytes > Left) throw Truncated();
        stream.Position += bytes;
    }

    /// <summary>The next bytes, at most <see cref="MostHeld"/> of them.</summary>
    public byte[] Take(long bytes)
    {
        if (bytes is < 0 or > MostHeld) throw Corrupt();
        if (bytes > Left) throw Truncated();
        var taken = new byte[bytes];
        stream.ReadExactly(taken);
        return taken;
    }

    /// <summary>What is left of a small length, at most <paramref name="most"/> bytes, without failing at the end.</summary>
    public byte[] Peek(int most)
    {
        var at = stream.Position;
        var taken = new byte[Math.Min(most, Left)];
        stream.ReadExactly(taken);
        stream.Position = at;
        return taken;
    }

    private Span<byte> Word(int bytes)
    {
        if (stream.ReadAtLeast(_word.AsSpan(0, bytes), bytes, throwOnEndOfStream: false) < bytes) throw Truncated();
        return _word.AsSpan(0, bytes);
    }
}
