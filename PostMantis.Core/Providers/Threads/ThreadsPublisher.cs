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
        new("threads", "threads_publish", "status", "error_message", "text", ListsSince: true);

    private readonly MetaContainers _containers = new(client, ThreadsErrors.All, Way, ThreadsErrors.OfContainer, time);
    private readonly MetaQuota _quota = new(client, "Threads", "threads_publishing_limit", time);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
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
                Put(parts, part with { Status = PartStatus.Published, ProviderPostId = live.Id, Url = live.Url, Error = null });
                if (!isComment) parent = live.Id ?? parent;
                continue;
            }
            var (error, wait) = await ReadAsync(work, NameOf(part.Index), ((ContainerStep.Ended)step).Outcome, ct);
            if (wait is { } later) return new PublishOutcome.Processing(later);
            Put(parts, part with { Status = PartStatus.Failed, Error = error });
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
        var files = media.Select(item => work.Files.GetValueOrDefault(item.ArtifactId)).ToList();
        if (files.Exists(file => file is null)) return null;
        Dictionary<string, string> fields = [];
        if (body is not null) fields["text"] = body;
        if (replyTo is not null) fields["reply_to_id"] = replyTo;
        else AddRoot(fields, work.Content);
        List<IReadOnlyDictionary<string, string>> children = [];
        if (files.Count == 0) fields["media_type"] = "TEXT";
        else if (files.Count == 1) AddFile(fields, media[0], files[0]!);
        else
        {
            fields["media_type"] = "CAROUSEL";
            for (var i = 0; i < files.Count; i++)
            {
                Dictionary<string, string> child = new() { ["is_carousel_item"] = "true" };
                AddFile(child, media[i], files[i]!);
                children.Add(child);
            }
        }
        return new ContainerPlan(fields, children);
    }

    private static void AddRoot(Dictionary<string, string> fields, DeliveryContent content)
    {
        if (content.Link is { } link) fields["link_attachment"] = link.Url;
        if (content.Options["topicTag"].Text() is { } topic) fields["topic_tag"] = topic;
        if (content.Options["quotePostId"].Text() is { } quoted) fields["quote_post_id"] = quoted;
        if (content.Options["replyControl"].Text() switch
        {
            "everyone" => "everyone",
            "accountsYouFollow" => "accounts_you_follow",
            "mentionedOnly" => "mentioned_only",
            _ => null,
        } is { } control)
            fields["reply_control"] = control;
    }

    private static void AddFile(Dictionary<string, string> fields, MediaItem item, PublishFile file)
    {
        var isVideo = file.Kind == MediaKind.Video;
        fields["media_type"] = isVideo ? "VIDEO" : "IMAGE";
        fields[isVideo ? "video_url" : "image_url"] = file.PullUrl(MetaContainers.PullFor).AbsoluteUri;
        if (item.Alt is { } alt) fields["alt_text"] = alt;
    }

    private static void Put(List<DeliveryPart> parts, DeliveryPart part) =>
        parts[parts.FindIndex(one => one.Index == part.Index)] = part;
}

/// <summary>Asks the root's container what became of it.</summary>
internal sealed class ThreadsReconciler(ThreadsClient client, TimeProvider time) : IReconciler
{
    private readonly MetaContainers _containers =
        new(client, ThreadsErrors.All, ThreadsPublisher.Way, ThreadsErrors.OfContainer, time);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        return _containers.ReconcileAsync(work, ThreadsPublisher.NameOf(0),
            new ContainerTrace(work.Content.Body ?? "", ThreadsPublisher.Way.CreateEdge), ct);
    }
}
