namespace PostMantis.Core.Providers;

/// <summary>What a media file is to a reader.</summary>
public enum MediaKind
{
    /// <summary>A picture, still or animated.</summary>
    Image,

    /// <summary>Moving pictures, with or without sound.</summary>
    Video,

    /// <summary>Sound alone.</summary>
    Audio,

    /// <summary>Pages: PDF, Word, PowerPoint.</summary>
    Document,
}

/// <summary>What a network takes of one class of media. A limit that is null is none.</summary>
/// <param name="Kind">The kind this rule is for.</param>
/// <param name="Types">MIME types taken as they are, the first the one to convert to; empty: any.</param>
public sealed record MediaRule(MediaKind Kind, IReadOnlyList<string> Types)
{
    /// <summary>For images: whether this rule is for animated ones; a network without such a rule takes none.</summary>
    public bool Animated { get; init; }

    /// <summary>Files of this class in one post.</summary>
    public int? MaxCount { get; init; }

    /// <summary>Files of this class that a post needs.</summary>
    public int MinCount { get; init; }

    /// <summary>Whether a file of this class shares a post with no other class.</summary>
    public bool Alone { get; init; }

    public long? MinBytes { get; init; }

    public long? MaxBytes { get; init; }

    /// <summary>Pixels as shown.</summary>
    public int? MinWidth { get; init; }

    public int? MinHeight { get; init; }

    public int? MaxWidth { get; init; }

    public int? MaxHeight { get; init; }

    /// <summary>Pixels of the shorter side, either way up.</summary>
    public int? MaxShortSide { get; init; }

    /// <summary>Width × height; of animations width × height × pictures where <see cref="MaxFramePixels"/> says so.</summary>
    public long? MaxPixels { get; init; }

    /// <summary>Pixels of all pictures of an animation together.</summary>
    public long? MaxFramePixels { get; init; }

    public int? MaxFrames { get; init; }

    /// <summary>Width divided by height.</summary>
    public double? MinAspect { get; init; }

    public double? MaxAspect { get; init; }

    /// <summary>Whether pixels must lie as they are shown: the network ignores EXIF orientation.</summary>
    public bool Upright { get; init; }

    /// <summary>Whether CMYK is not taken.</summary>
    public bool RgbOnly { get; init; }

    public long? MinDurationMs { get; init; }

    public long? MaxDurationMs { get; init; }

    public double? MinFps { get; init; }

    public double? MaxFps { get; init; }

    /// <summary>Bits in a second.</summary>
    public long? MaxBitRate { get; init; }

    /// <summary>As ffprobe names them, the first the one to convert to; empty: any.</summary>
    public IReadOnlyList<string> VideoCodecs { get; init; } = [];

    /// <summary>As ffprobe names them, the first the one to convert to; empty: any.</summary>
    public IReadOnlyList<string> AudioCodecs { get; init; } = [];

    /// <summary>Pages of a document.</summary>
    public int? MaxPages { get; init; }

    /// <summary>Whether a file of this class has alternative text, where the network knows it at all.</summary>
    public bool AltText { get; init; } = true;
}

/// <summary>What media a network takes; data for the one rule engine.</summary>
/// <param name="Rules">One for each class; what no rule is for is not taken.</param>
/// <param name="MixedKinds">Whether images and video share a post.</param>
/// <param name="Required">Whether a post needs media.</param>
public sealed record MediaRules(IReadOnlyList<MediaRule> Rules, bool MixedKinds = true, bool Required = false)
{
    /// <summary>Whether several pictures of a post must all be of one width and height.</summary>
    public bool SameSize { get; init; }
}
