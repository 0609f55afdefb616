using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Media.Inspection;

/// <summary>How much of a file's content one inspection or conversion may cost.</summary>
public sealed class InspectionOptions
{
    public const string Section = "Media:Inspection";

    /// <summary>Largest file, bytes.</summary>
    [Range(1, 1L << 40)]
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>Longest side of a picture, pixels.</summary>
    [Range(1, 65_500)]
    public int MaxSide { get; set; } = 16_384;

    /// <summary>All pictures of one image file together, pixels; decoding takes four bytes for each.</summary>
    [Range(1, 1_000_000_000)]
    public long MaxPixels { get; set; } = 100_000_000;

    /// <summary>Pictures in one animation.</summary>
    [Range(1, 10_000)]
    public int MaxFrames { get; set; } = 1_000;

    /// <summary>Longest time one decode or probe may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest time one video conversion may take.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "12:00:00")]
    public TimeSpan TranscodeTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Program that probes video and audio; looked up in PATH unless rooted.</summary>
    [Required]
    public string Ffprobe { get; set; } = "ffprobe";

    /// <summary>Program that converts video; looked up in PATH unless rooted.</summary>
    [Required]
    public string Ffmpeg { get; set; } = "ffmpeg";
}
