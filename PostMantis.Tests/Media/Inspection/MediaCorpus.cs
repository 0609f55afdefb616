using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using ImageMagick;

namespace PostMantis.Tests.Media.Inspection;

/// <summary>Media files of every format and every kind of trouble, all made here.</summary>
internal static class MediaCorpus
{
    /// <summary>A picture whose upper half is red and lower half blue.</summary>
    public static MagickImage Picture(int width, int height, bool alpha = false)
    {
        var image = new MagickImage(new MagickColor(alpha ? "#FF000080" : "#FF0000"), (uint)width, (uint)height);
        using var lower = new MagickImage(
            new MagickColor(alpha ? "#0000FF80" : "#0000FF"), (uint)width, (uint)Math.Max(1, height / 2));
        image.Composite(lower, 0, height / 2, CompositeOperator.Copy);
        return image;
    }

    public static byte[] Image(MagickFormat format, int width = 640, int height = 480, bool alpha = false)
    {
        using var image = Picture(width, height, alpha);
        image.Format = format;
        return image.ToByteArray();
    }

    /// <summary>Pixels that no encoder can pack: a file about as large as they are.</summary>
    public static byte[] Noise(MagickFormat format, int width, int height)
    {
        var pixels = new byte[width * height * 3];
        new Random(7).NextBytes(pixels);
        using var image = new MagickImage();
        image.ReadPixels(pixels, new PixelReadSettings((uint)width, (uint)height, StorageType.Char, PixelMapping.RGB));
        image.Format = format;
        image.Quality = 98;
        return image.ToByteArray();
    }

    public static byte[] Cmyk()
    {
        using var image = Picture(640, 480);
        image.ColorSpace = ColorSpace.CMYK;
        image.Format = MagickFormat.Jpeg;
        return image.ToByteArray();
    }

    public static byte[] Animated(MagickFormat format, int frames = 5, int width = 320, int height = 240)
    {
        using var images = new MagickImageCollection();
        for (var i = 0; i < frames; i++)
        {
            var frame = new MagickImage(i % 2 == 0 ? MagickColors.Red : MagickColors.Green, (uint)width, (uint)height);
            frame.AnimationDelay = 10;
            frame.GifDisposeMethod = GifDisposeMethod.None;
            images.Add(frame);
        }
        return images.ToByteArray(format);
    }

    /// <summary>A JPEG with EXIF: which way is up, and where it was taken.</summary>
    public static byte[] Oriented(int orientation, bool gps = false)
    {
        var exif = new ExifProfile();
        exif.SetValue(ExifTag.Orientation, (ushort)orientation);
        if (gps)
        {
            exif.SetValue(ExifTag.GPSLatitudeRef, "N");
            exif.SetValue(ExifTag.GPSLatitude, [new Rational(52), new Rational(31), new Rational(12)]);
            exif.SetValue(ExifTag.Make, "SecretCamera");
        }
        // Put in by hand: the library would write the orientation it has in mind itself.
        var jpeg = Image(MagickFormat.Jpeg);
        var body = exif.ToByteArray()!;
        if (!body.AsSpan().StartsWith("Exif\0\0"u8)) body = [.. "Exif\0\0"u8, .. body];
        var length = body.Length + 2;
        return [.. jpeg[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. body, .. jpeg[2..]];
    }

    /// <summary>A PNG whose header promises <paramref name="width"/> × <paramref name="height"/> pixels in a few bytes.</summary>
    public static byte[] PngBomb(int width, int height)
    {
        using var body = new MemoryStream();
        using (var zlib = new ZLibStream(body, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(new byte[64 * 1024]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = 2;
        return [0x89, .. "PNG\r\n\x1A\n"u8, .. Chunk("IHDR", header), .. Chunk("IDAT", body.ToArray()), .. Chunk("IEND", [])];
    }

    public static byte[] Chunk(string name, byte[] payload)
    {
        var chunk = new byte[payload.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, payload.Length);
        Encoding.ASCII.GetBytes(name).CopyTo(chunk, 4);
        payload.CopyTo(chunk, 8);
        var crc = uint.MaxValue;
        foreach (var b in chunk.AsSpan(4, payload.Length + 4))
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(payload.Length + 8), ~crc);
        return chunk;
    }

    /// <summary>A zip archive with <paramref name="entries"/>, each a name and its text.</summary>
    public static byte[] Zip(params (string Name, string Text)[] entries)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, text) in entries)
            {
                using var writer = new StreamWriter(zip.CreateEntry(name).Open());
                writer.Write(text);
            }
        return bytes.ToArray();
    }

    public static byte[] Pdf(string inCatalog = "")
    {
        var text = new StringBuilder("%PDF-1.4\n");
        List<int> places = [];
        void Add(string body)
        {
            places.Add(text.Length);
            text.Append(places.Count).Append(" 0 obj\n").Append(body).Append("\nendobj\n");
        }
        Add($"<< /Type /Catalog /Pages 2 0 R {inCatalog}>>");
        Add("<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>");
        Add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>");
        Add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>");
        var table = text.Length;
        text.Append("xref\n0 5\n0000000000 65535 f \n");
        foreach (var place in places) text.Append(place.ToString("D10", CultureInfo.InvariantCulture)).Append(" 00000 n \n");
        text.Append("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n").Append(table).Append("\n%%EOF\n");
        return Encoding.Latin1.GetBytes(text.ToString());
    }

    /// <summary>One second of silence.</summary>
    public static byte[] Wav()
    {
        var wav = new byte[44 + 16_000];
        "RIFF"u8.CopyTo(wav);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(4), wav.Length - 8);
        "WAVEfmt "u8.CopyTo(wav.AsSpan(8));
        wav[16] = 16;
        wav[20] = 1;
        wav[22] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(24), 8000);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(28), 16_000);
        wav[32] = 2;
        wav[34] = 16;
        "data"u8.CopyTo(wav.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(40), 16_000);
        return wav;
    }

    /// <summary>Why tests of video cannot run here; null when they can.</summary>
    public static string? NoFfmpeg { get; } = Installed("ffmpeg") && Installed("ffprobe")
        ? null
        : "ffmpeg and ffprobe are not installed (Debian package: ffmpeg)";

    /// <summary>Two seconds of a test picture and a tone, as <paramref name="fileName"/>'s extension says.</summary>
    public static async Task<string> VideoAsync(string folder, string fileName, params string[] codecs)
    {
        var path = Path.Combine(folder, fileName);
        var start = new ProcessStartInfo("ffmpeg") { RedirectStandardError = true };
        foreach (var argument in (string[])["-v", "error", "-y", "-f", "lavfi", "-i",
            "testsrc=size=320x240:rate=25:duration=2", "-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-shortest",
            .. codecs, path]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? path : throw new InvalidOperationException(error);
    }

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Lazy<Task<byte[]>>> _made = new();

    /// <summary>The files of the corpus that networks are tried with.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "jpeg", "png", "alphaPng", "webp", "alphaWebp", "avif", "bmp", "tiff", "gif", "cmyk", "turned", "turnedTall", "animatedGif",
        "animatedWebp", "heavyJpeg", "heavyPng", "tooTall", "tooWide", "pdf", "wav", .. NoFfmpeg is null ? ["mp4", "webm"] : Array.Empty<string>(),
    ];

    /// <summary>Puts one file of the corpus in <paramref name="folder"/>; answers its path.</summary>
    public static async Task<string> MakeAsync(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        // Drawing them takes longer than most of what is tried on them.
        await File.WriteAllBytesAsync(path, await _made.GetOrAdd(name, wanted => new Lazy<Task<byte[]>>(() => DrawAsync(wanted))).Value);
        return path;
    }

    private static async Task<byte[]> DrawAsync(string name) => name switch
    {
        "mp4" => await FilmAsync("a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        "webm" => await FilmAsync("a.webm", "-c:v", "libvpx", "-c:a", "libvorbis"),
        "jpeg" => Image(MagickFormat.Jpeg),
        "png" => Image(MagickFormat.Png),
        "alphaPng" => Image(MagickFormat.Png, alpha: true),
        "webp" => Image(MagickFormat.WebP),
        "alphaWebp" => Image(MagickFormat.WebP, alpha: true),
        "avif" => Image(MagickFormat.Avif),
        "heic" => await HeicAsync(),
        "bmp" => Image(MagickFormat.Bmp),
        "tiff" => Image(MagickFormat.Tiff),
        "gif" => Image(MagickFormat.Gif),
        "cmyk" => Cmyk(),
        "turned" => Oriented(3, gps: true),
        "turnedTall" => Oriented(6, gps: true),
        "animatedGif" => Animated(MagickFormat.Gif),
        "animatedWebp" => Animated(MagickFormat.WebP),
        "heavyJpeg" => Noise(MagickFormat.Jpeg, 1400, 1200),
        "heavyPng" => Noise(MagickFormat.Png, 2000, 1800),
        "tooTall" => Image(MagickFormat.Jpeg, 300, 900),
        "tooWide" => Image(MagickFormat.Jpeg, 900, 300),
        "pdf" => Pdf(),
        "wav" => Wav(),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    /// <summary>A HEIC of 320 × 240 pixels as phones write it: nobody here encodes one, so a frame of a film is put in its boxes.</summary>
    public static async Task<byte[]> HeicAsync()
    {
        var film = await FilmAsync("a.mp4", "-an", "-frames:v", "1", "-c:v", "libx265", "-x265-params", "log-level=none:info=0",
            "-pix_fmt", "yuv420p", "-tag:v", "hvc1");
        int After(ReadOnlySpan<byte> name, int skipped) => film.AsSpan().IndexOf(name) + name.Length + skipped;
        int Number(int at) => BinaryPrimitives.ReadInt32BigEndian(film.AsSpan(at));
        var decoder = After("hvcC"u8, 0) - 8;
        var (sizes, offsets) = (After("stsz"u8, 4), After("stco"u8, 8));
        var size = Number(sizes) is > 0 and var same ? same : Number(sizes + 8);
        var frame = film[Number(offsets)..(Number(offsets) + size)];

        var type = Box("ftyp", "heic"u8.ToArray(), Bytes(0), "mif1heic"u8.ToArray());
        byte[] Meta(int at) => Full("meta", 0,
            Full("hdlr", 0, Bytes(0), "pict"u8.ToArray(), new byte[13]),
            Full("pitm", 0, [0, 1]),
            Full("iloc", 0, [0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1], Bytes(at), Bytes(frame.Length)),
            Full("iinf", 0, [0, 1], Full("infe", 2, [0, 1, 0, 0], "hvc1"u8.ToArray(), [0])),
            Box("iprp", Box("ipco", film[decoder..(decoder + Number(decoder))], Full("ispe", 0, Bytes(320), Bytes(240))),
                Full("ipma", 0, Bytes(1), [0, 1, 2, 0x81, 2])));
        return [.. type, .. Meta(type.Length + Meta(0).Length + 8), .. Box("mdat", frame)];

        static byte[] Full(string name, byte version, params byte[][] parts) => Box(name, [[version, 0, 0, 0], .. parts]);
        static byte[] Box(string name, params byte[][] parts) =>
            [.. Bytes(8 + parts.Sum(part => part.Length)), .. Encoding.ASCII.GetBytes(name), .. parts.SelectMany(part => part)];
        static byte[] Bytes(int number)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, number);
            return bytes;
        }
    }

    private static async Task<byte[]> FilmAsync(string fileName, params string[] codecs)
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-film-");
        try
        {
            return await File.ReadAllBytesAsync(await VideoAsync(folder.FullName, fileName, codecs));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool Installed(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, name)));
}
