using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>Where the store may have bytes of an artifact.</summary>
internal static class MediaKeys
{
    /// <summary>The key itself, when it is one; it becomes a file's name.</summary>
    public static string Checked(string key) =>
        key.Length is >= 32 and <= 128 && key.All(c => char.IsAsciiLetterOrDigit(c) || c == '-')
            ? key
            : throw new ArgumentException("A key has 32 to 128 letters, digits and dashes.", nameof(key));

    /// <summary>As it was sent, as it is kept, and as it was converted.</summary>
    public static async Task<IReadOnlyList<string>> OfAsync(
        PostMantisDb db, IReadOnlyCollection<Artifact> artifacts, CancellationToken ct)
    {
        if (artifacts.Count == 0) return [];
        var ids = artifacts.Select(a => a.Id).ToArray();
        var versions = await db.ArtifactVersions.AsNoTracking().Where(v => ids.Contains(v.ArtifactId))
            .Select(v => new { v.ArtifactId, v.Id }).ToListAsync(ct);
        return
        [
            .. artifacts.SelectMany(a => (string[])[Artifact.KeyOf(a.Id), a.Key]).Distinct(),
            .. versions.Select(v => ArtifactVersion.KeyOf(v.ArtifactId, v.Id)),
        ];
    }
}
