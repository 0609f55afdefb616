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
