using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Inspection;

/// <summary>How a picture's pixels say their colours.</summary>
public enum ColourModel
{
    Gray,
    Rgb,
    Cmyk,
}

/// <summary>What a file really is, read from its content alone; nothing that its sender said about it.</summary>
/// <param name="MimeType">By content, such as <c>image/jpeg</c>.</param>
/// <param name="SizeBytes">Above 0.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record MediaFacts(MediaKind Kind, string MimeType, long SizeBytes, string Sha256)
{
    /// <summary>Pixels as shown, orientation applied; null for what has none.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels as shown, orientation applied; null for what has none.</summary>
    public int? Height { get; init; }

    /// <summary>EXIF orientation as stored, 1–8; 1: as it lies.</summary>
    public int Orientation { get; init; } = 1;

    public bool IsAnimated { get; init; }

    /// <summary>Pictures in an image file; 1 for a still one.</summary>
    public int Frames { get; init; } = 1;

    /// <summary>Whether any pixel may be transparent.</summary>
    public bool HasAlpha { get; init; }

    /// <summary>Null for what is no image.</summary>
    public ColourModel? Colour { get; init; }

    public long? DurationMs { get; init; }

    /// <summary>Frames in a second of video.</summary>
    public double? Fps { get; init; }

    /// <summary>Bits in a second, sound and pictures together.</summary>
    public long? BitRate { get; init; }

    /// <summary>Container as ffprobe names its family: <c>mp4</c>, <c>mov</c>, <c>webm</c>, <c>matroska</c> …</summary>
    public string? Container { get; init; }

    /// <summary>As ffprobe names it, such as <c>h264</c>.</summary>
    public string? VideoCodec { get; init; }

    /// <summary>As ffprobe names it, such as <c>aac</c>; null without sound.</summary>
    public string? AudioCodec { get; init; }

    /// <summary>Pages of a document where they can be counted without opening it.</summary>
    public int? Pages { get; init; }

    /// <summary>Whether it carries what a reader does not see: EXIF with GPS, XMP, comments, appended files.</summary>
    public bool HasMetadata { get; init; }

    /// <summary>Whether what it carried unseen was taken out before it was kept; size and digest are of what is kept.</summary>
    public bool MetadataRemoved { get; init; }

    /// <summary>Why the content was not decoded or probed, such as a missing ffprobe; null when it was.</summary>
    public string? NotVerified { get; init; }

    /// <summary>Whether the whole content was decoded or probed, not only its outer structure walked.</summary>
    public bool IsVerified => NotVerified is null;
}

/// <summary>What the sender said; checked against the content, never believed.</summary>
/// <param name="MimeType">As declared, or null.</param>
/// <param name="FileName">Only its extension is read.</param>
public sealed record MediaClaim(string? MimeType = null, string? FileName = null)
{
    /// <summary>Nothing was said.</summary>
    public static MediaClaim None { get; } = new();
}

/// <summary>Why a file is not taken.</summary>
/// <param name="Code">Stable; one of <see cref="RefusalCodes"/>.</param>
/// <param name="Message">For people; names nothing of the file's content.</param>
/// <param name="Unit">Of limit and actual: <c>bytes</c>, <c>pixels</c>, <c>frames</c> …</param>
public sealed record MediaRefusal(
    string Code, string Message, double? Limit = null, double? Actual = null, string? Unit = null);

/// <summary>The codes of <see cref="MediaRefusal"/>.</summary>
public static class RefusalCodes
{
    public const string Empty = "emptyFile";
    public const string TooLarge = "fileTooLarge";
    public const string Unsupported = "unsupportedFormat";
    public const string TypeMismatch = "typeMismatch";
    public const string Truncated = "truncated";
    public const string Corrupt = "corrupt";
    public const string Polyglot = "hiddenContent";
    public const string TooManyPixels = "tooManyPixels";
    public const string TooManyFrames = "tooManyFrames";
    public const string TooLargeSide = "dimensionsTooLarge";
    public const string Bomb = "decompressionBomb";
    public const string ActiveContent = "activeContent";
    public const string Encrypted = "encrypted";
    public const string NoStreams = "noStreams";
}

/// <summary>The verdict on a file: exactly one of the two is set.</summary>
public sealed record MediaInspection(MediaFacts? Facts, MediaRefusal? Refusal)
{
    public static implicit operator MediaInspection(MediaFacts facts) => new(facts, null);

    public static implicit operator MediaInspection(MediaRefusal refusal) => new(null, refusal);
}
