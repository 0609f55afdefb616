namespace PostMantis.Core.Media.Inspection;

/// <summary>A part of a cleaned file: bytes of the source, or bytes of our own.</summary>
/// <param name="Own">Null: the source's <paramref name="Length"/> bytes from <paramref name="Offset"/>.</param>
internal readonly record struct Piece(long Offset, long Length, byte[]? Own = null);

/// <summary>What a walk through an image file's structure found, without decoding a pixel.</summary>
internal sealed class ImageShape
{
    /// <summary>As it lies, before orientation; 0 where only the decoder can say.</summary>
    public long Width { get; set; }

    public long Height { get; set; }

    public int Frames { get; set; } = 1;

    public int Orientation { get; set; } = 1;

    public bool HasMetadata { get; set; }

    /// <summary>The file without its metadata; null where that takes a new encoding.</summary>
    public List<Piece>? Clean { get; set; } = [];

    public void Keep(long offset, long length)
    {
        if (Clean is not { } clean || length == 0) return;
        if (clean.Count > 0 && clean[^1] is { Own: null } last && last.Offset + last.Length == offset)
            clean[^1] = last with { Length = last.Length + length };
        else clean.Add(new Piece(offset, length));
    }

    public void Write(byte[] own) => Clean?.Add(new Piece(0, own.Length, own));
}
