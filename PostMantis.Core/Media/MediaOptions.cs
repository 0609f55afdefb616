using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Media;

/// <summary>Where media are kept, how much and how long.</summary>
public sealed class MediaOptions
{
    public const string Section = "Media";

    /// <summary>Where bytes are kept.</summary>
    public MediaStoreKind Store { get; set; } = MediaStoreKind.Local;

    /// <summary>The bucket, when <see cref="Store"/> is <see cref="MediaStoreKind.S3"/>.</summary>
    public S3Options S3 { get; set; } = new();

    /// <summary>Whether EXIF with its GPS position, XMP, comments and appended files are taken out of images before they are kept.</summary>
    public bool StripMetadata { get; set; } = true;

    /// <summary>Folder of the local store; absent: <c>media</c> in the instance's data directory. Replicas share it.</summary>
    public string? Folder { get; set; }

    /// <summary>
    /// Address below which media are handed out, without a path, such as <c>https://media.example.com</c>; absent: the
    /// instance's own.
    /// </summary>
    public Uri? PublicUrl { get; set; }

    /// <summary>Largest file, bytes; at most 1 GiB.</summary>
    [Range(1, 1L << 30)]
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>Bytes one user may keep, reservations included.</summary>
    [Range(1, long.MaxValue)]
    public long QuotaBytes { get; set; } = 20L << 30;

    /// <summary>How long a reserved upload may take from reservation to completion.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan UploadWithin { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How long a signed address for reading holds.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan ReadFor { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How long a verified file that no post uses is kept.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "3650.00:00:00")]
    public TimeSpan KeepUnusedFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How long the record of a failed or expired artifact is kept.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "365.00:00:00")]
    public TimeSpan KeepFailedFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Imports of this process at once.</summary>
    [Range(1, 64)]
    public int ImportSlots { get; set; } = 4;

    /// <summary>Tries of one import before it fails.</summary>
    [Range(1, 20)]
    public int ImportTries { get; set; } = 4;

    /// <summary>Wait before the second try of an import; each further one waits twice as long.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ImportRetry { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Posts of this process whose media are prepared at once; pictures are decoded one at a time all the same.</summary>
    [Range(1, 64)]
    public int PrepareSlots { get; set; } = 4;

    /// <summary>Tries of preparing a post's media before its deliveries fail.</summary>
    [Range(1, 20)]
    public int PrepareTries { get; set; } = 4;

    /// <summary>Wait before the second try; each further one waits that much longer.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan PrepareRetry { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a post that waits for an import is looked at although nobody told of the import's end.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan PrepareCheck { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a converted file is kept that no open post needs; it is made again when one does.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "365.00:00:00")]
    public TimeSpan KeepConvertedFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Longest time one try of an import may take.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "02:00:00")]
    public TimeSpan ImportWithin { get; set; } = TimeSpan.FromMinutes(30);
}

/// <summary>Where bytes can be kept.</summary>
public enum MediaStoreKind
{
    /// <summary>A folder that all replicas share.</summary>
    Local,

    /// <summary>A bucket of Amazon S3, or of a store that speaks its protocol.</summary>
    S3,
}

/// <summary>A bucket and who we are there.</summary>
public sealed class S3Options
{
    /// <summary>Address of a store other than Amazon's, such as <c>https://s3.example.com</c>.</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Region of the bucket.</summary>
    public string Region { get; set; } = "us-east-1";

    public string Bucket { get; set; } = "";

    /// <summary>Absent: whatever the machine has, such as a role.</summary>
    public string? AccessKey { get; set; }

    public string? SecretKey { get; set; }

    /// <summary>Whether the bucket is a part of the path rather than of the host; most stores other than Amazon's need it.</summary>
    public bool PathStyle { get; set; } = true;

    public override string ToString() => $"{nameof(S3Options)} {Bucket}";
}

/// <summary>Refuses an address for media that has a path or is no address, and a bucket that is not named.</summary>
internal sealed class MediaAtStart : IValidateOptions<MediaOptions>
{
    public ValidateOptionsResult Validate(string? name, MediaOptions options)
    {
        if (options.PublicUrl is { } url
            && !(url.IsAbsoluteUri && url.Scheme is "http" or "https" && url.PathAndQuery == "/" && url.UserInfo.Length == 0))
            return ValidateOptionsResult.Fail("Media:PublicUrl must be an http or https address without a path.");
        if (options.Store != MediaStoreKind.S3) return ValidateOptionsResult.Success;
        if (options.S3.Bucket.Length == 0) return ValidateOptionsResult.Fail("Media:S3:Bucket must be named.");
        return options.S3.AccessKey is null == options.S3.SecretKey is null
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("Media:S3:AccessKey and Media:S3:SecretKey go together.");
    }
}
