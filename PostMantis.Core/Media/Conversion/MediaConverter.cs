using System.Globalization;
using ImageMagick;
using Microsoft.Extensions.Options;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Conversion;

/// <summary>
/// Carries recipes out. What it writes is inspected again, so its answer is about the file as it is and not as it was
/// meant. Pictures by the image library, one at a time in the process; video by ffmpeg.
/// </summary>
public sealed class MediaConverter(IOptions<InspectionOptions> options, MediaInspector inspector)
{
    /// <summary>The refusal when no quality and no scale brings a file under its limit.</summary>
    public const string CannotFit = "cannotFit";

    /// <summary>The refusal when ffmpeg is missing or fails.</summary>
    public const string CannotConvert = "cannotConvert";

    private static readonly uint[] _qualities = [90, 82, 74, 66, 58, 50];

    private readonly InspectionOptions _options = options.Value;

    /// <summary>What this server can convert.</summary>
    public MediaTools Tools => new(ToolProcess.Exists(_options.Ffmpeg) && ToolProcess.Exists(_options.Ffprobe));

    /// <summary>Makes <paramref name="destination"/> out of <paramref name="source"/> by <paramref name="recipe"/>.</summary>
    /// <param name="facts">Of the source, as it was inspected.</param>
    /// <param name="progress">0 to 1, for video; null: nobody asks.</param>
    /// <returns>The facts of what was written, or why it could not be.</returns>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public async Task<MediaInspection> ConvertAsync(string source, MediaFacts facts, MediaRecipe recipe,
        string destination, IProgress<double>? progress, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(recipe);
        try
        {
            if (facts.Kind == MediaKind.Image)
                await Pictures.RunAsync(_options, () => Draw(source, facts, recipe, destination, ct), ct);
            else
                await TranscodeAsync(source, facts, recipe, destination, progress, ct);
        }
        catch (MediaRefusedException refused)
        {
            return refused.Refusal;
        }
        var made = await inspector.InspectAsync(destination, ct);
        return made.Facts is { } result && result.SizeBytes > recipe.MaxBytes
            ? TooLarge(recipe, result.SizeBytes).Refusal
            : made;
    }

    private static bool Draw(string source, MediaFacts facts, MediaRecipe recipe, string destination, CancellationToken ct)
    {
        using var images = Pictures.Decode(source, facts.MimeType);
        if (facts.IsAnimated) images.Coalesce();
        else
            while (images.Count > 1) images.RemoveAt(images.Count - 1);
        foreach (var image in images)
        {
            Upright(image, facts.Orientation);
            Colours(image);
            if (recipe.MimeType == MediaSignature.Jpeg) Flatten(image);
            if (recipe is { Width: { } width, Height: { } height }) Resize(image, width, height);
            if (recipe is { PadWidth: { } padWidth, PadHeight: { } padHeight })
                image.Extent((uint)padWidth, (uint)padHeight, Gravity.Center, MagickColors.White);
            image.Strip();
        }
        var written = 0L;
        for (var scale = 1.0; ; scale *= 0.8)
        {
            ct.ThrowIfCancellationRequested();
            if (scale < 1)
            {
                var (width, height) = ((int)(images[0].Width * 0.8), (int)(images[0].Height * 0.8));
                if (width < Math.Max(1, recipe.MinWidth) || height < Math.Max(1, recipe.MinHeight))
                    throw TooLarge(recipe, written);
                foreach (var image in images) Resize(image, width, height);
            }
            foreach (var quality in recipe.MimeType is MediaSignature.Jpeg or MediaSignature.WebP ? _qualities : [90])
            {
                foreach (var image in images)
                {
                    image.Quality = quality;
                    image.Format = Pictures.Format(recipe.MimeType);
                }
                images.Write(new FileInfo(destination), Pictures.Format(recipe.MimeType));
                written = new FileInfo(destination).Length;
                if (!(written > recipe.MaxBytes)) return true;
            }
        }
    }

    private static MediaRefusedException TooLarge(MediaRecipe recipe, long written) =>
        new(new MediaRefusal(CannotFit, "The file cannot be made small enough.", recipe.MaxBytes, written, "bytes"));

    // By our own reading of it: the library believes the picture's metadata, and not every decoder keeps that.
    private static void Upright(IMagickImage<byte> image, int orientation)
    {
        switch (orientation)
        {
            case 2: image.Flop(); break;
            case 3: image.Rotate(180); break;
            case 4: image.Flip(); break;
            case 5: image.Transpose(); break;
            case 6: image.Rotate(90); break;
            case 7: image.Transverse(); break;
            case 8: image.Rotate(270); break;
        }
        image.ResetPage();
        image.Orientation = default;
    }

    private static void Colours(IMagickImage<byte> image)
    {
        if (image.GetColorProfile() is not null) image.TransformColorSpace(ColorProfiles.SRGB);
        else if (image.ColorSpace == ColorSpace.CMYK) image.TransformColorSpace(ColorProfiles.USWebCoatedSWOP, ColorProfiles.SRGB);
        if (image.ColorSpace is not (ColorSpace.sRGB or ColorSpace.Gray)) image.ColorSpace = ColorSpace.sRGB;
    }

    private static void Flatten(IMagickImage<byte> image)
    {
        if (!image.HasAlpha) return;
        image.BackgroundColor = MagickColors.White;
        image.Extent(image.Width, image.Height, MagickColors.White);
        image.HasAlpha = false;
    }

    private static void Resize(IMagickImage<byte> image, int width, int height) =>
        image.Resize(new MagickGeometry((uint)width, (uint)height) { IgnoreAspectRatio = true });

    private async Task TranscodeAsync(string source, MediaFacts facts, MediaRecipe recipe, string destination,
        IProgress<double>? progress, CancellationToken ct)
    {
        string Say(FormattableString text) => FormattableString.Invariant(text);
        List<string> arguments =
        [
            "-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file", "-f", StreamInspection.Demuxer(facts.MimeType),
            "-i", "file:" + source, "-map", "0:V:0", "-map", "0:a:0?", "-map_metadata", "-1", "-sn", "-dn",
            "-c:v", "libx264", "-profile:v", "high", "-pix_fmt", "yuv420p", "-preset", "veryfast", "-threads", "1",
        ];
        if (recipe is { Width: { } width, Height: { } height })
            arguments.AddRange(["-vf", Say($"scale={width}:{height},setsar=1")]);
        if (recipe.Fps is { } fps) arguments.AddRange(["-r", fps.ToString(CultureInfo.InvariantCulture)]);
        if (recipe.BitRate is { } bits)
        {
            var sound = recipe.AudioCodec is null ? 0 : Math.Min(128_000, bits / 4);
            var picture = bits - sound;
            arguments.AddRange(["-b:v", Say($"{picture}"), "-maxrate", Say($"{picture}"), "-bufsize", Say($"{picture}")]);
            if (sound > 0) arguments.AddRange(["-b:a", Say($"{sound}")]);
        }
        arguments.AddRange(recipe.AudioCodec is null ? ["-an"] : ["-c:a", "aac", "-ac", "2", "-ar", "48000"]);
        arguments.AddRange(["-movflags", "+faststart", "-progress", "pipe:1", "-f", "mp4", "file:" + destination]);
        ToolResult? ran;
        try
        {
            ran = await ToolProcess.RunAsync(_options.Ffmpeg, arguments, _options.TranscodeTimeout, line =>
            {
                if (progress is not null && facts.DurationMs > 0 && line.StartsWith("out_time_us=", StringComparison.Ordinal)
                    && long.TryParse(line["out_time_us=".Length..], CultureInfo.InvariantCulture, out var done))
                    progress.Report(Math.Clamp(done / 1000.0 / facts.DurationMs.Value, 0, 1));
            }, ct);
        }
        catch (TimeoutException)
        {
            throw Failed("Converting the video takes too long.");
        }
        if (ran is null) throw Failed("ffmpeg is not installed on this server.");
        if (ran.ExitCode != 0) throw Failed("ffmpeg cannot convert this video.");
    }

    private static MediaRefusedException Failed(string message) => new(new MediaRefusal(CannotConvert, message));
}
