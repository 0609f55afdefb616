using System.Globalization;
using PostMantis.Core.Media;
using PostMantis.Core.Providers;

namespace PostMantis.Web.Shared;

/// <summary>A media file as a person reads about it.</summary>
public static class MediaWords
{
    /// <summary>Such as "JPEG · 1.2 MB · 1080 × 1350".</summary>
    public static string Facts(ArtifactResource artifact)
    {
        ArgumentNullException.ThrowIfNull(artifact);
        return string.Join(" · ", ((string?[])
        [
            artifact.MimeType is { } type ? Format(type) : null,
            artifact.SizeBytes is { } bytes ? Size(bytes) : null,
            artifact is { Width: { } width, Height: { } height } ? $"{width} × {height}" : null,
            artifact.DurationMs is { } milliseconds ? Length(milliseconds) : null,
            artifact.Verification is { IsAnimated: true, Frames: var frames } ? $"{frames} pictures" : null,
        ]).OfType<string>());
    }

    /// <summary>Such as "1.2 MB".</summary>
    public static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.#} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MiB"),
        >= 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 10):0} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
    };

    /// <summary>The symbol of a kind that has no picture.</summary>
    public static string Glyph(MediaKind? kind) => kind switch
    {
        MediaKind.Video => "film",
        MediaKind.Audio => "file-earmark-music",
        MediaKind.Image => "image",
        _ => "file-earmark-text",
    };

    /// <summary>Where it stands, and its colour.</summary>
    public static (string Text, string Tone) Status(ArtifactStatus status) => status switch
    {
        ArtifactStatus.Reserved => ("Not sent yet", "idle"),
        ArtifactStatus.Importing => ("Being imported", "busy"),
        ArtifactStatus.Verified => ("Verified", "good"),
        ArtifactStatus.Failed => ("Refused", "bad"),
        _ => ("Expired", "idle"),
    };

    private static string Format(string mimeType) => mimeType switch
    {
        "video/quicktime" => "MOV",
        "video/x-matroska" => "MKV",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "Word",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "PowerPoint",
        _ => mimeType[(mimeType.IndexOf('/', StringComparison.Ordinal) + 1)..].ToUpperInvariant(),
    };

    private static string Length(long milliseconds) => TimeSpan.FromMilliseconds(milliseconds) is var length && length.TotalHours >= 1
        ? length.ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture)
        : length.ToString(@"m\:ss", CultureInfo.InvariantCulture);
}
