using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Publishes by one container, or one for each item of a carousel and one for the whole.</summary>
internal sealed class InstagramPublisher(InstagramClient client, TimeProvider time) : IPublisher
{
    /// <summary>The one part of a post here.</summary>
    public const string Part = "root";

    public static ContainerWay Way { get; } = new(
        "media", "media_publish", "status_code", "status", "caption", ListsSince: false, InstagramErrors.OfContainer);

    private readonly MetaContainers _containers = new(client, InstagramErrors.All, Way, time);
    private readonly MetaQuota _quota = new(client, "Instagram", "content_publishing_limit", time);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        if (work.Handles.Count == 0 && await _quota.FullAsync(work, ct) is { } full) return full;
        return await _containers.AdvanceAsync(work, Part, TraceOf(work.Content), () => PlanOf(work), ct) switch
        {
            ContainerStep.Live { Id: { } id } live => new PublishOutcome.Published(id, live.Url, []),
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
        if (work.FilesOf(content.Media) is not [var first, ..] files) return null;
        var fields = OptionsOf(content.Options).Say("caption", IsStory(content) ? null : content.Body);
        if (files.Count > 1)
            return new ContainerPlan(fields.Say("media_type", "CAROUSEL"), [.. files.Select((file, i) =>
                FileOf([], content.Media[i], file).Say("is_carousel_item", true)
                    .Say("media_type", file.Kind == MediaKind.Video ? "VIDEO" : null))]);
        return new ContainerPlan(FileOf(fields, content.Media[0], first)
            .Say("media_type", IsStory(content) ? "STORIES" : first.Kind == MediaKind.Video ? "REELS" : null), []);
    }

    private static Dictionary<string, string> FileOf(Dictionary<string, string> fields, MediaItem item, PublishFile file)
    {
        var (url, isVideo) = (file.PullUrl(MetaContainers.PullFor).AbsoluteUri, file.Kind == MediaKind.Video);
        return isVideo
            ? fields.Say("video_url", url).Say("thumb_offset", item.CoverAtMs?.ToString(CultureInfo.InvariantCulture))
            : fields.Say("image_url", url).Say("alt_text", item.Alt);
    }

    private static Dictionary<string, string> OptionsOf(JsonObject options) => new Dictionary<string, string>()
        .Say("share_to_feed", options.Flag("shareToFeed")).Say("audio_name", options.Text("audioName"))
        .Say("collaborators", options.Texts("collaborators") is { Count: > 0 } people ? string.Join(',', people) : null)
        .Say("location_id", options.Text("locationId")).Say("is_ai_generated", options.Flag("aiGenerated"));
}

/// <summary>Asks the container what became of it.</summary>
internal sealed class InstagramReconciler(InstagramClient client, TimeProvider time) : IReconciler
{
    private readonly MetaContainers _containers = new(client, InstagramErrors.All, InstagramPublisher.Way, time);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct) =>
        _containers.ReconcileAsync(work, InstagramPublisher.Part, InstagramPublisher.TraceOf(work.Content), ct);
}
