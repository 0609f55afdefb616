using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>How many bytes of their quota a user takes up.</summary>
public sealed record MediaUsage(long UsedBytes, long QuotaBytes)
{
    public long LeftBytes => Math.Max(0, QuotaBytes - UsedBytes);
}

/// <summary>Holds each user to <see cref="MediaOptions.QuotaBytes"/>: what is kept, and what is announced.</summary>
public sealed class MediaQuota(PostMantisDb db, IOptions<MediaOptions> options)
{
    public async Task<MediaUsage> UsageAsync(Guid userId, CancellationToken ct) => new(
        await db.Artifacts.Where(a => a.UserId == userId && (a.Status == ArtifactStatus.Reserved
                || a.Status == ArtifactStatus.Importing || a.Status == ArtifactStatus.Verified))
            .SumAsync(a => a.Status == ArtifactStatus.Verified ? a.SizeBytes : a.ClaimedBytes, ct),
        options.Value.QuotaBytes);

    /// <summary>Refuses what does not fit any more. In a transaction: two requests of a user cannot both take the rest.</summary>
    /// <exception cref="ProblemException">payloadTooLarge with <c>limit</c>, <c>used</c> and <c>unit</c>.</exception>
    public async Task RequireAsync(Guid userId, long bytes, CancellationToken ct)
    {
        var name = $"media {userId}";
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({name}, 0))", ct);
        var usage = await UsageAsync(userId, ct);
        if (bytes <= usage.LeftBytes) return;
        throw new ProblemException(ProblemCode.PayloadTooLarge, string.Create(CultureInfo.InvariantCulture,
            $"The media library is full: {usage.LeftBytes} of {usage.QuotaBytes} bytes are left. Delete what no post uses."),
            extensions: new Dictionary<string, object?>
            {
                ["limit"] = usage.QuotaBytes,
                ["used"] = usage.UsedBytes,
                ["unit"] = "bytes",
            });
    }
}
