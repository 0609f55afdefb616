using System.Globalization;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Publishes by one container, or one for each item of a carousel and one for the whole.</summary>
internal sealed class InstagramPublisher(InstagramClient client, TimeProvider time) : IPublisher
{
    /// <summary>The one part of a post here.</summary>
    public const string Part = "root";

    public static ContainerWay Way { get; } = new("media", "media_publish", "status_code", "status", "caption", ListsSince: false);

    private readonly MetaContainers _containers = new(client, InstagramErrors.All, Way, InstagramErrors.OfContainer, time);
    private readonly MetaQuota _quota = new(client, "Instagram", "content_publishing_limit", time);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (work.Handles.Count == 0 && await _quota.FullAsync(work, ct) is { } full) return full;
        return await _containers.AdvanceAsync(work, Part, TraceOf(work.Content), () => PlanOf(work), ct) switch
        {
            ContainerStep.Live { Id: { } id } live => new PublishOutcome.Published(id, live.Url,
                [new DeliveryPart(0, PartKind.Root, PartStatus.Published, id, live.Url)]),
            ContainerStep.Ended ended => ended.Outcome,
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    /// <summary>Whether the options ask for a story.</summary>
    public static bool IsStory(DeliveryContent content) => content.Options["placement"].Text() == "story";

    /// <summary>By what a post is known again: a story has no text.</summary>
    public static ContainerTrace TraceOf(DeliveryContent content) =>
        IsStory(content) ? new ContainerTrace("", "stories") : new ContainerTrace(content.Body ?? "", "media");

    private static ContainerPlan? PlanOf(PublishWork work)
    {
        var content = work.Content;
        var files = content.Media.Select(item => work.Files.GetValueOrDefault(item.ArtifactId)).ToList();
        if (files.Count == 0 || files.Exists(file => file is null)) return null;
        var story = IsStory(content);
        Dictionary<string, string> fields = [];
        if (content.Body is { } caption && !story) fields["caption"] = caption;
        foreach (var (name, value) in Options(content)) fields[name] = value;
        List<IReadOnlyDictionary<string, string>> children = [];
        if (files.Count == 1)
        {
            AddFile(fields, content.Media[0], files[0]!);
            if (story) fields["media_type"] = "STORIES";
            else if (files[0]!.Kind == MediaKind.Video) fields["media_type"] = "REELS";
        }
        else
        {
            fields["media_type"] = "CAROUSEL";
            for (var i = 0; i < files.Count; i++)
            {
                Dictionary<string, string> child = new() { ["is_carousel_item"] = "true" };
                AddFile(child, content.Media[i], files[i]!);
                if (files[i]!.Kind == MediaKind.Video) child["media_type"] = "VIDEO";
                children.Add(child);
            }
        }
        return new ContainerPlan(fields, children);
    }

    private static void AddFile(Dictionary<string, string> fields, MediaItem item, PublishFile file)
    {
        var isVideo = file.Kind == MediaKind.Video;
        fields[isVideo ? "video_url" : "image_url"] = file.PullUrl(MetaContainers.PullFor).AbsoluteUri;
        if (item.Alt is { } alt && !isVideo) fields["alt_text"] = alt;
        if (item.CoverAtMs is { } cover && isVideo) fields["thumb_offset"] = cover.ToString(CultureInfo.InvariantCulture);
    }

    private static IEnumerable<(string Name, string Value)> Options(DeliveryContent content)
    {
        var options = content.Options;
        if (options["shareToFeed"].Flag() is { } share) yield return ("share_to_feed", share ? "true" : "false");
        if (options["audioName"].Text() is { } audio) yield return ("audio_name", audio);
        if (options["collaborators"].Texts() is { Count: > 0 } people) yield return ("collaborators", string.Join(',', people));
        if (options["locationId"].Text() is { } place) yield return ("location_id", place);
        if (options["aiGenerated"].Flag() is { } made) yield return ("is_ai_generated", made ? "true" : "false");
    }
}

/// <summary>Asks the container what became of it.</summary>
internal sealed class InstagramReconciler(InstagramClient client, TimeProvider time) : IReconciler
{
    private readonly MetaContainers _containers =
        new(client, InstagramErrors.All, InstagramPublisher.Way, InstagramErrors.OfContainer, time);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        return _containers.ReconcileAsync(work, InstagramPublisher.Part, InstagramPublisher.TraceOf(work.Content), ct);
    }
}
