namespace PostMantis.Core.Media;

/// <summary>What the store has under a key.</summary>
public sealed record StoredMedia(string Key, long SizeBytes, DateTimeOffset ModifiedAt);

/// <summary>How a client sends bytes to the store.</summary>
public sealed record UploadTarget(Uri Url, string Method, IReadOnlyDictionary<string, string> Headers);

/// <summary>
/// Keeps bytes under keys of letters, digits and dashes. Bytes come in as an upload first, which nobody reads; kept, they
/// are whole and never change. Nothing is held in memory beyond a buffer.
/// </summary>
public interface IMediaStore
{
    /// <summary>Where a client sends exactly <paramref name="size"/> bytes of an upload.</summary>
    Task<UploadTarget> TargetAsync(string key, string mimeType, long size, DateTimeOffset until, CancellationToken ct);

    /// <summary>Bytes of an upload that have arrived; null when none has.</summary>
    Task<long?> ReceivedAsync(string key, CancellationToken ct);

    /// <summary>Writes an upload from its beginning; what was there is gone.</summary>
    /// <exception cref="MediaTooLargeException">There are more than <paramref name="most"/> bytes; nothing is left.</exception>
    Task WriteAsync(string key, Stream content, long most, CancellationToken ct);

    /// <summary>An upload, or what is kept, as a local file, until disposed; null when there is neither.</summary>
    Task<StagedFile?> StageAsync(string key, CancellationToken ct);

    /// <summary>Makes an upload a kept file, whole or not at all; doing it again changes nothing.</summary>
    Task KeepAsync(string key, CancellationToken ct);

    /// <summary>What is kept under a key.</summary>
    Task<StoredMedia?> FindAsync(string key, CancellationToken ct);

    /// <summary>Reads what is kept, from <paramref name="offset"/> on.</summary>
    /// <exception cref="FileNotFoundException">Nothing is kept under this key.</exception>
    Task<Stream> OpenAsync(string key, long offset, CancellationToken ct);

    /// <summary>Removes upload and kept file; nothing there is fine.</summary>
    Task DeleteAsync(string key, CancellationToken ct);

    /// <summary>Everything in the store last changed before a moment, uploads included.</summary>
    IAsyncEnumerable<StoredMedia> ListAsync(DateTimeOffset before, CancellationToken ct);
}

/// <summary>More bytes came than were allowed.</summary>
public sealed class MediaTooLargeException(long limit) : Exception($"There are more than {limit} bytes.")
{
    public long Limit => limit;
}

/// <summary>A file to look at; what was copied for it is gone when disposed.</summary>
public sealed class StagedFile(string path, bool isCopy) : IDisposable
{
    public string Path => path;

    public void Dispose()
    {
        if (isCopy) File.Delete(path);
    }
}
