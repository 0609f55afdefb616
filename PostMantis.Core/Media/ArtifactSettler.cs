using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Media;

/// <summary>
/// Ends artifacts: reads what came, decides, tells. The row is locked throughout, so that what is verified is what was
/// read.
/// </summary>
public sealed class ArtifactSettler(UnitOfWork unit, IMediaStore store, MediaInspector inspector, EventWriter events,
    IEnumerable<IArtifactWatcher> watchers, WakeUp wakeUp, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Locks an artifact, though a post may begin to name it meanwhile; null when it is gone.</summary>
    internal async Task<Artifact?> LockAsync(Guid id, CancellationToken ct) =>
        (await _db.Artifacts.FromSql($"SELECT * FROM artifacts WHERE id = {id} FOR NO KEY UPDATE").ToListAsync(ct))
            .SingleOrDefault();

    /// <summary>Reads the upload of a locked artifact and verifies or fails it.</summary>
    internal async Task InspectAsync(Artifact artifact, CancellationToken ct)
    {
        // Out of its sender's reach first: what is inspected can change no more.
        await store.KeepAsync(artifact.Key, ct);
        using var file = await store.StageAsync(artifact.Key, ct)
            ?? throw new FileNotFoundException("The upload is gone.", artifact.Key);
        var verdict = await inspector.InspectAsync(file.Path, new MediaClaim(artifact.ClaimedType,
            artifact.ClaimedType is null ? null : artifact.FileName), ct);
        if (verdict.Refusal is { } refusal)
        {
            await FailAsync(artifact, new ArtifactError(
                refusal.Code, refusal.Message, refusal.Limit, refusal.Actual, refusal.Unit), ct);
            return;
        }
        artifact.Verify(verdict.Facts!, time.GetUtcNow());
        await TellAsync(artifact, EventTypes.ArtifactVerified, ct);
    }

    /// <summary>Fails a locked artifact; its bytes go once that is durable.</summary>
    internal async Task FailAsync(Artifact artifact, ArtifactError error, CancellationToken ct)
    {
        artifact.Fail(error, time.GetUtcNow());
        await store.DeleteAsync(artifact.Key, ct);
        await TellAsync(artifact, EventTypes.ArtifactFailed, ct);
    }

    /// <summary>Ends a locked artifact whose time has run out.</summary>
    internal async Task ExpireAsync(Artifact artifact, CancellationToken ct)
    {
        if (artifact.Status == ArtifactStatus.Importing)
        {
            await FailAsync(artifact, new ArtifactError("notReachable", "It could not be fetched in time."), ct);
            return;
        }
        artifact.Expire(time.GetUtcNow());
        await store.DeleteAsync(artifact.Key, ct);
        await _db.SaveChangesAsync(ct);
    }

    private async Task TellAsync(Artifact artifact, string type, CancellationToken ct)
    {
        events.Add(artifact.UserId, type, new JsonObject { [Artifact.Kind] = ArtifactResource.ToJson(artifact) },
            artifact.TestMode);
        await _db.SaveChangesAsync(ct);
        foreach (var watcher in watchers) await watcher.SettledAsync(artifact, ct);
        unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
    }
}
