using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>A kept file and what to say about it.</summary>
public sealed record MediaFile(string Key, string MimeType, long SizeBytes, string Sha256, string FileName);

/// <summary>Finds what a signed address stands for; the signature was checked before.</summary>
public sealed class MediaFiles(PostMantisDb db)
{
    /// <summary>The verified file under a key; null when there is none any more.</summary>
    public async Task<MediaFile?> FindAsync(string key, CancellationToken ct)
    {
        if (!Guid.TryParseExact(key, "N", out var id)) return null;
        var artifact = await db.Artifacts.AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, ct);
        return artifact is { Status: ArtifactStatus.Verified, Facts: { } facts }
            ? new MediaFile(key, facts.MimeType, facts.SizeBytes, facts.Sha256, artifact.FileName)
            : null;
    }

    /// <summary>Whether bytes may still be sent to an upload.</summary>
    public async Task<bool> IsOpenAsync(string key, CancellationToken ct) => Guid.TryParseExact(key, "N", out var id)
        && await db.Artifacts.AnyAsync(a => a.Id == id && a.Status == ArtifactStatus.Reserved, ct);
}
