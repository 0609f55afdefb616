using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Where a video stands at the network.</summary>
internal enum VideoState
{
    /// <summary>No answer that can be read.</summary>
    Unknown,

    /// <summary>The network waits for the file.</summary>
    Awaited,

    /// <summary>The network works on it.</summary>
    Working,

    /// <summary>It can be published.</summary>
    Ready,

    /// <summary>Publishing it was asked for and has not ended.</summary>
    Publishing,

    /// <summary>It is public.</summary>
    Public,

    /// <summary>It will never be public.</summary>
    Failed,
}

/// <summary>Videos of the feed, reels, and the uploads that reels and stories share.</summary>
internal sealed class FacebookVideos(FacebookClient client, TimeProvider time)
{
    public const string VideoHandle = "video";

    /// <summary>Says before the mark that a post is a video of the feed: it is listed elsewhere.</summary>
    public const string FilmHandle = "film";

    private const string CalledHandle = "called";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(20);

    // A publishing call may take effect this long after its answer was lost.
    private static readonly TimeSpan Settled = TimeSpan.FromMinutes(2);

    /// <summary>A video of the feed: one call makes it, and it is public once the network has worked through it.</summary>
    public async Task<PublishOutcome> VideoAsync(PublishWork work, PageAccess page, PublishFile film, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(VideoHandle, out var video))
        {
            if (!work.Handles.ContainsKey(FilmHandle)) await work.SaveHandleAsync(FilmHandle, "yes", ct);
            var fields = Words(work.Content);
            fields["file_url"] = film.PullUrl(MetaContainers.PullFor).AbsoluteUri;
            if (await FacebookPublisher.MarkAsync(work, ct) is { } late) return late;
            var made = await client.AnnounceAsync(page, fields, ct);
            video = made.IsSuccess ? ProviderText.Id(made.Body.Text("id")) : null;
            if (video is null) return FacebookErrors.All.OfPublicCall(made);
            await work.SaveHandleAsync(VideoHandle, video, ct);
        }
        var (state, answer) = await StateAsync(page, video, ct);
        return state switch
        {
            VideoState.Public or VideoState.Ready => Live(video, answer),
            VideoState.Failed => Refused(answer),
            _ => new PublishOutcome.Processing(Often),
        };
    }

    /// <summary>A reel: upload, wait, finish, wait.</summary>
    public async Task<PublishOutcome> ReelAsync(PublishWork work, PageAccess page, PublishFile film, CancellationToken ct)
    {
        if (await UploadAsync(work, page, "video_reels", film, ct) is { } hindered) return hindered;
        var video = work.Handles[VideoHandle];
        var (state, answer) = await StateAsync(page, video, ct);
        switch (state)
        {
            case VideoState.Public:
                return Live(video, answer);
            case VideoState.Failed:
                return Refused(answer);
            case VideoState.Ready when Remaining(work) is { } wait:
                return new PublishOutcome.Processing(wait);
            case VideoState.Ready:
                break;
            default:
                return new PublishOutcome.Processing(Often);
        }
        var fields = Words(work.Content);
        fields["upload_phase"] = "finish";
        fields["video_id"] = video;
        fields["video_state"] = "PUBLISHED";
        await CallsAsync(work, ct);
        var finished = await client.WriteAsync(page, "video_reels", fields, ct);
        if (!finished.IsSuccess || finished.Body.Flag("success") is not true) return FacebookErrors.All.OfPublicCall(finished);
        (state, answer) = await StateAsync(page, video, ct);
        return state == VideoState.Public ? Live(video, answer) : new PublishOutcome.Processing(Soon);
    }

    /// <summary>Starts a session and has its file fetched; the session's id is kept before anything is sent there.</summary>
    /// <returns>Why it is not done yet; null when the network has the file.</returns>
    public async Task<PublishOutcome?> UploadAsync(
        PublishWork work, PageAccess page, string edge, PublishFile film, CancellationToken ct)
    {
        string? session = null;
        if (work.Handles.TryGetValue(VideoHandle, out var video))
        {
            var (state, _) = await StateAsync(page, video, ct);
            if (state == VideoState.Unknown) return new PublishOutcome.Processing(Often);
            if (state != VideoState.Awaited) return null;
        }
        else
        {
            var started = await client.WriteAsync(page, edge, new Dictionary<string, string> { ["upload_phase"] = "start" }, ct);
            if (!started.IsSuccess || ProviderText.Id(started.Body.Text("video_id")) is not { } id)
                return FacebookErrors.All.BeforePublic(started, work.AttemptNumber);
            (video, session) = (id, started.Body.Text("upload_url"));
            await work.SaveHandleAsync(VideoHandle, video, ct);
        }
        var uploaded = await client.UploadAsync(page, video, session, film.PullUrl(MetaContainers.PullFor), ct);
        if (uploaded.IsSuccess && uploaded.Body.Flag("success") is true) return null;
        return uploaded.Body.Flag("debug_info", "retriable") switch
        {
            true => new PublishOutcome.Retry(FacebookErrors.All.Unfetched(uploaded)),
            false => new PublishOutcome.Rejected(FacebookErrors.All.Media("Facebook does not take this video.") with
            {
                Provider = uploaded.Error,
            }),
            null => FacebookErrors.All.BeforePublic(uploaded, work.AttemptNumber),
        };
    }

    /// <summary>Asks where a video stands.</summary>
    public async Task<(VideoState State, ProviderAnswer Answer)> StateAsync(PageAccess page, string video, CancellationToken ct)
    {
        var answer = await client.ReadAsync(page, $"{Uri.EscapeDataString(video)}?fields=status,permalink_url", ct);
        var status = answer.IsSuccess ? answer.Body.Get("status") : null;
        if (status is null) return (VideoState.Unknown, answer);
        var (whole, upload, work, publish) = (status.Text("video_status"), status.Text("uploading_phase", "status"),
            status.Text("processing_phase", "status"), status.Get("publishing_phase"));
        return (publish.Text("publish_status") == "published" ? VideoState.Public
            : whole is "error" or "expired" or "upload_failed" || upload == "error" || work == "error"
                || publish.Text("publish_status") == "error" || publish.Text("status") == "error" ? VideoState.Failed
            : publish.Text("status") is "in_progress" or "complete" or "completed" ? VideoState.Publishing
            : whole == "ready" || IsDone(work) ? VideoState.Ready
            : whole is "processing" or "upload_complete" || IsDone(upload) ? VideoState.Working
            : whole is null && upload is null ? VideoState.Unknown : VideoState.Awaited, answer);
    }

    /// <summary>Keeps the moment of the publishing call, then says that it starts.</summary>
    public async Task CallsAsync(PublishWork work, CancellationToken ct)
    {
        await work.SaveMomentAsync(CalledHandle, time.GetUtcNow(), ct);
        work.CallStarts();
    }

    /// <summary>How long an earlier publishing call may still take effect; null when there was none or it is long ago.</summary>
    public TimeSpan? Remaining(PublishWork work) =>
        CalledAt(work.Handles) is { } called && called + Settled > time.GetUtcNow() ? called + Settled - time.GetUtcNow() : null;

    /// <summary>When the publishing call was made.</summary>
    public static DateTimeOffset? CalledAt(IReadOnlyDictionary<string, string> handles) =>
        handles.MomentOf(CalledHandle);

    /// <summary>A video that will never be public.</summary>
    public static PublishOutcome.Rejected Refused(ProviderAnswer answer)
    {
        var status = answer.Body.Get("status");
        var why = status.Words("processing_phase", "error", "message") ?? status.Words("uploading_phase", "error", "message")
            ?? status.Words("publishing_phase", "error", "message");
        return new PublishOutcome.Rejected(FacebookErrors.All.Media("Facebook could not work through this video.") with
        {
            Provider = new ProviderError(ProviderText.Code(status.Text("video_status")), why, (int?)answer.Status),
        });
    }

    private static PublishOutcome.Published Live(string video, ProviderAnswer answer) =>
        FacebookPublisher.Live(video, FacebookClient.LinkOf(answer.Body.Text("permalink_url"), video));

    private static Dictionary<string, string> Words(DeliveryContent content)
    {
        Dictionary<string, string> fields = [];
        if (content.Body is { } description) fields["description"] = description;
        if (content.Options["title"].Text() is { } title) fields["title"] = title;
        return fields;
    }

    // Documented one way, printed another.
    private static bool IsDone(string? phase) => phase is "complete" or "completed";
}
