using System.Buffers.Binary;

namespace PostMantis.Core.Media.Inspection;

/// <summary>The one word of EXIF that pictures need: which way is up.</summary>
internal static class Exif
{
    private const ushort OrientationTag = 0x0112;

    /// <summary>1–8; 1 when <paramref name="tiff"/> does not say or says nonsense.</summary>
    public static int Orientation(ReadOnlySpan<byte> tiff)
    {
        if (tiff.StartsWith("Exif\0\0"u8)) tiff = tiff[6..];
        if (tiff.Length < 8) return 1;
        var little = tiff[0] == 'I';
        var at = U32(tiff[4..], little);
        if (at > tiff.Length - 2) return 1;
        var entries = U16(tiff[(int)at..], little);
        for (var i = 0; i < entries; i++)
        {
            var entry = (int)at + 2 + (i * 12);
            if (entry + 12 > tiff.Length) return 1;
            if (U16(tiff[entry..], little) != OrientationTag) continue;
            var value = U16(tiff[(entry + 8)..], little);
            return value is >= 1 and <= 8 ? value : 1;
        }
        return 1;
    }

    /// <summary>A TIFF block that says the orientation and nothing else.</summary>
    public static byte[] Only(int orientation) =>
    [
        (byte)'M', (byte)'M', 0, 42, 0, 0, 0, 8, 0, 1,
        1, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0,
        0, 0, 0, 0,
    ];

    private static ushort U16(ReadOnlySpan<byte> at, bool little) => little
        ? BinaryPrimitives.ReadUInt16LittleEndian(at)
        : BinaryPrimitives.ReadUInt16BigEndian(at);

    private static uint U32(ReadOnlySpan<byte> at, bool little) => little
        ? BinaryPrimitives.ReadUInt32LittleEndian(at)
        : BinaryPrimitives.ReadUInt32BigEndian(at);
}
