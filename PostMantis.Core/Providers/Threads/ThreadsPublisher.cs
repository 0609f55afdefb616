using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>
/// Publishes the root by a container, then each further part as a reply to the one before, and the first comment as a reply
/// to the root. While the network works on a part the attempt stays open; what is live already stands in its handles.
/// </summary>
internal sealed class ThreadsPublisher(ThreadsClient client, TimeProvider time) : IPublisher
{
    private const string IdHandle = "id";
    private const int MostPartFaults = 3;
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(20);

    public static ContainerWay Way { get; } =
        new("threads", "threads_publish", "status", "error_message", "text", ListsSince: true, ThreadsErrors.OfContainer);

    private readonly MetaContainers _containers = new(client, ThreadsErrors.All, Way, time);
    private readonly MetaQuota _quota = new(client, "Threads", "threads_publishing_limit", time);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        var parts = work.Parts.ToList();
        var at = parts.FindIndex(part => part.Kind == PartKind.Root);
        if (work.Handles.Count == 0 && !parts.Exists(part => part.Status == PartStatus.Published)
            && await _quota.FullAsync(work, ct) is { } full)
            return full;
        if (at < 0 || parts[at] is not { Status: PartStatus.Published, ProviderPostId: not null })
        {
            var step = await StepAsync(work, NameOf(0), replyTo: null, work.Content.Body, work.Content.Media, ct);
            if (step is not ContainerStep.Live { Id: { } id } live) return ((ContainerStep.Ended)step).Outcome;
            var found = new DeliveryPart(0, PartKind.Root, PartStatus.Published, id, live.Url);
            if (at < 0) parts.Insert(at = 0, found);
            else parts[at] = found;
            if (parts.Count > 1) await KeepAsync(work, NameOf(0), live, ct);
        }
        return await RepliesAsync(work, parts[at], parts, ct);
    }

    /// <summary>Names the handles of a part.</summary>
    public static string NameOf(int index) => FormattableString.Invariant($"part{index}");

    private async Task<PublishOutcome> RepliesAsync(
        PublishWork work, DeliveryPart root, List<DeliveryPart> parts, CancellationToken ct)
    {
        var parent = root.ProviderPostId!;
        foreach (var part in parts.Where(part => part.Kind != PartKind.Root).OrderBy(part => part.Index).ToList())
        {
            var isComment = part.Kind == PartKind.FirstComment;
            if (part.Status == PartStatus.Published)
            {
                if (!isComment) parent = part.ProviderPostId ?? parent;
                continue;
            }
            var (body, media) = isComment
                ? (work.Content.FirstComment!.Body, work.Content.FirstComment.Media)
                : (work.Content.Thread[part.Index - 1].Body, work.Content.Thread[part.Index - 1].Media);
            var step = await StepAsync(work, NameOf(part.Index), isComment ? root.ProviderPostId : parent, body, media, ct);
            if (step is ContainerStep.Live live)
            {
                await KeepAsync(work, NameOf(part.Index), live, ct);
                DeliveryPart.Put(parts, part with { Status = PartStatus.Published, ProviderPostId = live.Id, Url = live.Url, Error = null });
                if (!isComment) parent = live.Id ?? parent;
                continue;
            }
            var (error, wait) = await ReadAsync(work, NameOf(part.Index), ((ContainerStep.Ended)step).Outcome, ct);
            if (wait is { } later) return new PublishOutcome.Processing(later);
            DeliveryPart.Put(parts, part with { Status = PartStatus.Failed, Error = error });
            if (!isComment) return new PublishOutcome.Incomplete(root.ProviderPostId!, root.Url, parts, error!);
        }
        return new PublishOutcome.Published(root.ProviderPostId!, root.Url, parts);
    }

    // The root is live: whatever a reply comes to, the attempt may only wait with its handles, or end incomplete.
    private static async Task<(DeliveryError? Error, TimeSpan? Wait)> ReadAsync(
        PublishWork work, string name, PublishOutcome outcome, CancellationToken ct)
    {
        switch (outcome)
        {
            case PublishOutcome.Processing processing:
                return (null, processing.CheckAfter);
            case PublishOutcome.Unconfirmed:
                return (null, AfterFault);
            case PublishOutcome.Rejected rejected:
                return (rejected.Error, null);
        }
        var (error, asked) = outcome switch
        {
            PublishOutcome.Deferred deferred => (deferred.Error, deferred.RetryAfter),
            PublishOutcome.Retry retry => (retry.Error, retry.RetryAfter),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        var faults = (work.Handles.GetValueOrDefault($"{name}.faults")?.Length ?? 0) + 1;
        if (faults >= MostPartFaults) return (error, null);
        await work.SaveHandleAsync($"{name}.faults", new string('x', faults), ct);
        return (null, asked > AfterFault ? asked : AfterFault);
    }

    private async Task<ContainerStep> StepAsync(PublishWork work, string name, string? replyTo, string? body,
        IReadOnlyList<MediaItem> media, CancellationToken ct) =>
        work.Handles.GetValueOrDefault($"{name}.{IdHandle}") is { } known
            ? Read(known)
            // No listing shows replies.
            : await _containers.AdvanceAsync(work, name, new ContainerTrace(body ?? "", replyTo is null ? Way.CreateEdge : null),
                () => PlanOf(work, replyTo, body, media), ct);

    private static Task KeepAsync(PublishWork work, string name, ContainerStep.Live live, CancellationToken ct) =>
        work.Handles.ContainsKey($"{name}.{IdHandle}")
            ? Task.CompletedTask
            : work.SaveHandleAsync($"{name}.{IdHandle}", $"{live.Id} {live.Url}", ct);

    private static ContainerStep.Live Read(string kept)
    {
        var words = kept.Split(' ', 2);
        return new ContainerStep.Live(words[0].Length > 0 ? words[0] : null, words[1].Length > 0 ? words[1] : null);
    }

    private static ContainerPlan? PlanOf(PublishWork work, string? replyTo, string? body, IReadOnlyList<MediaItem> media)
    {
        if (work.FilesOf(media) is not { } files) return null;
        var fields = (replyTo is null ? RootOf(work.Content) : []).Say("text", body).Say("reply_to_id", replyTo);
        return files switch
        {
            [] => new ContainerPlan(fields.Say("media_type", "TEXT"), []),
            [var only] => new ContainerPlan(FileOf(fields, media[0], only), []),
            _ => new ContainerPlan(fields.Say("media_type", "CAROUSEL"),
                [.. files.Select((file, i) => FileOf([], media[i], file).Say("is_carousel_item", true))]),
        };
    }

    private static Dictionary<string, string> RootOf(DeliveryContent content) => new Dictionary<string, string>()
        .Say("link_attachment", content.Link?.Url).Say("topic_tag", content.Options.Text("topicTag"))
        .Say("quote_post_id", content.Options.Text("quotePostId"))
        .Say("reply_control", content.Options.Text("replyControl") switch
        {
            "accountsYouFollow" => "accounts_you_follow",
            "mentionedOnly" => "mentioned_only",
            var control => control,
        });

    private static Dictionary<string, string> FileOf(Dictionary<string, string> fields, MediaItem item, PublishFile file)
    {
        var isVideo = file.Kind == MediaKind.Video;
        return fields.Say("media_type", isVideo ? "VIDEO" : "IMAGE").Say("alt_text", item.Alt)
            .Say(isVideo ? "video_url" : "image_url", file.PullUrl(MetaContainers.PullFor).AbsoluteUri);
    }
}

/// <summary>Asks the root's container what became of it.</summary>
internal sealed class ThreadsReconciler(ThreadsClient client, TimeProvider time) : IReconciler
{
    private readonly MetaContainers _containers = new(client, ThreadsErrors.All, ThreadsPublisher.Way, time);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct) =>
        _containers.ReconcileAsync(work, ThreadsPublisher.NameOf(0),
            new ContainerTrace(work.Content.Body ?? "", ThreadsPublisher.Way.CreateEdge), ct);
}
