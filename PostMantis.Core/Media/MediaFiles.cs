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
        if (Artifact.OwnerOf(key) is not { } id) return null;
        var artifact = await db.Artifacts.AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, ct);
        if (artifact is not { Status: ArtifactStatus.Verified, Facts: { } facts }) return null;
        if (key == artifact.Key) return new MediaFile(key, facts.MimeType, facts.SizeBytes, facts.Sha256, artifact.FileName);
        var version = (await db.ArtifactVersions.AsNoTracking().Where(v => v.ArtifactId == id).ToListAsync(ct))
            .Find(v => v.Key == key);
        return version is null
            ? null
            : new MediaFile(key, version.Facts.MimeType, version.Facts.SizeBytes, version.Facts.Sha256,
                FileNames.Of(artifact.FileName, version.Facts.MimeType));
    }

    /// <summary>Whether bytes may still be sent to an upload.</summary>
    public async Task<bool> IsOpenAsync(string key, CancellationToken ct) => Guid.TryParseExact(key, "N", out var id)
        && await db.Artifacts.AnyAsync(a => a.Id == id && a.Status == ArtifactStatus.Reserved, ct);
}
