using System.Buffers.Binary;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Inspection;

/// <summary>The formats we know, by their first bytes and by what senders call them.</summary>
internal static class MediaSignature
{
    public const int Bytes = 64;

    public const string Jpeg = "image/jpeg";
    public const string Png = "image/png";
    public const string Gif = "image/gif";
    public const string WebP = "image/webp";
    public const string Bmp = "image/bmp";
    public const string Tiff = "image/tiff";
    public const string Avif = "image/avif";
    public const string Heic = "image/heic";
    public const string Mp4 = "video/mp4";
    public const string QuickTime = "video/quicktime";
    public const string WebM = "video/webm";
    public const string Matroska = "video/x-matroska";
    public const string Mp3 = "audio/mpeg";
    public const string M4a = "audio/mp4";
    public const string Wav = "audio/wav";
    public const string Flac = "audio/flac";
    public const string Ogg = "audio/ogg";
    public const string Pdf = "application/pdf";
    public const string Zip = "application/zip";
    public const string Docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    public const string Pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

    private static readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["image/jpg"] = Jpeg,
        ["image/pjpeg"] = Jpeg,
        ["image/apng"] = Png,
        ["image/x-ms-bmp"] = Bmp,
        ["image/heif"] = Heic,
        ["image/heic-sequence"] = Heic,
        ["image/heif-sequence"] = Heic,
        ["video/x-m4v"] = Mp4,
        ["audio/mp3"] = Mp3,
        ["audio/m4a"] = M4a,
        ["audio/x-m4a"] = M4a,
        ["audio/x-wav"] = Wav,
        ["audio/wave"] = Wav,
        ["audio/x-flac"] = Flac,
        ["application/ogg"] = Ogg,
    };

    private static readonly Dictionary<string, string> _extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        [".jpg"] = Jpeg, [".jpeg"] = Jpeg, [".jpe"] = Jpeg, [".png"] = Png, [".apng"] = Png, [".gif"] = Gif,
        [".webp"] = WebP, [".bmp"] = Bmp, [".tif"] = Tiff, [".tiff"] = Tiff, [".avif"] = Avif, [".heic"] = Heic,
        [".heif"] = Heic, [".mp4"] = Mp4, [".m4v"] = Mp4, [".mov"] = QuickTime, [".webm"] = WebM,
        [".mkv"] = Matroska, [".mp3"] = Mp3, [".m4a"] = M4a, [".wav"] = Wav, [".flac"] = Flac, [".ogg"] = Ogg,
        [".oga"] = Ogg, [".opus"] = Ogg, [".pdf"] = Pdf, [".docx"] = Docx, [".pptx"] = Pptx, [".zip"] = Zip,
        [".html"] = "text/html", [".htm"] = "text/html", [".svg"] = "image/svg+xml", [".js"] = "text/javascript",
        [".exe"] = "application/octet-stream+exe", [".txt"] = "text/plain",
    };

    /// <summary>The type that <paramref name="head"/> begins; null for none of ours. WebM and Matroska look alike
    /// until their document type is read, as do the members of the zip family.</summary>
    public static string? Of(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return Jpeg;
        if (head.StartsWith(PngMagic)) return Png;
        if (head.StartsWith("GIF87a"u8) || head.StartsWith("GIF89a"u8)) return Gif;
        if (head.Length >= 12 && head.StartsWith("RIFF"u8))
            return head[8..].StartsWith("WEBP"u8) ? WebP : head[8..].StartsWith("WAVE"u8) ? Wav : null;
        if (head.StartsWith((ReadOnlySpan<byte>)[0x49, 0x49, 0x2A, 0x00])
            || head.StartsWith((ReadOnlySpan<byte>)[0x4D, 0x4D, 0x00, 0x2A])) return Tiff;
        if (head.Length >= 18 && head.StartsWith("BM"u8)
            && BinaryPrimitives.ReadUInt32LittleEndian(head[14..]) is 12 or 40 or 52 or 56 or 108 or 124) return Bmp;
        if (head.Length >= 12 && head[4..].StartsWith("ftyp"u8)) return OfBrand(head);
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]))
            return head.IndexOf("webm"u8) >= 0 ? WebM : head.IndexOf("matroska"u8) >= 0 ? Matroska : null;
        if (head.StartsWith("fLaC"u8)) return Flac;
        if (head.StartsWith("OggS"u8)) return Ogg;
        if (head.StartsWith("ID3"u8)) return Mp3;
        if (head.Length >= 4 && head[0] == 0xFF && (head[1] & 0xE6) == 0xE2 && (head[2] & 0xF0) is not (0 or 0xF0)
            && (head[2] & 0x0C) != 0x0C) return Mp3;
        if (head.StartsWith("%PDF-"u8)) return Pdf;
        return head.StartsWith("PK\x03\x04"u8) ? Zip : null;
    }

    private static ReadOnlySpan<byte> PngMagic => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    // The major brand decides; a generic one (mif1, msf1) leaves it to the compatible ones.
    private static string? OfBrand(ReadOnlySpan<byte> head)
    {
        var size = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(head), (uint)head.Length);
        var major = head.Slice(8, 4);
        if (major.SequenceEqual("avif"u8) || major.SequenceEqual("avis"u8)) return Avif;
        if (major[..3].SequenceEqual("hei"u8) || major[..3].SequenceEqual("hev"u8)) return Heic;
        if (major.SequenceEqual("mif1"u8) || major.SequenceEqual("msf1"u8))
        {
            for (var at = 16; at + 4 <= size; at += 4)
            {
                var brand = head.Slice(at, 4);
                if (brand[..3].SequenceEqual("avi"u8)) return Avif;
                if (brand[..3].SequenceEqual("hei"u8) || brand[..3].SequenceEqual("hev"u8)) return Heic;
            }
            return null;
        }
        if (major.SequenceEqual("qt  "u8)) return QuickTime;
        return major[..3].SequenceEqual("M4A"u8) || major[..3].SequenceEqual("M4B"u8) ? M4a : Mp4;
    }

    /// <summary>What files of a type are usually called, such as <c>.jpg</c>; empty for a type that is none of ours.</summary>
    public static string ExtensionOf(string mimeType) =>
        _extensions.FirstOrDefault(e => e.Value == mimeType).Key is { } extension ? extension : "";

    /// <summary>Null for a type we do not take.</summary>
    public static MediaKind? KindOf(string mimeType) => mimeType.Split('/')[0] switch
    {
        "image" => MediaKind.Image,
        "video" => MediaKind.Video,
        "audio" => MediaKind.Audio,
        _ => mimeType is Pdf or Docx or Pptx ? MediaKind.Document : null,
    };

    /// <summary>What the sender's words stand for; null when they say nothing definite.</summary>
    public static IEnumerable<string> Claimed(MediaClaim claim)
    {
        var mime = claim.MimeType?.Split(';')[0].Trim();
        if (!string.IsNullOrEmpty(mime) && mime is not ("application/octet-stream" or "binary/octet-stream"))
            yield return _names.GetValueOrDefault(mime, mime.ToLowerInvariant());
        if (Path.GetExtension(claim.FileName) is { Length: > 1 } extension
            && _extensions.TryGetValue(extension, out var named)) yield return named;
    }

    /// <summary>Whether a file of <paramref name="real"/> may be called <paramref name="claimed"/>: same format, or one
    /// of a family whose members people mix up.</summary>
    public static bool Fits(string claimed, string real) => claimed == real
        || (IsMovie(claimed) && IsMovie(real))
        || (claimed is Matroska or WebM or "audio/webm" && real is Matroska or WebM)
        || (claimed == "video/ogg" && real == Ogg);

    private static bool IsMovie(string type) => type is Mp4 or QuickTime or M4a;
}
