using System.Globalization;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Media;

/// <summary>What a signed address lets its holder do.</summary>
public enum MediaGrant
{
    Upload,
    Read,
}

/// <summary>
/// Makes and checks addresses that stand for a permission: nobody guesses them, they end, and they hold for one key and
/// one use only.
/// </summary>
public sealed class MediaUrls(
    UrlSigner signer, IOptions<MediaOptions> media, IOptions<InstanceOptions> instance, TimeProvider time)
{
    public const string UploadPath = "/media/uploads";
    public const string FilePath = "/media/files";

    /// <summary>A signed address of a key.</summary>
    /// <param name="size">Bytes the upload must have; 0 for reading.</param>
    public Uri Make(MediaGrant grant, string key, long size, DateTimeOffset until)
    {
        var seconds = until.ToUnixTimeSeconds();
        var path = grant == MediaGrant.Upload ? UploadPath : FilePath;
        var signature = Uri.EscapeDataString(signer.Sign(Text(grant, key, size, seconds)));
        var length = grant == MediaGrant.Upload ? string.Create(CultureInfo.InvariantCulture, $"&size={size}") : "";
        return new Uri(media.Value.PublicUrl ?? instance.Value.PublicUrl,
            string.Create(CultureInfo.InvariantCulture, $"{path}/{key}?until={seconds}{length}&signature={signature}"));
    }

    /// <summary>A signed address for reading, for as long as <see cref="MediaOptions.ReadFor"/> says.</summary>
    /// <remarks>Within an hour the address stays the same, so that browsers need not fetch a picture twice.</remarks>
    public (Uri Url, DateTimeOffset Until) Read(string key)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var step = (long)Math.Min(3600, media.Value.ReadFor.TotalSeconds / 2);
        var until = DateTimeOffset.FromUnixTimeSeconds((now - (now % step)) + (long)media.Value.ReadFor.TotalSeconds + step);
        return (Make(MediaGrant.Read, key, 0, until), until);
    }

    /// <summary>Whether the parts of an address are what was signed, and its time has not come.</summary>
    public bool Holds(MediaGrant grant, string key, string? size, string? until, string? signature)
    {
        var bytes = 0L;
        if (grant == MediaGrant.Upload
            && !long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out bytes)) return false;
        return long.TryParse(until, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && signer.Holds(Text(grant, key, bytes, seconds), signature)
            && time.GetUtcNow().ToUnixTimeSeconds() < seconds;
    }

    private static string Text(MediaGrant grant, string key, long size, long until) =>
        string.Create(CultureInfo.InvariantCulture, $"{grant}\n{key}\n{size}\n{until}");
}
