using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>The files of a delivery as its network takes them, or why one of them is not to be had.</summary>
internal sealed record LoadedFiles(IReadOnlyDictionary<Guid, PublishFile> Files, DeliveryError? Error)
{
    public static LoadedFiles None { get; } = new(new Dictionary<Guid, PublishFile>(), null);
}

/// <summary>Gives deliveries their files: kept or converted, as the plan says.</summary>
internal sealed class DeliveryFiles(
    IServiceScopeFactory scopes, IMediaStore store, MediaVersions versions, MediaUrls urls, TimeProvider time)
{
    /// <summary>Loads what a delivery sends. What was not prepared ahead, such as for a retry, is converted now.</summary>
    /// <param name="account">What the profile knows of its account's limits.</param>
    public async Task<LoadedFiles> LoadAsync(Delivery delivery, IProvider provider,
        IReadOnlyDictionary<string, string> account, CancellationToken ct)
    {
        // A file that is named twice is one file: asked for once with borders, it has them wherever they are needed.
        var fits = PostMedia.Of(delivery.Content).GroupBy(item => item.ArtifactId)
            .ToDictionary(same => same.Key, same => same.Max(item => item.Fit));
        var ids = fits.Keys.ToArray();
        if (ids.Length == 0) return LoadedFiles.None;
        Dictionary<Guid, Artifact> artifacts;
        await using (var scope = scopes.CreateAsyncScope())
            artifacts = await scope.ServiceProvider.GetRequiredService<PostMantisDb>().Artifacts.AsNoTracking()
                .Where(a => a.UserId == delivery.UserId && ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, ct);
        var rules = provider.RulesFor(delivery.Content, provider.RulesOf(account)).Media;
        Dictionary<Guid, PublishFile> files = [];
        foreach (var id in ids)
        {
            var (file, error) = await LoadAsync(artifacts.GetValueOrDefault(id), rules, provider.DisplayName, fits[id], ct);
            if (error is not null) return new LoadedFiles(files, error);
            files[id] = file!;
        }
        return new LoadedFiles(files, null);
    }

    private async Task<(PublishFile? File, DeliveryError? Error)> LoadAsync(
        Artifact? artifact, MediaRules? rules, string network, MediaFit? fit, CancellationToken ct)
    {
        if (artifact?.Facts is not { } facts) return (null, MediaErrors.Of(artifact));
        var plan = ContentRules.PlanMedia(facts, rules, versions.Tools, network, fit);
        if (plan.Verdict == MediaVerdict.Refuse) return (null, MediaErrors.Of(plan.Issues));
        if (plan.Recipe is not { } recipe)
        {
            return await store.FindAsync(artifact.Key, ct) is null
                ? (null, MediaErrors.Of(null as Artifact))
                : (Of(artifact, artifact.Key, facts), null);
        }
        try
        {
            var made = await versions.EnsureAsync(artifact, recipe, null, ct);
            return made.Version is { } version
                ? (Of(artifact, version.Key, version.Facts), null)
                : (null, MediaErrors.Of(made.Refusal!));
        }
        catch (FileNotFoundException)
        {
            return (null, MediaErrors.Of(null as Artifact));
        }
    }

    private StoredFile Of(Artifact artifact, string key, MediaFacts facts) => new(store, urls, time, key)
    {
        ArtifactId = artifact.Id,
        Kind = facts.Kind,
        MimeType = facts.MimeType,
        SizeBytes = facts.SizeBytes,
        Sha256 = facts.Sha256,
        FileName = FileNames.Of(artifact.FileName, facts.MimeType),
        Width = facts.Width,
        Height = facts.Height,
        DurationMs = facts.DurationMs,
        IsAnimated = facts.IsAnimated,
    };

    private sealed class StoredFile(IMediaStore store, MediaUrls urls, TimeProvider time, string key) : PublishFile
    {
        public override Task<Stream> OpenAsync(long offset, CancellationToken ct) => store.OpenAsync(key, offset, ct);

        public override Uri PullUrl(TimeSpan holdsFor) =>
            urls.Make(MediaGrant.Read, key, 0, time.GetUtcNow() + holdsFor);
    }
}

/// <summary>What is wrong with the media of a delivery.</summary>
internal static class MediaErrors
{
    /// <summary>An artifact that has no bytes to send: gone (null), refused, or not fetched.</summary>
    public static DeliveryError Of(Artifact? artifact) => artifact?.Error switch
    {
        null => new DeliveryError(DeliveryErrorCode.MediaUnavailable, "A file of this post is not there any more.",
            NextStep.EditAndRetry, Retryable: false),
        { Code: "notReachable" or "notAllowed" } error => new DeliveryError(DeliveryErrorCode.MediaUnavailable,
            $"A file could not be imported: {error.Message}", NextStep.EditAndRetry, Retryable: false,
            new ProviderError(error.Code, null, null)),
        { } error => new DeliveryError(DeliveryErrorCode.MediaRejected, $"A file was refused: {error.Message}",
            NextStep.EditAndRetry, Retryable: false, new ProviderError(error.Code, null, null)),
    };

    /// <summary>A file that the network does not take.</summary>
    public static DeliveryError Of(IReadOnlyList<Issue> issues) => new(DeliveryErrorCode.MediaRejected,
        string.Join(" ", issues.Where(i => i.Severity == Severity.Error).Take(3).Select(Words)), NextStep.EditAndRetry,
        Retryable: false);

    /// <summary>A file that could not be converted.</summary>
    public static DeliveryError Of(MediaRefusal refusal) => new(DeliveryErrorCode.MediaRejected, refusal.Message,
        NextStep.EditAndRetry, Retryable: false, new ProviderError(refusal.Code, null, null));

    private static string Words(Issue issue) => issue is { Limit: { } limit, Actual: { } actual }
        ? string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{issue.Message} (limit {limit}, actual {actual} {issue.Unit})")
        : issue.Message;
}
