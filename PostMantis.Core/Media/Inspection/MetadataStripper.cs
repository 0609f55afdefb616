using System.Security.Cryptography;
using ImageMagick;
using Microsoft.Extensions.Options;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Inspection;

/// <summary>
/// Writes an image without what its reader does not see: EXIF with its GPS position, XMP, comments, thumbnails, appended
/// files. The pixels stay as they are; orientation and colour profile stay too. Only TIFF is encoded anew (8 bits a
/// channel, without loss).
/// </summary>
public sealed class MetadataStripper(IOptions<InspectionOptions> options)
{
    private const int BufferBytes = 128 * 1024;

    /// <summary>
    /// Writes <paramref name="source"/>, which was inspected to <paramref name="facts"/>, to
    /// <paramref name="destination"/> and answers the facts of what was written. What is no image is copied as it is.
    /// </summary>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public async Task<MediaFacts> StripAsync(string source, string destination, MediaFacts facts, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(facts);
        await using (var file = new FileStream(source, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, true))
        {
            var shape = facts.Kind == MediaKind.Image
                ? ImageWalker.Walk(file, facts.MimeType, options.Value.MaxFrames)
                : new ImageShape { Clean = [new Piece(0, file.Length)] };
            if (shape.Clean is { } pieces)
            {
                await using var target = new FileStream(
                    destination, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes, true);
                foreach (var piece in pieces) await CopyAsync(file, piece, target, ct);
            }
            else
            {
                await Pictures.RunAsync(options.Value, () => Encode(source, destination, facts.MimeType), ct);
            }
        }
        await using var written = new FileStream(
            destination, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, true);
        return facts with
        {
            SizeBytes = written.Length,
            Sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(written, ct)),
            HasMetadata = facts.Kind != MediaKind.Image && facts.HasMetadata,
        };
    }

    private static async Task CopyAsync(FileStream source, Piece piece, FileStream target, CancellationToken ct)
    {
        if (piece.Own is { } own)
        {
            await target.WriteAsync(own, ct);
            return;
        }
        source.Position = piece.Offset;
        var buffer = new byte[BufferBytes];
        for (var left = piece.Length; left > 0;)
        {
            var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), ct);
            if (read == 0) throw new EndOfStreamException();
            await target.WriteAsync(buffer.AsMemory(0, read), ct);
            left -= read;
        }
    }

    private static bool Encode(string source, string destination, string type)
    {
        using var images = Pictures.Decode(source, type);
        foreach (var image in images)
        {
            var orientation = image.Orientation;
            foreach (var profile in image.ProfileNames.Where(IsHidden).ToArray()) image.RemoveProfile(profile);
            foreach (var attribute in image.AttributeNames.Where(IsWords).ToArray()) image.RemoveAttribute(attribute);
            image.Orientation = orientation;
            image.Settings.Compression = CompressionMethod.LZW;
        }
        images.Write(new FileInfo(destination), Pictures.Format(type));
        return true;
    }

    /// <summary>Whether a decoded picture carries more than its pixels.</summary>
    internal static bool Tells(IMagickImage<byte> image) =>
        image.ProfileNames.Any(IsHidden) || image.AttributeNames.Any(IsWords);

    private static bool IsHidden(string profile) => profile is not ("icc" or "icm");

    private static bool IsWords(string attribute) => attribute is "comment" or "label" or "tiff:artist" or "tiff:copyright"
        or "tiff:document" or "tiff:hostcomputer" or "tiff:make" or "tiff:model" or "tiff:software" or "tiff:subject"
        || attribute.StartsWith("exif:", StringComparison.Ordinal) || attribute.StartsWith("xmp:", StringComparison.Ordinal);
}
