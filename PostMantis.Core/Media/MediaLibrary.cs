using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Media;

/// <summary>A post that names an artifact.</summary>
/// <param name="Body">The beginning of its text.</param>
public sealed record LibraryUse(Guid PostId, PostStatus Status, string? Body, DateTimeOffset CreatedAt);

/// <summary>An artifact and what it is used for.</summary>
/// <param name="Uses">The newest posts that name it.</param>
/// <param name="UseCount">How many there are in all.</param>
public sealed record LibraryItem(ArtifactResource Artifact, IReadOnlyList<LibraryUse> Uses, int UseCount);

/// <summary>The artifacts of a user as a person looks through them.</summary>
public sealed class MediaLibrary(
    UnitOfWork unit, ArtifactReader reader, IMediaStore store, AuditLog audit)
{
    private const int MostUses = 3;
    private const int MostBody = 80;
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Artifacts, newest first.</summary>
    /// <param name="before">Those older than this one; null: from the newest.</param>
    public async Task<Page<LibraryItem>> ListAsync(Caller caller, Guid? before, int limit, CancellationToken ct)
    {
        var asked = ArtifactReader.InScope(_db, caller).AsNoTracking();
        if (before is { } last) asked = asked.Where(a => a.Id < last);
        var artifacts = await asked.OrderByDescending(a => a.Id).Take(limit + 1).ToListAsync(ct);
        var shown = artifacts.Take(limit).ToList();
        var ids = shown.Select(a => a.Id).ToArray();
        var uses = await _db.Database.SqlQuery<UseRow>($"""
            SELECT u.artifact_id, p.id AS post_id, p.status, left(p.content->>'body', {MostBody}) AS body, p.created_at, u.total
            FROM (SELECT artifact_id, post_id, row_number() OVER (PARTITION BY artifact_id ORDER BY post_id DESC) AS n,
                    (count(*) OVER (PARTITION BY artifact_id))::int AS total
                FROM artifact_uses WHERE artifact_id = ANY({ids})) u
            JOIN posts p ON p.id = u.post_id AND p.user_id = {caller.UserId} WHERE u.n <= {MostUses}
            ORDER BY p.id DESC
            """).ToListAsync(ct);
        var byArtifact = uses.ToLookup(u => u.ArtifactId);
        return new Page<LibraryItem>(
            [.. shown.Select(a => new LibraryItem(reader.Show(a),
                [.. byArtifact[a.Id].Select(u => new LibraryUse(u.PostId, SnakeCase<PostStatus>.Read(u.Status), u.Body, u.CreatedAt))],
                byArtifact[a.Id].FirstOrDefault()?.Total ?? 0))],
            artifacts.Count > limit ? shown[^1].Id.ToString() : null, artifacts.Count > limit);
    }

    /// <summary>Deletes an artifact that no post names, with everything made of it.</summary>
    /// <exception cref="ProblemException">notFound; conflict: a post names it.</exception>
    public Task DeleteAsync(Caller caller, Guid id, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(Permission.Draft);
        return unit.RunAsync(async token =>
        {
            // Held, so that no post begins to name it meanwhile.
            var artifact = await _db.Artifacts.FromSql(
                $"SELECT * FROM artifacts WHERE id = {id} AND user_id = {caller.UserId} FOR UPDATE").SingleOrDefaultAsync(token);
            if (artifact is null || (caller.TestMode is { } testMode && testMode != artifact.TestMode))
                throw ProblemException.NotFound("artifact");
            if (await _db.ArtifactUses.AnyAsync(u => u.ArtifactId == id, token))
                throw ProblemException.Conflict("A post uses this file.", CamelCase.Of(artifact.Status), []);
            var keys = await MediaKeys.OfAsync(_db, [artifact], token);
            _db.Artifacts.Remove(artifact);
            audit.Add(caller, "artifact.deleted", Artifact.Kind, id);
            await _db.SaveChangesAsync(token);
            foreach (var key in keys) await store.DeleteAsync(key, token);
        }, ct);
    }

    private sealed class UseRow
    {
        public Guid ArtifactId { get; init; }
        public Guid PostId { get; init; }
        public string Status { get; init; } = "";
        public string? Body { get; init; }
        public DateTimeOffset CreatedAt { get; init; }
        public int Total { get; init; }
    }
}
