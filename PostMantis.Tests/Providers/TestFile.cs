using System.Security.Cryptography;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>A media file whose bytes a test made.</summary>
internal sealed class TestFile(byte[] bytes) : PublishFile
{
    /// <summary>Where networks that pull find it; null where none does.</summary>
    public Uri? PullFrom { get; init; }

    /// <summary>How often it was opened at its beginning.</summary>
    public int OpenedFromStart { get; private set; }

    public static TestFile Of(byte[] bytes, MediaKind kind, string mimeType, int? width = null, int? height = null,
        long? durationMs = null, bool isAnimated = false, Uri? pullFrom = null) => new(bytes)
        {
            ArtifactId = Ids.New(TimeProvider.System.GetUtcNow()),
            Kind = kind,
            MimeType = mimeType,
            SizeBytes = bytes.Length,
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)),
            FileName = $"file.{mimeType.Split('/')[1]}",
            Width = width,
            Height = height,
            DurationMs = durationMs,
            IsAnimated = isAnimated,
            PullFrom = pullFrom,
        };

    public MediaItem Item(string? alt = null, long? coverAtMs = null) => new(ArtifactId, alt, coverAtMs);

    public override Task<Stream> OpenAsync(long offset, CancellationToken ct)
    {
        if (offset == 0) OpenedFromStart++;
        return Task.FromResult<Stream>(new MemoryStream(bytes, (int)offset, bytes.Length - (int)offset, writable: false));
    }

    public override Uri PullUrl(TimeSpan holdsFor) =>
        PullFrom ?? throw new InvalidOperationException("This network is not expected to pull.");
}
