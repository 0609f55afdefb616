using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Media;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Keeps the record of which post names which artifact: what is named is not erased.</summary>
internal sealed class PostArtifacts(PostMantisDb db, Imports imports, MediaQuota quota)
{
    /// <summary>Writes what new <paramref name="posts"/> name; no statement where none names anything.</summary>
    public static void Insert(SqlBatch batch, IReadOnlyList<Post> posts)
    {
        List<(Guid ArtifactId, Guid PostId)> uses =
            [.. posts.Where(p => PostMedia.IsIn(p.Content)).SelectMany(post => NamedBy(post.Content).Select(id => (id, post.Id)))];
        if (uses.Count == 0) return;
        var columns = new SqlColumns<(Guid ArtifactId, Guid PostId)>(batch.Add(
            "INSERT INTO artifact_uses (artifact_id, post_id) SELECT * FROM unnest($1, $2)"), uses);
        columns.Add(u => u.ArtifactId);
        columns.Add(u => u.PostId);
    }

    /// <summary>The artifacts a post names, each once.</summary>
    public static IEnumerable<Guid> NamedBy(PostContent content) =>
        PostMedia.Of(content).Select(m => m.Item.ArtifactId).Distinct();

    /// <summary>Starts the imports of a post in the open transaction; the caller saves.</summary>
    /// <exception cref="Common.ProblemException">payloadTooLarge beyond the user's quota.</exception>
    public async Task ImportAsync(Caller caller, Post post, PostPlan plan, CancellationToken ct)
    {
        await quota.RequireAsync(caller.UserId, plan.Artifacts.Imports.Count, ct);
        foreach (var import in plan.Artifacts.Imports) imports.Add(caller, import.ArtifactId, import.Address, post.TestMode);
    }

    /// <summary>Brings the record of a stored post up to date; the caller saves.</summary>
    public async Task UseAsync(Post post, CancellationToken ct)
    {
        var named = NamedBy(post.Content).ToHashSet();
        var known = await db.ArtifactUses.Where(u => u.PostId == post.Id).ToListAsync(ct);
        db.ArtifactUses.RemoveRange(known.Where(u => !named.Contains(u.ArtifactId)));
        db.ArtifactUses.AddRange(named.Except(known.Select(u => u.ArtifactId))
            .Select(id => new ArtifactUse { ArtifactId = id, PostId = post.Id }));
    }
}
