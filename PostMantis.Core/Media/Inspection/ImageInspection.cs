using ImageMagick;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Facts of an image: its structure first, its pixels once the structure says that they are few enough.</summary>
internal static class ImageInspection
{
    public static async Task<MediaFacts> ReadAsync(
        Stream file, string path, MediaFacts facts, InspectionOptions limits, CancellationToken ct)
    {
        HiddenContent.Check(file);
        var shape = ImageWalker.Walk(file, facts.MimeType, limits.MaxFrames);
        if (facts.MimeType == MediaSignature.Tiff) Ping(path, shape, limits);
        Bound(shape, limits);
        return await Pictures.RunAsync(limits, () => Decode(path, facts, shape), ct);
    }

    private static MediaFacts Decode(string path, MediaFacts facts, ImageShape shape)
    {
        using var images = Pictures.Decode(path, facts.MimeType);
        var first = images[0];
        var orientation = shape.Clean is null && (int)first.Orientation > 0
            ? (int)first.Orientation
            : shape.Orientation;
        var turned = orientation >= 5;
        var (width, height) = (facts.MimeType is MediaSignature.Gif or MediaSignature.WebP)
            ? ((int)shape.Width, (int)shape.Height)
            : ((int)first.Width, (int)first.Height);
        var frames = Math.Max(shape.Frames, images.Count);
        return facts with
        {
            Width = turned ? height : width,
            Height = turned ? width : height,
            Orientation = orientation,
            Frames = frames,
            IsAnimated = frames > 1 && facts.MimeType is not (MediaSignature.Tiff or MediaSignature.Heic),
            HasAlpha = images.Any(i => i.HasAlpha && !i.IsOpaque),
            Colour = first.ColorSpace switch
            {
                ColorSpace.CMYK => ColourModel.Cmyk,
                ColorSpace.Gray or ColorSpace.LinearGray => ColourModel.Gray,
                _ => ColourModel.Rgb,
            },
            HasMetadata = shape.Clean is null ? images.Any(MetadataStripper.Tells) : shape.HasMetadata,
            NotVerified = null,
        };
    }

    private static void Ping(string path, ImageShape shape, InspectionOptions limits)
    {
        try
        {
            using var images = new MagickImageCollection();
            images.Ping(new FileInfo(path), new MagickReadSettings { Format = MagickFormat.Tiff });
            shape.Frames = images.Count;
            shape.Width = images.Max(i => (long)i.Width);
            shape.Height = images.Max(i => (long)i.Height);
        }
        catch (MagickException)
        {
            throw MediaRefusedException.Corrupt("TIFF");
        }
    }

    private static void Bound(ImageShape shape, InspectionOptions limits)
    {
        if (shape.Width <= 0 || shape.Height <= 0)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Corrupt, "The image has no size."));
        var side = Math.Max(shape.Width, shape.Height);
        if (side > limits.MaxSide)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooLargeSide,
                "The image is too wide or too high.", limits.MaxSide, side, "pixels"));
        if (shape.Frames > limits.MaxFrames)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooManyFrames,
                "The animation has too many pictures.", limits.MaxFrames, shape.Frames, "frames"));
        var pixels = shape.Width * shape.Height * shape.Frames;
        if (pixels > limits.MaxPixels)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooManyPixels,
                "The image has too many pixels.", limits.MaxPixels, pixels, "pixels"));
    }
}
