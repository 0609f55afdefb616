using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>How many artifacts and files a sweep ended.</summary>
public sealed record MediaSwept(int Expired, int Erased, int Orphans)
{
    public int Total => Expired + Erased + Orphans;
}

/// <summary>
/// Ends uploads that nobody completed, erases what no post uses any more, and removes files that belong to no artifact.
/// Replicas may sweep at once.
/// </summary>
public sealed partial class MediaSweeper(UnitOfWork unit, IMediaStore store, ArtifactSettler settler,
    IOptions<MediaOptions> options, TimeProvider time, ILogger<MediaSweeper> logger)
{
    private const int MostPerBatch = 200;
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>One pass over everything whose time has come.</summary>
    public async Task<MediaSwept> RunOnceAsync(CancellationToken ct)
    {
        var swept = new MediaSwept(await BatchesAsync(ExpireAsync, ct), await BatchesAsync(EraseAsync, ct),
            await OrphansAsync(ct));
        if (swept.Total > 0) LogSwept(logger, swept.Expired, swept.Erased, swept.Orphans);
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
        _db.Artifacts.RemoveRange(old);
        await _db.SaveChangesAsync(ct);
        foreach (var artifact in old) await store.DeleteAsync(artifact.Key, ct);
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
        var owners = keys.ToDictionary(key => key, key => Guid.TryParseExact(key[..Math.Min(32, key.Length)], "N", out var id)
            ? id : Guid.Empty);
        var ids = owners.Values.Distinct().ToArray();
        var known = (await _db.Artifacts.Where(a => ids.Contains(a.Id)).Select(a => a.Id).ToListAsync(ct)).ToHashSet();
        var orphans = owners.Where(o => !known.Contains(o.Value)).Select(o => o.Key).ToList();
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
        "Media: {Expired} uploads expired, {Erased} unused artifacts erased, {Orphans} stray files removed.")]
    private static partial void LogSwept(ILogger logger, int expired, int erased, int orphans);
}
