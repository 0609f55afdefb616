using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Inspection;

/// <summary>
/// Says what a file is by its content, or why it is not taken. The file is read as a stream; one picture is decoded at
/// a time in the whole process.
/// </summary>
public sealed class MediaInspector(IOptions<InspectionOptions> options)
{
    private const int BufferBytes = 128 * 1024;
    private readonly InspectionOptions _options = options.Value;

    /// <summary>Inspects the file at <paramref name="path"/> without a word of its sender.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public Task<MediaInspection> InspectAsync(string path, CancellationToken ct) =>
        InspectAsync(path, MediaClaim.None, ct);

    /// <summary>Inspects the file at <paramref name="path"/>; one that is not what its sender said is refused.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public async Task<MediaInspection> InspectAsync(string path, MediaClaim claim, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(claim);
        var size = new FileInfo(path).Length;
        if (size == 0) return new MediaRefusal(RefusalCodes.Empty, "The file is empty.", 1, 0, "bytes");
        if (size > _options.MaxBytes)
            return new MediaRefusal(RefusalCodes.TooLarge, "The file is too large.", _options.MaxBytes, size, "bytes");
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, true);
        var head = new byte[MediaSignature.Bytes];
        var read = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, ct);
        var type = MediaSignature.Of(head.AsSpan(0, read));
        var kind = type is null ? null : type == MediaSignature.Zip ? MediaKind.Document : MediaSignature.KindOf(type);
        if (type is null || kind is null)
            return new MediaRefusal(RefusalCodes.Unsupported, "This is no image, video, audio or document we know.");
        file.Position = 0;
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, ct));
        var facts = new MediaFacts(kind.Value, type, size, hash);
        try
        {
            facts = kind switch
            {
                // What lies is refused before anything of it is decoded.
                _ when type != MediaSignature.Zip && Lie(claim, type) is { } lie => throw new MediaRefusedException(lie),
                MediaKind.Image => await ImageInspection.ReadAsync(file, path, facts, _options, ct),
                MediaKind.Document => await DocumentInspection.ReadAsync(file, facts, ct),
                _ => await StreamInspection.ReadAsync(file, path, facts, _options, ct),
            };
            return Lie(claim, facts.MimeType) is { } lied ? lied : facts;
        }
        catch (MediaRefusedException refused)
        {
            return refused.Refusal;
        }
    }

    private static MediaRefusal? Lie(MediaClaim claim, string type) =>
        MediaSignature.Claimed(claim).FirstOrDefault(c => !MediaSignature.Fits(c, type)) is { } claimed
            ? new MediaRefusal(RefusalCodes.TypeMismatch, $"The file is {type}, not {Known(claimed)} as it was said to be.")
            : null;

    // A sender's own words are not repeated to others.
    private static string Known(string claimed) => MediaSignature.KindOf(claimed) is null ? "that" : claimed;
}
