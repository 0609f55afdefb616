namespace PostMantis.Core.Providers;

/// <summary>
/// One media file in the hands of an adapter: verified, and kept or converted as the plan for this network says, before
/// the delivery was due. Its bytes never change, so an upload may go on at any offset in a later attempt.
/// </summary>
public abstract class PublishFile
{
    public required Guid ArtifactId { get; init; }
    public required MediaKind Kind { get; init; }

    /// <summary>By content, of the bytes that are sent.</summary>
    public required string MimeType { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>Of the bytes that are sent; lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>With the extension of <see cref="MimeType"/>; safe to name in a header.</summary>
    public required string FileName { get; init; }

    /// <summary>Pixels as shown; null for sound and documents.</summary>
    public int? Width { get; init; }

    public int? Height { get; init; }

    /// <summary>Of video, sound and animations; null where nothing could tell.</summary>
    public long? DurationMs { get; init; }

    /// <summary>Whether an image moves.</summary>
    public bool IsAnimated { get; init; }

    /// <summary>Reads the bytes from <paramref name="offset"/> on, as a stream; the caller disposes of it.</summary>
    public abstract Task<Stream> OpenAsync(long offset, CancellationToken ct);

    /// <summary>An address under which a network can fetch the bytes without a key; anew at each call.</summary>
    /// <param name="holdsFor">How long it shall open at least.</param>
    public abstract Uri PullUrl(TimeSpan holdsFor);
}
