using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PostMantis.Core.Common;

/// <summary>
/// Makes the ids of everything we store: UUIDv7 with a counter (RFC 9562 §6.2, method 1), so that ids rise with time and,
/// within a millisecond, with the order in which this process made them.
/// </summary>
public static class Ids
{
    private const int CounterBits = 42;
    private const int LowCounterBits = 30;
    private const int MostRandom = 512;

    [ThreadStatic]
    private static byte[]? _random;

    [ThreadStatic]
    private static int _used;

    [ThreadStatic]
    private static int _filled;

    // Starts in the lower half so that it does not wrap, at random so that two processes do not count alike.
    private static long _counter = (long)(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8))
        & ((1UL << (CounterBits - 1)) - 1));

    /// <summary>The lowest id of a moment: every id made then or later is greater.</summary>
    public static Guid Lowest(DateTimeOffset moment)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)moment.ToUnixTimeMilliseconds() << 16);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>The moment of an id, in whole milliseconds.</summary>
    public static DateTimeOffset MomentOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return DateTimeOffset.FromUnixTimeMilliseconds((long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16));
    }

    /// <summary>A new id whose first 48 bits are <paramref name="now"/> in milliseconds.</summary>
    public static Guid New(DateTimeOffset now)
    {
        var counter = (ulong)Interlocked.Increment(ref _counter) & ((1UL << CounterBits) - 1);
        Span<byte> bytes = stackalloc byte[16];
        Fill(bytes[12..]);
        BinaryPrimitives.WriteUInt64BigEndian(bytes,
            ((ulong)now.ToUnixTimeMilliseconds() << 16) | 0x7000 | (counter >> LowCounterBits));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..],
            0x8000_0000 | (uint)(counter & ((1UL << LowCounterBits) - 1)));
        return new Guid(bytes, bigEndian: true);
    }

    // Asking for a few random bytes costs as much as asking for many.
    private static void Fill(Span<byte> bytes)
    {
        var random = _random ??= new byte[MostRandom];
        if (_used + bytes.Length > _filled)
        {
            RandomNumberGenerator.Fill(random);
            (_used, _filled) = (0, MostRandom);
        }
        random.AsSpan(_used, bytes.Length).CopyTo(bytes);
        _used += bytes.Length;
    }
}
