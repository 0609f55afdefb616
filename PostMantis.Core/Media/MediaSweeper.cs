using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>How many artifacts and files a sweep ended.</summary>
/// <param name="Converted">Converted files that no open post needs.</param>
public sealed record MediaSwept(int Expired, int Erased, int Orphans, int Converted = 0)
{
    public int Total => Expired + Erased + Orphans + Converted;
}

/// <summary>
/// Ends uploads that nobody completed, erases what no post uses any more, and removes files that belong to no artifact.
/// Replicas may sweep at once.
/// </summary>
public sealed partial class MediaSweeper(UnitOfWork unit, IMediaStore store, MediaScratch scratch, ArtifactSettler settler,
    IOptions<MediaOptions> options, TimeProvider time, ILogger<MediaSweeper> logger)
{
    private const int MostPerBatch = 200;
    private static readonly TimeSpan _scratchFor = TimeSpan.FromDays(1);
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>One pass over everything whose time has come.</summary>
    public async Task<MediaSwept> RunOnceAsync(CancellationToken ct)
    {
        var swept = new MediaSwept(await BatchesAsync(ExpireAsync, ct), await BatchesAsync(EraseAsync, ct),
            await OrphansAsync(ct), await BatchesAsync(EraseVersionsAsync, ct));
        scratch.Tidy(time.GetUtcNow() - _scratchFor);
        if (swept.Total > 0) LogSwept(logger, swept.Expired, swept.Erased, swept.Orphans, swept.Converted);
        return swept;
    }

    private async Task<int> ExpireAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var late = await _db.Artifacts.FromSql($"""
            SELECT * FROM artifacts WHERE status IN ('reserved', 'importing') AND expires_at <= {now}
            ORDER BY expires_at LIMIT {MostPerBatch} FOR UPDATE SKIP LOCKED
            """).ToListAsync(ct);
        foreach (var artifact in late) await settler.ExpireAsync(artifact, ct);
        return late.Count;
    }

    private async Task<int> EraseAsync(CancellationToken ct)
    {
        var (unused, failed) = (time.GetUtcNow() - options.Value.KeepUnusedFor, time.GetUtcNow() - options.Value.KeepFailedFor);
        var old = await _db.Artifacts.FromSql($"""
            SELECT * FROM artifacts a
            WHERE (a.status = 'verified' AND a.updated_at <= {unused} OR a.status IN ('failed', 'expired') AND a.updated_at <= {failed})
                AND NOT EXISTS (SELECT 1 FROM artifact_uses u WHERE u.artifact_id = a.id)
            ORDER BY a.id LIMIT {MostPerBatch} FOR UPDATE SKIP LOCKED
            """).ToListAsync(ct);
        var keys = await MediaKeys.OfAsync(_db, old, ct);
        _db.Artifacts.RemoveRange(old);
        await _db.SaveChangesAsync(ct);
        foreach (var key in keys) await store.DeleteAsync(key, ct);
        return old.Count;
    }

    private async Task<int> EraseVersionsAsync(CancellationToken ct)
    {
        var before = time.GetUtcNow() - options.Value.KeepConvertedFor;
        var old = await _db.ArtifactVersions.FromSql($"""
            SELECT * FROM artifact_versions v
            WHERE v.created_at <= {before} AND NOT EXISTS (
                SELECT 1 FROM artifact_uses u JOIN posts p ON p.id = u.post_id
                WHERE u.artifact_id = v.artifact_id AND p.status IN ('awaiting_approval', 'pending', 'scheduled', 'publishing'))
            ORDER BY v.id LIMIT {MostPerBatch} FOR UPDATE SKIP LOCKED
            """).ToListAsync(ct);
        _db.ArtifactVersions.RemoveRange(old);
        await _db.SaveChangesAsync(ct);
        foreach (var version in old) await store.DeleteAsync(version.Key, ct);
        return old.Count;
    }

    // Older than any upload may take: what is being written now has no row to be found yet, or is one of ours.
    private async Task<int> OrphansAsync(CancellationToken ct)
    {
        var (before, removed) = (time.GetUtcNow() - (options.Value.UploadWithin * 2), 0);
        List<string> keys = [];
        await foreach (var file in store.ListAsync(before, ct))
        {
            keys.Add(file.Key);
            if (keys.Count < MostPerBatch) continue;
            removed += await RemoveAsync(keys, ct);
            keys.Clear();
        }
        return removed + await RemoveAsync(keys, ct);
    }

    private async Task<int> RemoveAsync(List<string> keys, CancellationToken ct)
    {
        // Files made from an artifact carry its key in front of theirs.
        var ids = keys.Select(Artifact.OwnerOf).OfType<Guid>().Distinct().ToArray();
        var known = await _db.Artifacts.AsNoTracking().Where(a => ids.Contains(a.Id)).ToListAsync(ct);
        var versions = await _db.ArtifactVersions.AsNoTracking().Where(v => ids.Contains(v.ArtifactId))
            .Select(v => new { v.ArtifactId, v.Id }).ToListAsync(ct);
        HashSet<string> kept =
            [.. known.Select(a => a.Key), .. versions.Select(v => ArtifactVersion.KeyOf(v.ArtifactId, v.Id))];
        var orphans = keys.Where(key => !kept.Contains(key)).ToList();
        foreach (var key in orphans) await store.DeleteAsync(key, ct);
        return orphans.Count;
    }

    private async Task<int> BatchesAsync(Func<CancellationToken, Task<int>> batch, CancellationToken ct)
    {
        var (all, done) = (0, 0);
        do
        {
            done = await unit.RunAsync(batch, ct);
            all += done;
        }
        while (done == MostPerBatch);
        return all;
    }

    [LoggerMessage(LogLevel.Information,
        "Media: {Expired} uploads expired, {Erased} unused artifacts erased, {Orphans} stray and {Converted} converted files removed.")]
    private static partial void LogSwept(ILogger logger, int expired, int erased, int orphans, int converted);
}
