using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Media;

/// <summary>
/// Ends artifacts: reads what came, decides, tells. The row is locked throughout, so that what is verified is what was
/// read.
/// </summary>
public sealed partial class ArtifactSettler(UnitOfWork unit, IMediaStore store, MediaInspector inspector,
    MetadataStripper stripper, MediaScratch scratch, EventWriter events, IEnumerable<IArtifactWatcher> watchers, WakeUp wakeUp,
    IOptions<MediaOptions> options, TimeProvider time, ILogger<ArtifactSettler> logger)
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
        var facts = verdict.Facts!;
        if (options.Value.StripMetadata && facts is { Kind: MediaKind.Image, HasMetadata: true })
            facts = await StripAsync(artifact.Id, file.Path, facts, ct);
        artifact.Verify(facts, time.GetUtcNow());
        await TellAsync(artifact, EventTypes.ArtifactVerified, ct);
    }

    // Under a key of its own, so that whatever stops us, the upload is what it was.
    private async Task<MediaFacts> StripAsync(Guid id, string path, MediaFacts facts, CancellationToken ct)
    {
        using var clean = scratch.New();
        var stripped = await stripper.StripAsync(path, clean.Path, facts, ct) with { MetadataRemoved = true };
        await using (var content = File.OpenRead(clean.Path))
            await store.WriteAsync(Artifact.CleanKeyOf(id), content, stripped.SizeBytes, ct);
        await store.KeepAsync(Artifact.CleanKeyOf(id), ct);
        unit.AfterCommit(() => _ = DiscardAsync(Artifact.KeyOf(id)));
        return stripped;
    }

    // What is left when this fails goes with the next sweep.
    private async Task DiscardAsync(string key)
    {
        try
        {
            await store.DeleteAsync(key, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogLeft(logger, key, e);
        }
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

    [LoggerMessage(LogLevel.Warning, "The file {Key} as it was sent could not be removed yet.")]
    private static partial void LogLeft(ILogger logger, string key, Exception exception);

    private async Task TellAsync(Artifact artifact, string type, CancellationToken ct)
    {
        events.Add(artifact.UserId, type, new JsonObject { [Artifact.Kind] = ArtifactResource.ToJson(artifact) },
            artifact.TestMode);
        await _db.SaveChangesAsync(ct);
        foreach (var watcher in watchers) await watcher.SettledAsync(artifact, ct);
        unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
    }
}
