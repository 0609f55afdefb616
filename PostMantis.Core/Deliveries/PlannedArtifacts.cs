using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>A file that a post asks to be imported; the artifact is made with the post.</summary>
internal sealed record PlannedImport(Guid ArtifactId, Uri Address);

/// <summary>The artifacts that posts name, as far as they exist, and those that are to be imported for one of them.</summary>
internal sealed class PlannedArtifacts
{
    private readonly IReadOnlyDictionary<Guid, Artifact> _known;
    private readonly Dictionary<Guid, PlannedImport> _imports;

    private PlannedArtifacts(IReadOnlyDictionary<Guid, Artifact> known, IEnumerable<PlannedImport> imports) =>
        (_known, _imports) = (known, imports.ToDictionary(i => i.ArtifactId));

    public static PlannedArtifacts None { get; } = new(new Dictionary<Guid, Artifact>(), []);

    public IReadOnlyCollection<PlannedImport> Imports => _imports.Values;

    /// <summary>Reads the artifacts that <paramref name="contents"/> name; no query where none is named.</summary>
    /// <remarks>Held until the transaction ends: nobody erases what is about to be used.</remarks>
    public static async Task<PlannedArtifacts> ReadAsync(PostMantisDb db, IReadOnlyCollection<Guid> users,
        IEnumerable<PostContent> contents, CancellationToken ct)
    {
        var ids = contents.Where(PostMedia.IsIn).SelectMany(PostMedia.Of).Where(m => m.Item.Url is null).Select(m => m.Item.ArtifactId)
            .Distinct().ToArray();
        if (ids.Length == 0) return None;
        var owners = users.ToArray();
        return new PlannedArtifacts(await db.Artifacts.FromSql($"""
            SELECT * FROM artifacts WHERE user_id = ANY({owners}) AND id = ANY({ids}) ORDER BY id FOR KEY SHARE
            """).AsNoTracking().ToDictionaryAsync(a => a.Id, ct), []);
    }

    /// <summary>Those that <paramref name="caller"/> may use.</summary>
    public PlannedArtifacts Of(Caller caller) => new(_known.Where(a => a.Value.UserId == caller.UserId
        && (caller.TestMode is null || caller.TestMode == a.Value.TestMode)).ToDictionary(), _imports.Values);

    /// <summary>Also the files to import, each address once.</summary>
    public PlannedArtifacts With(IEnumerable<PlannedImport> imports) => new(_known, imports);

    public Artifact? Find(Guid id) => _known.GetValueOrDefault(id);

    /// <summary>What a file is; null while it is on its way, or when it came to nothing.</summary>
    public MediaFacts? Facts(Guid id) => Find(id)?.Facts;

    /// <summary>Whether a file is on its way.</summary>
    public bool IsComing(Guid id) => _imports.ContainsKey(id) || Find(id)?.Status == ArtifactStatus.Importing;

    /// <summary>What the bytes of an item are, as far as that can be said now.</summary>
    public string BytesOf(MediaItem item)
    {
        if (Facts(item.ArtifactId) is { } facts) return facts.Sha256;
        var address = _imports.GetValueOrDefault(item.ArtifactId)?.Address.AbsoluteUri ?? Find(item.ArtifactId)?.SourceUrl;
        return address is null
            ? item.ArtifactId.ToString("N")
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address)));
    }

    /// <summary>What speaks against naming an artifact.</summary>
    public Issue? Issue(NamedMedia named)
    {
        var at = named.Pointer + "/artifactId";
        return Find(named.Item.ArtifactId) switch
        {
            null => null,
            { Status: ArtifactStatus.Reserved } => new Issue(at, Rule.NotReady, "Its bytes have not all come.",
                Fix: "Finish the upload (POST /uploads/complete), or take the file away."),
            { Status: ArtifactStatus.Failed, Error: { } error } => new Issue(at, Rule.Excluded,
                $"This file was refused: {error.Message}", Limit: error.Limit, Actual: error.Actual, Unit: error.Unit),
            { Status: ArtifactStatus.Expired } => new Issue(at, Rule.Excluded, "Its bytes did not come in time.",
                Fix: "Upload it again."),
            _ => null,
        };
    }
}
