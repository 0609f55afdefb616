using System.Net;
using System.Net.Http.Headers;

namespace PostMantis.Core.Providers;

/// <summary>A media file, or a part of it, as the body of a request: read as it is sent, never held whole.</summary>
internal sealed class FileSlice : HttpContent
{
    private const int Buffer = 1 << 16;
    private readonly PublishFile _file;
    private readonly long _offset;
    private readonly long _length;

    /// <param name="length">From <paramref name="offset"/> on; the rest of the file when left out.</param>
    public FileSlice(PublishFile file, long offset = 0, long? length = null, string? mimeType = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        (_file, _offset, _length) = (file, offset, length ?? (file.SizeBytes - offset));
        Headers.ContentType = MediaTypeHeaderValue.Parse(mimeType ?? file.MimeType);
        Headers.ContentLength = _length;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken ct)
    {
        await using var source = await _file.OpenAsync(_offset, ct);
        var buffer = new byte[Buffer];
        for (var left = _length; left > 0;)
        {
            var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), ct);
            if (read == 0) throw new IOException("The file ended early.");
            await stream.WriteAsync(buffer.AsMemory(0, read), ct);
            left -= read;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }
}
