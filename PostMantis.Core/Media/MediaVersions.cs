using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>A converted file, or why there is none: exactly one of the two is set.</summary>
public sealed record MadeVersion(ArtifactVersion? Version, MediaRefusal? Refusal);

/// <summary>Makes versions of artifacts, each recipe once, and finds those that were made.</summary>
public sealed partial class MediaVersions(IServiceScopeFactory scopes, IMediaStore store, MediaScratch scratch,
    MediaConverter converter, TimeProvider time, ILogger<MediaVersions> logger)
{
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>What this server can convert.</summary>
    public MediaTools Tools => converter.Tools;

    /// <summary>The versions of some artifacts, by artifact and recipe key.</summary>
    public async Task<IReadOnlyDictionary<(Guid ArtifactId, string Recipe), ArtifactVersion>> FindAsync(
        IReadOnlyCollection<Guid> artifacts, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<PostMantisDb>().ArtifactVersions.AsNoTracking()
            .Where(v => artifacts.Contains(v.ArtifactId)).ToDictionaryAsync(v => (v.ArtifactId, v.Recipe), ct);
    }

    /// <summary>The version of a verified artifact by <paramref name="recipe"/>, made now if it was not before.</summary>
    /// <param name="progress">0 to 1, for video; null: nobody asks.</param>
    /// <exception cref="FileNotFoundException">The artifact's bytes are gone.</exception>
    public async Task<MadeVersion> EnsureAsync(
        Artifact artifact, MediaRecipe recipe, IProgress<double>? progress, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(artifact);
        ArgumentNullException.ThrowIfNull(recipe);
        var key = recipe.Key();

        // Who wants the same waits and then finds it; another replica may make it too, and the first to store it wins.
        var turn = _turns[(HashCode.Combine(artifact.Id, key) & int.MaxValue) % _turns.Length];
        await turn.WaitAsync(ct);
        try
        {
            return await FindAsync(artifact.Id, key, ct) is { } known
                ? new MadeVersion(known, null)
                : await MakeAsync(artifact, recipe, key, progress, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<ArtifactVersion?> FindAsync(Guid artifactId, string recipe, CancellationToken ct) =>
        (await FindAsync([artifactId], ct)).GetValueOrDefault((artifactId, recipe));

    private async Task<MadeVersion> MakeAsync(
        Artifact artifact, MediaRecipe recipe, string recipeKey, IProgress<double>? progress, CancellationToken ct)
    {
        using var source = await store.StageAsync(artifact.Key, ct)
            ?? throw new FileNotFoundException("The artifact's bytes are gone.", artifact.Key);
        using var made = scratch.New();
        var verdict = await converter.ConvertAsync(source.Path, artifact.Facts!, recipe, made.Path, progress, ct);
        if (verdict.Facts is not { } facts)
        {
            LogRefused(logger, artifact.Id, verdict.Refusal!.Code);
            return new MadeVersion(null, verdict.Refusal);
        }
        var version = new ArtifactVersion
        {
            Id = Ids.New(time.GetUtcNow()),
            ArtifactId = artifact.Id,
            Recipe = recipeKey,
            Facts = facts,
            CreatedAt = time.GetUtcNow(),
        };
        await using (var content = new FileStream(made.Path, FileMode.Open, FileAccess.Read, FileShare.Read, 4096, useAsync: true))
            await store.WriteAsync(version.Key, content, facts.SizeBytes, ct);
        await store.KeepAsync(version.Key, ct);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        db.ArtifactVersions.Add(version);
        try
        {
            await db.SaveChangesAsync(ct);
            return new MadeVersion(version, null);
        }
        catch (DbUpdateException e) when (e.InnerException is Npgsql.PostgresException)
        {
            // Another replica was first, or the artifact is gone meanwhile.
            await store.DeleteAsync(version.Key, CancellationToken.None);
            if (await FindAsync(artifact.Id, recipeKey, ct) is { } first) return new MadeVersion(first, null);
            throw;
        }
    }

    [LoggerMessage(LogLevel.Information, "Artifact {ArtifactId} could not be converted: {Code}.")]
    private static partial void LogRefused(ILogger logger, Guid artifactId, string code);
}
