using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Outbound;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Media;

/// <summary>Fetches what users want imported, through the guarded client, straight into the store.</summary>
public sealed partial class MediaImporter(IServiceScopeFactory scopes, GuardedClient client, IMediaStore store,
    HeldLeases leasesHeld, IOptions<MediaOptions> options, TimeProvider time, ILogger<MediaImporter> logger)
{
    /// <summary>Claims and fetches what is due.</summary>
    /// <returns>How many imports were tried.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        IReadOnlyList<WorkLease> leases;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var queue = scope.ServiceProvider.GetRequiredService<WorkQueue>();
            leases = (await queue.ClaimAsync(WorkKind.ImportMedia, options.Value.ImportSlots, ct)).Leases;
        }
        await Task.WhenAll(leases.Select(lease => ImportAsync(lease, ct)));
        return leases.Count;
    }

    private async Task ImportAsync(WorkLease lease, CancellationToken ct)
    {
        using var held = leasesHeld.Hold(lease);
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        var db = services.GetRequiredService<PostMantisDb>();
        var queue = services.GetRequiredService<WorkQueue>();
        var unit = services.GetRequiredService<UnitOfWork>();
        var settler = services.GetRequiredService<ArtifactSettler>();
        var source = await db.Artifacts.Where(a => a.Id == lease.Key && a.Status == ArtifactStatus.Importing)
            .Select(a => a.SourceUrl).SingleOrDefaultAsync(ct);
        var failure = source is null ? null : await FetchAsync(lease.Key, new Uri(source), ct);
        await unit.RunAsync(async token =>
        {
            if (failure is { IsFinal: false } && lease.Tries < options.Value.ImportTries)
            {
                var wait = options.Value.ImportRetry * Math.Pow(2, lease.Tries - 1);
                await queue.ReturnAsync([new WorkReturn(lease, time.GetUtcNow() + wait, Counts: true)], token);
                return;
            }
            if ((await queue.SettleAsync([lease], token)).Count == 0) return;
            if (await settler.LockAsync(lease.Key, token) is not { Status: ArtifactStatus.Importing } artifact) return;
            if (failure is not null) await settler.FailAsync(artifact, failure.Error, token);
            else await settler.InspectAsync(artifact, token);
        }, ct);
    }

    private async Task<Failure?> FetchAsync(Guid id, Uri source, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.Value.ImportWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        var most = options.Value.MaxBytes;
        try
        {
            using var answer = await client.GetAsync(source, either.Token);
            if (!answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.NoContent)
                return new Failure(new ArtifactError("notReachable",
                    $"The address answered with status {(int)answer.StatusCode}."),
                    IsFinal: (int)answer.StatusCode is < 500 and not (408 or 425 or 429));
            if (answer.Content.Headers.ContentLength > most) return TooLarge(answer.Content.Headers.ContentLength);
            await using var content = await answer.Content.ReadAsStreamAsync(either.Token);
            await store.WriteAsync(Artifact.KeyOf(id), content, most, either.Token);
            return null;
        }
        catch (OutboundRefusedException refused)
        {
            return new Failure(new ArtifactError("notAllowed", refused.Message), IsFinal: true);
        }
        catch (MediaTooLargeException)
        {
            return TooLarge(null);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Failure(new ArtifactError("notReachable", "It took too long to fetch."), IsFinal: false);
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException or IOException or UploadBusyException)
        {
            LogFailed(logger, id, e.GetType().Name);
            return new Failure(new ArtifactError("notReachable", "The address could not be reached, or hung up early."),
                IsFinal: false);
        }

        Failure TooLarge(long? actual) => new(new ArtifactError(Inspection.RefusalCodes.TooLarge, "The file is too large.",
            most, actual, "bytes"), IsFinal: true);
    }

    private sealed record Failure(ArtifactError Error, bool IsFinal);

    [LoggerMessage(LogLevel.Information, "Import of artifact {ArtifactId} was cut off: {Reason}.")]
    private static partial void LogFailed(ILogger logger, Guid artifactId, string reason);
}
