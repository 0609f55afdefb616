using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>Reads a user's artifacts.</summary>
public sealed class ArtifactReader(PostMantisDb db, MediaUrls urls)
{
    /// <summary>One artifact.</summary>
    /// <exception cref="ProblemException">notFound: there is none in this scope.</exception>
    public async Task<ArtifactResource> GetAsync(Caller caller, Guid id, CancellationToken ct) =>
        Show(await InScope(db, caller).AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, ct)
            ?? throw ProblemException.NotFound("artifact"));

    /// <summary>Those of <paramref name="ids"/> that the caller may use.</summary>
    public Task<Dictionary<Guid, Artifact>> FindAsync(Caller caller, IReadOnlyCollection<Guid> ids, CancellationToken ct) =>
        InScope(db, caller).AsNoTracking().Where(a => ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, ct);

    /// <summary>As <see cref="FindAsync"/>, as callers read them; no query where none is asked for.</summary>
    public async Task<IReadOnlyDictionary<Guid, ArtifactResource>> ShowAsync(
        Caller caller, IEnumerable<Guid> ids, CancellationToken ct)
    {
        var wanted = ids.Distinct().ToArray();
        return wanted.Length == 0
            ? new Dictionary<Guid, ArtifactResource>()
            : (await FindAsync(caller, wanted, ct)).ToDictionary(a => a.Key, a => Show(a.Value));
    }

    /// <summary>An artifact as callers read it; verified ones with an address to read them at.</summary>
    public ArtifactResource Show(Artifact artifact)
    {
        ArgumentNullException.ThrowIfNull(artifact);
        if (artifact.Status != ArtifactStatus.Verified) return ArtifactResource.From(artifact, null, null);
        var (url, until) = urls.Read(artifact.Key);
        return ArtifactResource.From(artifact, url, until);
    }

    internal static IQueryable<Artifact> InScope(PostMantisDb db, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var mine = db.Artifacts.Where(a => a.UserId == caller.UserId);
        return caller.TestMode is { } testMode ? mine.Where(a => a.TestMode == testMode) : mine;
    }
}
