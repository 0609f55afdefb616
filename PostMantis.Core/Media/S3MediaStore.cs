using System.Net;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Media;

/// <summary>
/// Media in a bucket. Clients send their bytes to it directly; what we write goes by way of a file of the moment, in parts
/// when it is large, so that nothing is held in memory and a stream may be of any length.
/// </summary>
public sealed class S3MediaStore : IMediaStore, IDisposable
{
    /// <summary>From this size on a file is written in parts.</summary>
    public const long PartsFrom = 64L << 20;

    private const long PartBytes = 16L << 20;
    private const int BufferBytes = 64 * 1024;
    private const string Uploads = "uploads/";
    private const string Kept = "files/";
    private readonly AmazonS3Client _client;
    private readonly string _bucket;
    private readonly bool _isPlain;
    private readonly MediaScratch _scratch;

    public S3MediaStore(IOptions<MediaOptions> options, MediaScratch scratch)
    {
        ArgumentNullException.ThrowIfNull(options);
        var s3 = options.Value.S3;
        (_bucket, _scratch, _isPlain) = (s3.Bucket, scratch, s3.ServiceUrl?.Scheme == Uri.UriSchemeHttp);
        var config = new AmazonS3Config
        {
            ForcePathStyle = s3.PathStyle,
            AuthenticationRegion = s3.Region,

            // Stores other than Amazon's do not all know the newer checksums.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (s3.ServiceUrl is { } url) config.ServiceURL = url.AbsoluteUri;
        else config.RegionEndpoint = RegionEndpoint.GetBySystemName(s3.Region);
        _client = s3.AccessKey is null
            ? new AmazonS3Client(config)
            : new AmazonS3Client(new BasicAWSCredentials(s3.AccessKey, s3.SecretKey), config);
        _client.BeforeRequestEvent += PlainSource;
    }

    public async Task<UploadTarget> TargetAsync(
        string key, string mimeType, long size, DateTimeOffset until, CancellationToken ct)
    {
        var url = await _client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
        {
            BucketName = _bucket,
            Key = UploadOf(key),
            Verb = HttpVerb.PUT,
            Expires = until.UtcDateTime,
            ContentType = mimeType,
            Protocol = _isPlain ? Protocol.HTTP : Protocol.HTTPS,
        });
        return new UploadTarget(new Uri(url), "PUT", new Dictionary<string, string> { ["Content-Type"] = mimeType });
    }

    public async Task<long?> ReceivedAsync(string key, CancellationToken ct) =>
        (await HeadAsync(UploadOf(key), ct))?.ContentLength;

    public async Task WriteAsync(string key, Stream content, long most, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(content);
        using var file = _scratch.New();
        await SpoolAsync(content, file.Path, most, ct);
        var size = new FileInfo(file.Path).Length;
        await AskAsync(async () =>
        {
            if (size > PartsFrom)
                await WritePartsAsync(UploadOf(key), file.Path, size, ct);
            else
                await _client.PutObjectAsync(new PutObjectRequest
                {
                    BucketName = _bucket, Key = UploadOf(key), FilePath = file.Path, UseChunkEncoding = false,
                    ContentType = "application/octet-stream",
                }, ct);
            return true;
        });
    }

    public async Task<StagedFile?> StageAsync(string key, CancellationToken ct)
    {
        foreach (var name in (string[])[UploadOf(key), KeptOf(key)])
        {
            if (await HeadAsync(name, ct) is null) continue;
            var file = _scratch.New();
            try
            {
                await using var content = await ReadAsync(name, 0, ct);
                await SpoolAsync(content, file.Path, long.MaxValue, ct);
                return file;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        return null;
    }

    public async Task KeepAsync(string key, CancellationToken ct)
    {
        if (await HeadAsync(UploadOf(key), ct) is null)
        {
            if (await HeadAsync(KeptOf(key), ct) is null) throw new FileNotFoundException("There is no such upload.", key);
            return;
        }

        // Whoever still holds the address for sending writes to the upload, never to what is kept.
        await AskAsync(() => _client.CopyObjectAsync(new CopyObjectRequest
        {
            SourceBucket = _bucket, SourceKey = UploadOf(key), DestinationBucket = _bucket, DestinationKey = KeptOf(key),
        }, ct));
        await AskAsync(() => _client.DeleteObjectAsync(_bucket, UploadOf(key), ct));
    }

    public async Task<StoredMedia?> FindAsync(string key, CancellationToken ct) =>
        await HeadAsync(KeptOf(key), ct) is { } found
            ? new StoredMedia(key, found.ContentLength, At(found.LastModified))
            : null;

    public Task<Stream> OpenAsync(string key, long offset, CancellationToken ct) => ReadAsync(KeptOf(key), offset, ct);

    public async Task DeleteAsync(string key, CancellationToken ct)
    {
        foreach (var name in (string[])[UploadOf(key), KeptOf(key)])
            await AskAsync(() => _client.DeleteObjectAsync(_bucket, name, ct));
    }

    public async IAsyncEnumerable<StoredMedia> ListAsync(
        DateTimeOffset before, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var prefix in (string[])[Uploads, Kept])
        {
            string? next = null;
            do
            {
                var from = next;
                var page = await AskAsync(() => _client.ListObjectsV2Async(new ListObjectsV2Request
                {
                    BucketName = _bucket, Prefix = prefix, ContinuationToken = from,
                }, ct));
                foreach (var item in page.S3Objects ?? [])
                    if (At(item.LastModified) < before)
                        yield return new StoredMedia(item.Key[prefix.Length..], item.Size ?? 0, At(item.LastModified));
                next = page.IsTruncated == true ? page.NextContinuationToken : null;
            }
            while (next is not null);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task WritePartsAsync(string name, string path, long size, CancellationToken ct)
    {
        var upload = await _client.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = _bucket, Key = name, ContentType = "application/octet-stream" }, ct);
        try
        {
            List<PartETag> parts = [];
            for (var (offset, number) = (0L, 1); offset < size; offset += PartBytes, number++)
            {
                var part = await _client.UploadPartAsync(new UploadPartRequest
                {
                    BucketName = _bucket, Key = name, UploadId = upload.UploadId, PartNumber = number, FilePath = path,
                    FilePosition = offset, PartSize = Math.Min(PartBytes, size - offset), UseChunkEncoding = false,
                }, ct);
                parts.Add(new PartETag(number, part.ETag));
            }
            await _client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
            {
                BucketName = _bucket, Key = name, UploadId = upload.UploadId, PartETags = parts,
            }, ct);
        }
        catch
        {
            // Parts that nobody puts together would be kept, and paid for, unseen.
            await _client.AbortMultipartUploadAsync(_bucket, name, upload.UploadId, CancellationToken.None);
            throw;
        }
    }

    private static async Task SpoolAsync(Stream content, string path, long most, CancellationToken ct)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0, useAsync: true);
        var (buffer, size) = (new byte[BufferBytes], 0L);
        int read;
        while ((read = await content.ReadAsync(buffer, ct)) > 0)
        {
            size += read;
            if (size > most) throw new MediaTooLargeException(most);
            await file.WriteAsync(buffer.AsMemory(0, read), ct);
        }
    }

    private async Task<Stream> ReadAsync(string name, long offset, CancellationToken ct)
    {
        try
        {
            var answer = await AskAsync(() => _client.GetObjectAsync(new GetObjectRequest
            {
                BucketName = _bucket, Key = name, ByteRange = offset == 0 ? null : new ByteRange($"bytes={offset}-"),
            }, ct));
            return answer.ResponseStream;
        }
        catch (IOException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.RequestedRangeNotSatisfiable })
        {
            return Stream.Null;
        }
        catch (IOException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.NotFound })
        {
            throw new FileNotFoundException("Nothing is kept under this key.", name);
        }
    }

    private async Task<GetObjectMetadataResponse?> HeadAsync(string name, CancellationToken ct)
    {
        try
        {
            return await AskAsync(() => _client.GetObjectMetadataAsync(_bucket, name, ct));
        }
        catch (IOException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.NotFound })
        {
            return null;
        }
    }

    // To its callers a store that does not answer is a disk that does not read.
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (AmazonServiceException e)
        {
            throw new IOException($"The media store answered {(int)e.StatusCode} {e.ErrorCode}.", e);
        }
        catch (Exception e) when (e is AmazonClientException or HttpRequestException)
        {
            throw new IOException("The media store gave no answer.", e);
        }
    }

    // Not every store reads the source of a copy with its slashes escaped.
    private static void PlainSource(object sender, RequestEventArgs args)
    {
        const string header = "x-amz-copy-source";
        if (args is WebServiceRequestEventArgs { Headers: { } headers } && headers.TryGetValue(header, out var source))
            headers[header] = source.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
    }

    private static DateTimeOffset At(DateTime? moment) => new(moment?.ToUniversalTime() ?? DateTime.UnixEpoch);

    private static string UploadOf(string key) => Uploads + MediaKeys.Checked(key);

    private static string KeptOf(string key) => Kept + MediaKeys.Checked(key);
}
