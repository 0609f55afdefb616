using ImageMagick;

namespace PostMantis.Core.Media.Inspection;

/// <summary>The image library, held to its limits; one picture is decoded at a time in the whole process.</summary>
internal static class Pictures
{
    private static readonly SemaphoreSlim _gate = new(1, 1);

    private static readonly Dictionary<string, MagickFormat> _formats = new()
    {
        [MediaSignature.Jpeg] = MagickFormat.Jpeg,
        [MediaSignature.Png] = MagickFormat.Png,
        [MediaSignature.Gif] = MagickFormat.Gif,
        [MediaSignature.WebP] = MagickFormat.WebP,
        [MediaSignature.Bmp] = MagickFormat.Bmp,
        [MediaSignature.Tiff] = MagickFormat.Tiff,
        [MediaSignature.Avif] = MagickFormat.Avif,
        [MediaSignature.Heic] = MagickFormat.Heic,
    };

    /// <summary>Runs <paramref name="work"/> alone, on a thread of its own, under the limits.</summary>
    public static async Task<T> RunAsync<T>(InspectionOptions limits, Func<T> work, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            // The library's own limits are the second line: what is over was refused by its header already. Nothing
            // spills to disk.
            ResourceLimits.Width = (ulong)limits.MaxSide;
            ResourceLimits.Height = (ulong)limits.MaxSide;
            ResourceLimits.Memory = ((ulong)limits.MaxPixels * 12) + (64 << 20);
            ResourceLimits.Area = ((ulong)limits.MaxPixels * 12) + (64 << 20);
            ResourceLimits.Disk = 0;
            ResourceLimits.Thread = 1;
            return await Task.Run(work, ct);
        }
        finally
        {
            _gate.Release();
        }
    }

    public static MagickFormat Format(string type) => _formats[type];

    public static bool CanRead(string type) => _formats.TryGetValue(type, out var format)
        && MagickNET.SupportedFormats.Any(f => f.Format == format && f.SupportsReading);

    public static bool CanWrite(string type) => _formats.TryGetValue(type, out var format)
        && MagickNET.SupportedFormats.Any(f => f.Format == format && f.SupportsWriting);

    /// <summary>Decodes every picture of <paramref name="path"/> by the decoder of its own format and no other.</summary>
    /// <exception cref="MediaRefusedException">It is damaged.</exception>
    public static MagickImageCollection Decode(string path, string type)
    {
        var images = new MagickImageCollection();
        string? damage = null;
        images.Warning += (_, warning) =>
        {
            if (warning.Exception is MagickCorruptImageWarningException && IsDamage(warning.Message))
                damage = warning.Message;
        };
        try
        {
            images.Read(new FileInfo(path), new MagickReadSettings { Format = Format(type) });
            if (images.Count == 0 || damage is not null) throw MediaRefusedException.Corrupt(Name(type));
            return images;
        }
        catch (MagickResourceLimitErrorException)
        {
            images.Dispose();
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Bomb,
                "Decoding the image takes more than is allowed."));
        }
        catch (MagickException)
        {
            images.Dispose();
            throw MediaRefusedException.Corrupt(Name(type));
        }
        catch (MediaRefusedException)
        {
            images.Dispose();
            throw;
        }
    }

    public static string Name(string type) => type.Split('/')[1].ToUpperInvariant();

    // Many sound files carry a warning about a profile or an unknown tag; these words mean lost pixels.
    private static bool IsDamage(string message) =>
        message.Contains("premature", StringComparison.OrdinalIgnoreCase)
        || message.Contains("corrupt", StringComparison.OrdinalIgnoreCase)
        || message.Contains("insufficient image data", StringComparison.OrdinalIgnoreCase)
        || message.Contains("unexpected end", StringComparison.OrdinalIgnoreCase);
}
