namespace PostMantis.Core.Privacy;

/// <summary>
/// What is written without waiting lies here until the next write that waits: the end of a zip's entry is written by closing
/// it, and a server's answer takes no such writes.
/// </summary>
internal sealed class LaggingStream(Stream inner) : Stream
{
    private readonly MemoryStream _lagging = new();

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
        // Nothing goes on before somebody waits for it.
    }

    public override void Write(byte[] buffer, int offset, int count) => _lagging.Write(buffer, offset, count);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await CatchUpAsync(cancellationToken);
        await inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        await inner.FlushAsync(cancellationToken);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task CatchUpAsync(CancellationToken ct)
    {
        if (_lagging.Length == 0) return;
        _lagging.Position = 0;
        await _lagging.CopyToAsync(inner, ct);
        _lagging.SetLength(0);
    }
}
