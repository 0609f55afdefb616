using System.Buffers.Binary;

namespace PostMantis.Simulators.Media;

/// <summary>What the bytes of an image say about it, whatever anyone calls them.</summary>
/// <param name="MimeType">The type by content: image/jpeg, image/png, image/gif or image/webp.</param>
/// <param name="Width">Pixels across, as it is shown: a camera that was turned says so in the file.</param>
/// <param name="Height">Pixels down, as it is shown.</param>
/// <param name="Frames">Pictures in an animation; 1 when it stands still.</param>
internal sealed record ImageFacts(string MimeType, int Width, int Height, int Frames)
{
    /// <summary>Reads the header; null when the bytes are no image that a network would take.</summary>
    public static ImageFacts? Read(ReadOnlySpan<byte> bytes)
    {
        if (IsPng(bytes)) return Png(bytes);
        if (bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8)) return Gif(bytes);
        if (bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8)) return WebP(bytes);
        return bytes.Length > 4 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF ? Jpeg(bytes) : null;
    }

    private static bool IsPng(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);

    private static ImageFacts? Png(ReadOnlySpan<byte> bytes) => bytes.Length < 24 ? null : Sized(
        "image/png", BinaryPrimitives.ReadInt32BigEndian(bytes[16..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[20..]), 1);

    private static ImageFacts? Jpeg(ReadOnlySpan<byte> bytes)
    {
        var (at, lies) = (2, false);
        while (at + 9 < bytes.Length)
        {
            if (bytes[at] != 0xFF) return null;
            var marker = bytes[at + 1];
            if (marker is 0xFF or (>= 0xD0 and <= 0xD8) or 0x01)
            {
                at += marker == 0xFF ? 1 : 2;
                continue;
            }
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                int across = BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 7)..]), down = BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 5)..]);
                return lies ? Sized("image/jpeg", down, across, 1) : Sized("image/jpeg", across, down, 1);
            }
            if (marker is 0xD9 or 0xDA) return null;
            int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
            if (marker == 0xE1 && at + 2 + length <= bytes.Length) lies |= IsOnItsSide(bytes.Slice(at + 4, Math.Max(length - 2, 0)));
            at += 2 + length;
        }
        return null;
    }

    // Exif: a TIFF header, then the first directory of tags, of which 0x0112 is the orientation.
    private static bool IsOnItsSide(ReadOnlySpan<byte> exif)
    {
        if (exif.Length < 16 || !exif.StartsWith("Exif\0\0"u8)) return false;
        var tiff = exif[6..];
        var isBig = tiff[0] == (byte)'M';
        var directory = isBig ? BinaryPrimitives.ReadInt32BigEndian(tiff[4..]) : BinaryPrimitives.ReadInt32LittleEndian(tiff[4..]);
        if (directory < 8 || directory > tiff.Length - 2) return false;
        var entries = Short(tiff[directory..], isBig);
        for (var (i, at) = (0, directory + 2); i < entries && at + 12 <= tiff.Length; i++, at += 12)
            if (Short(tiff[at..], isBig) == 0x0112) return Short(tiff[(at + 8)..], isBig) is >= 5 and <= 8;
        return false;
    }

    private static int Short(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static ImageFacts? Gif(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 13) return null;
        var width = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        var height = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        var at = 13 + ColorTable(bytes[10]);
        var frames = 0;
        while (at < bytes.Length)
        {
            var block = bytes[at++];
            if (block == 0x3B) break;
            if (block == 0x2C && at + 9 < bytes.Length)
            {
                frames++;
                at += 9 + ColorTable(bytes[at + 8]) + 1;
            }
            else if (block == 0x21) at++;
            else break;
            while (at < bytes.Length && bytes[at] != 0) at += bytes[at] + 1;
            at++;
        }
        return Sized("image/gif", width, height, Math.Max(frames, 1));
    }

    private static int ColorTable(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);

    private static ImageFacts? WebP(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 30) return null;
        var chunk = bytes[12..16];
        if (chunk.SequenceEqual("VP8X"u8))
        {
            var frames = 0;
            for (var at = 12; at + 8 <= bytes.Length;)
            {
                if (bytes[at..].StartsWith("ANMF"u8)) frames++;
                at += 8 + ((BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]) + 1) & ~1);
                if (at < 12) break;
            }
            return Sized("image/webp", 1 + ThreeBytes(bytes[24..]), 1 + ThreeBytes(bytes[27..]), Math.Max(frames, 1));
        }
        if (chunk.SequenceEqual("VP8L"u8))
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(bytes[21..]);
            return Sized("image/webp", (int)(bits & 0x3FFF) + 1, (int)((bits >> 14) & 0x3FFF) + 1, 1);
        }
        return Sized("image/webp", BinaryPrimitives.ReadUInt16LittleEndian(bytes[26..]) & 0x3FFF,
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]) & 0x3FFF, 1);
    }

    private static int ThreeBytes(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static ImageFacts? Sized(string type, int width, int height, int frames) =>
        width > 0 && height > 0 ? new ImageFacts(type, width, height, frames) : null;
}
