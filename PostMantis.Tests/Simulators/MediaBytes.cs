using System.Buffers.Binary;
using System.Text;

namespace PostMantis.Tests.Simulators;

/// <summary>Small files that say of themselves what a test wants.</summary>
internal static class MediaBytes
{
    public static byte[] Jpeg(int width = 40, int height = 30, int size = 0, byte grain = 0) => Fill(
    [
        0xFF, 0xD8, 0xFF, 0xE0, 0, 4, grain, 0, 0xFF, 0xC0, 0, 11, 8,
        (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0, 0xFF, 0xD9,
    ], size);

    public static byte[] Png(int width = 40, int height = 30, int size = 0)
    {
        byte[] bytes = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, .. "IHDR"u8, .. Four(width),
            .. Four(height), 8, 2, 0, 0, 0, 0, 0, 0, 0];
        return Fill(bytes, size);
    }

    public static byte[] Gif(int width = 40, int height = 30, int frames = 1)
    {
        var bytes = new MemoryStream();
        bytes.Write("GIF89a"u8);
        bytes.Write([(byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 0, 0]);
        for (var at = 0; at < frames; at++)
            bytes.Write([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
        bytes.WriteByte(0x3B);
        return bytes.ToArray();
    }

    public static byte[] WebP(int width = 40, int height = 30, int size = 0) => Fill(
    [
        .. "RIFF"u8, 26, 0, 0, 0, .. "WEBPVP8 "u8, 10, 0, 0, 0, 0, 0, 0, 0x9D, 1, 0x2A,
        (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 0,
    ], size);

    /// <summary>An MP4 of empty pictures; padded to a size by a free box.</summary>
    public static byte[] Mp4(int width = 640, int height = 360, double seconds = 5, int fps = 30,
        string codec = "avc1", string? audio = "mp4a", int size = 0, string brand = "isom")
    {
        const int Scale = 1000;
        var length = (int)Math.Round(seconds * Scale);
        byte[] moov = Box("moov",
            Box("mvhd", [0, 0, 0, 0, .. Four(0), .. Four(0), .. Four(Scale), .. Four(length), .. new byte[80]]),
            Track("vide", length, Scale, (int)Math.Round(seconds * fps),
                Entry(codec, [.. new byte[24], (byte)(width >> 8), (byte)width, (byte)(height >> 8), (byte)height,
                    .. new byte[50]])),
            audio is null ? [] : Track("soun", length, Scale, 100, Entry(audio, new byte[28])));
        byte[] ftyp = Box("ftyp", [.. Encoding.ASCII.GetBytes(brand), 0, 0, 2, 0, .. "isomiso2"u8]);
        var rest = Math.Max(8, size - ftyp.Length - moov.Length);
        return [.. ftyp, .. moov, .. Box("free", new byte[rest - 8])];
    }

    private static byte[] Track(string kind, int length, int scale, int samples, byte[] entry) =>
        Box("trak", Box("mdia",
        Box("mdhd", [0, 0, 0, 0, .. Four(0), .. Four(0), .. Four(scale), .. Four(length), 0, 0, 0, 0]),
        Box("hdlr", [0, 0, 0, 0, .. Four(0), .. Encoding.ASCII.GetBytes(kind), .. new byte[13]]),
        Box("minf", Box("stbl", Box("stsd", [0, 0, 0, 0, .. Four(1), .. entry]),
            Box("stts", [0, 0, 0, 0, .. Four(1), .. Four(samples), .. Four(1)])))));

    private static byte[] Entry(string codec, byte[] body) => Box(codec, body);

    private static byte[] Box(string name, params byte[][] parts) =>
        [.. Four(8 + parts.Sum(part => part.Length)), .. Encoding.ASCII.GetBytes(name),
            .. parts.SelectMany(part => part)];

    private static byte[] Four(int number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return bytes;
    }

    private static byte[] Fill(byte[] head, int size) => size <= head.Length ? head
        : [.. head, .. new byte[size - head.Length]];
}
