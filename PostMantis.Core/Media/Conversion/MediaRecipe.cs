using System.Security.Cryptography;
using System.Text.Json;
using PostMantis.Core.Common;

namespace PostMantis.Core.Media.Conversion;

/// <summary>How a file is made into one that a network takes; equal recipes give equal files.</summary>
/// <param name="MimeType">What it becomes.</param>
public sealed record MediaRecipe(string MimeType)
{
    /// <summary>Bytes of the result at most.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Pixels of the result, orientation applied; null: as it is.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels of the result, orientation applied; null: as it is.</summary>
    public int? Height { get; init; }

    /// <summary>Below this many pixels a side is never scaled to reach <see cref="MaxBytes"/>.</summary>
    public int MinWidth { get; init; } = 1;

    public int MinHeight { get; init; } = 1;

    /// <summary>Width of the canvas the picture is set upon, white around it; null: no padding.</summary>
    public int? PadWidth { get; init; }

    public int? PadHeight { get; init; }

    /// <summary>As ffmpeg names it; null for what is no video.</summary>
    public string? VideoCodec { get; init; }

    public string? AudioCodec { get; init; }

    public double? Fps { get; init; }

    /// <summary>Bits in a second.</summary>
    public long? BitRate { get; init; }

    /// <summary>Under which the result is kept: 32 hexadecimal digits over every member.</summary>
    public string Key() => Convert.ToHexStringLower(
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this, Json.Options)).AsSpan(0, 16));

    /// <summary>For people, such as <c>image/jpeg, 1080 × 1350 pixels, at most 8000000 bytes</c>.</summary>
    public override string ToString() => string.Join(", ", ((string?[])
    [
        MimeType,
        VideoCodec is null ? null : AudioCodec is null ? VideoCodec : $"{VideoCodec} and {AudioCodec}",
        Width is null ? null : $"{Width} × {Height} pixels",
        PadWidth is null ? null : $"padded to {PadWidth} × {PadHeight}",
        Fps is null ? null : $"{Fps:0.##} pictures a second",
        MaxBytes is null ? null : $"at most {MaxBytes} bytes",
    ]).OfType<string>());
}
