using System.Globalization;
using System.Net.Http.Headers;

namespace PostMantis.Core.Providers;

/// <summary>How far an upload has come.</summary>
internal abstract record UploadProgress
{
    /// <summary>All bytes are there.</summary>
    /// <param name="Id">What they became, where the network says so at once.</param>
    public sealed record Done(string? Id = null) : UploadProgress;

    /// <summary>The next byte that is wanted.</summary>
    public sealed record Wanted(long Offset) : UploadProgress;

    /// <summary>The place is no more, or takes nothing.</summary>
    public sealed record Gone : UploadProgress;

    /// <summary>This visit is over; the next one goes on.</summary>
    public sealed record Paused : UploadProgress;

    /// <summary>Anything else.</summary>
    public sealed record Said(ProviderAnswer Answer) : UploadProgress
    {
        /// <summary>Whether it answers the stretch with the last byte, after which the post may be public.</summary>
        public bool IsOfLast { get; init; }
    }
}

/// <summary>Where an upload goes and how many bytes it has, as a handle keeps them.</summary>
internal sealed record UploadPlace(Uri Url, long Size)
{
    public string ToHandle() => string.Create(CultureInfo.InvariantCulture, $"{Size} {Url.AbsoluteUri}");

    public static UploadPlace Of(string handle)
    {
        var words = handle.Split(' ', 2);
        return new UploadPlace(new Uri(words[1]), long.Parse(words[0], CultureInfo.InvariantCulture));
    }
}

/// <summary>
/// Puts a file to one address in stretches, each with its range, for networks where the last byte makes the post public. A
/// long file comes back to the queue now and then: an attempt is called off after some time.
/// </summary>
/// <param name="lengthAt">How many bytes the stretch has that begins at an offset.</param>
/// <param name="read">What an answer to a stretch says that ended before an offset.</param>
internal sealed class UploadInStretches(
    ProviderClient client, Func<long, long> lengthAt, Func<ProviderAnswer, long, UploadProgress> read)
{
    private static readonly TimeSpan Visit = TimeSpan.FromSeconds(30);

    /// <summary>Sends from an offset on.</summary>
    /// <param name="keep">Keeps how far it came; null where the network can be asked.</param>
    public async Task<UploadProgress> SendAsync(PublishWork work, UploadPlace place, PublishFile file, long offset,
        string? token, CancellationToken ct, string? mimeType = null, Func<long, Task>? keep = null)
    {
        var began = client.Stamp;
        while (true)
        {
            var length = Math.Min(lengthAt(offset), place.Size - offset);
            var isLast = offset + length == place.Size;
            var stretch = new FileSlice(file, offset, length, mimeType);
            stretch.Headers.ContentRange = new ContentRangeHeaderValue(offset, offset + length - 1, place.Size);
            if (isLast) work.CallStarts();
            var progress = read(await client.UploadAsync(HttpMethod.Put, place.Url, stretch, token, ct), offset + length);
            if (progress is UploadProgress.Said said) return said with { IsOfLast = isLast };
            if (progress is not UploadProgress.Wanted { Offset: var next } || next == offset || next >= place.Size) return progress;
            offset = next;
            if (keep is not null) await keep(offset);
            if (client.Since(began) > Visit) return new UploadProgress.Paused();
        }
    }
}
