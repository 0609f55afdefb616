using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbound;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Media;

/// <summary>Starts imports: an artifact, and the work of fetching it.</summary>
public sealed class Imports(
    UnitOfWork unit, OutboundGuard guard, WakeUp wakeUp, IOptions<MediaOptions> options, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Adds an import to the open transaction, with its work; the caller saves.</summary>
    public Artifact Add(Caller caller, Uri address)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return Add(caller, Ids.New(time.GetUtcNow()), address, caller.TestMode ?? false);
    }

    /// <summary>As <see cref="Add(Caller, Uri)"/>, by an id that is known already.</summary>
    public Artifact Add(Caller caller, Guid id, Uri address, bool testMode)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(address);
        var now = time.GetUtcNow();
        var artifact = Artifact.Import(id, caller.UserId, testMode, address,
            FileNames.Clean(Uri.UnescapeDataString(address.Segments[^1])), now, options.Value.UploadWithin);
        _db.Artifacts.Add(artifact);
        _db.WorkItems.Add(new WorkItem
        {
            Id = Ids.New(now),
            UserId = caller.UserId,
            Kind = WorkKind.ImportMedia,
            Key = artifact.Id,
            Lane = artifact.Id,
            RunAt = now,
            Traceparent = System.Diagnostics.Activity.Current?.Id,
            CreatedAt = now,
        });
        unit.AfterCommit(() => wakeUp.Signal(WorkKind.ImportMedia));
        return artifact;
    }

    /// <summary>What speaks against importing from an address; null when nothing does.</summary>
    public string? Refusal(string url) => Uri.TryCreate(url, UriKind.Absolute, out var address)
        ? guard.Refusal(address)
        : "Must be an absolute http or https URL.";
}
