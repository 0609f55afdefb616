using System.Buffers;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Media;

/// <summary>The offset at which a client goes on is not where the upload stands.</summary>
public sealed class UploadOffsetException(long received) : Exception("The upload stands elsewhere.")
{
    /// <summary>Bytes that have arrived.</summary>
    public long Received => received;
}

/// <summary>Somebody else is sending the same upload at this moment.</summary>
public sealed class UploadBusyException() : Exception("The upload is being sent already.");

/// <summary>
/// Media in a folder that all replicas share. An upload grows in a file of its own, so that a cut connection can go on
/// where it stopped; keeping it is a rename.
/// </summary>
public sealed class LocalMediaStore : IMediaStore
{
    private const int BufferBytes = 64 * 1024;
    private readonly MediaUrls _urls;
    private readonly string _uploads;
    private readonly string _kept;

    public LocalMediaStore(MediaUrls urls, IOptions<MediaOptions> media, IOptions<InstanceOptions> instance)
    {
        ArgumentNullException.ThrowIfNull(media);
        ArgumentNullException.ThrowIfNull(instance);
        var folder = Path.GetFullPath(media.Value.Folder ?? Path.Combine(instance.Value.DataDirectory, "media"));
        (_urls, _uploads, _kept) = (urls, Path.Combine(folder, "uploads"), Path.Combine(folder, "files"));
    }

    public Task<UploadTarget> TargetAsync(
        string key, string mimeType, long size, DateTimeOffset until, CancellationToken ct) =>
        Task.FromResult(new UploadTarget(_urls.Make(MediaGrant.Upload, key, size, until), "PUT",
            new Dictionary<string, string> { ["Content-Type"] = mimeType }));

    public Task<long?> ReceivedAsync(string key, CancellationToken ct)
    {
        var file = new FileInfo(UploadOf(key));
        return Task.FromResult(file.Exists ? file.Length : (long?)null);
    }

    /// <summary>Goes on with an upload at <paramref name="offset"/>; what arrives stays, however the connection ends.</summary>
    /// <param name="most">Bytes the whole upload may have.</param>
    /// <returns>Bytes that have arrived.</returns>
    /// <exception cref="UploadOffsetException">The upload does not stand at this offset.</exception>
    /// <exception cref="UploadBusyException">Somebody else is sending it.</exception>
    /// <exception cref="MediaTooLargeException">More bytes came than were announced; what came before them stays.</exception>
    public async Task<long> AppendAsync(string key, Stream content, long offset, long most, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(content);
        Directory.CreateDirectory(_uploads);
        await using var file = Alone(UploadOf(key), FileMode.OpenOrCreate);
        if (offset == 0) file.SetLength(0);
        if (file.Length != offset) throw new UploadOffsetException(file.Length);
        file.Position = offset;
        await CopyAsync(content, file, most - offset, ct);
        file.Flush(flushToDisk: true);
        return file.Length;
    }

    public async Task WriteAsync(string key, Stream content, long most, CancellationToken ct)
    {
        try
        {
            await AppendAsync(key, content, 0, most, ct);
        }
        catch (MediaTooLargeException)
        {
            File.Delete(UploadOf(key));
            throw new MediaTooLargeException(most);
        }
    }

    public Task<StagedFile?> StageAsync(string key, CancellationToken ct)
    {
        var path = File.Exists(UploadOf(key)) ? UploadOf(key) : KeptOf(key);
        return Task.FromResult(File.Exists(path) ? new StagedFile(path, isCopy: false) : null);
    }

    public Task KeepAsync(string key, CancellationToken ct)
    {
        var (from, to) = (UploadOf(key), KeptOf(key));
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (File.Exists(from))
        {
            // Whoever still writes would go on writing into what is kept.
            using var alone = Alone(from, FileMode.Open);
            File.Move(from, to, overwrite: true);
        }
        else if (!File.Exists(to))
        {
            throw new FileNotFoundException("There is no such upload.", key);
        }
        return Task.CompletedTask;
    }

    public Task<StoredMedia?> FindAsync(string key, CancellationToken ct)
    {
        var file = new FileInfo(KeptOf(key));
        return Task.FromResult(file.Exists ? new StoredMedia(key, file.Length, file.LastWriteTimeUtc) : null);
    }

    public Task<Stream> OpenAsync(string key, long offset, CancellationToken ct)
    {
        try
        {
            return Task.FromResult<Stream>(new FileStream(KeptOf(key), FileMode.Open, FileAccess.Read,
                FileShare.Read | FileShare.Delete, BufferBytes, FileOptions.Asynchronous | FileOptions.SequentialScan)
            {
                Position = offset,
            });
        }
        catch (DirectoryNotFoundException)
        {
            throw new FileNotFoundException("Nothing is kept under this key.", key);
        }
    }

    public Task DeleteAsync(string key, CancellationToken ct)
    {
        foreach (var path in (string[])[UploadOf(key), KeptOf(key)])
            if (File.Exists(path)) File.Delete(path);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<StoredMedia> ListAsync(
        DateTimeOffset before, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var folder in (string[])[_uploads, _kept])
        {
            if (!Directory.Exists(folder)) continue;
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
            {
                ct.ThrowIfCancellationRequested();
                if (file.LastWriteTimeUtc < before) yield return new StoredMedia(file.Name, file.Length, file.LastWriteTimeUtc);
            }
        }
        await Task.CompletedTask;
    }

    private static FileStream Alone(string path, FileMode mode)
    {
        try
        {
            return new FileStream(path, mode, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException) && File.Exists(path))
        {
            throw new UploadBusyException();
        }
    }

    private static async Task CopyAsync(Stream from, FileStream to, long room, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer.AsMemory(0, BufferBytes), ct)) > 0)
            {
                if (read > room) throw new MediaTooLargeException(to.Position + room);

                // What has arrived is worth keeping, whoever hangs up next.
                await to.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
                room -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private string UploadOf(string key) => Path.Combine(_uploads, MediaKeys.Checked(key));

    // Spread by the end of the key, which is random: the beginning of an id is its time.
    private string KeptOf(string key) => Path.Combine(_kept, MediaKeys.Checked(key)[..32][^2..], key);
}
