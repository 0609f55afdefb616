using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Brings the files that the network has before anything of them is public, and tells where a video stands.</summary>
internal sealed class FacebookFiles(FacebookClient client)
{
    public const string VideoHandle = "video";

    public static readonly TimeSpan Often = TimeSpan.FromSeconds(20);

    /// <summary>The handle of a photo that waits to be attached.</summary>
    public static string PhotoHandle(int index) => FormattableString.Invariant($"photo{index}");

    /// <summary>Has a photo fetched that nobody sees yet; its id is kept.</summary>
    /// <returns>Why it could not be; null when its handle stands.</returns>
    public async Task<PublishOutcome?> PhotoAsync(PublishWork work, GrantTokens page, int index, PublishFile file, CancellationToken ct)
    {
        if (work.Handles.ContainsKey(PhotoHandle(index))) return null;
        var made = await client.WriteAsync(work.Target, "photos", FieldsOf(work, index, file, isPublic: false), page, ct);
        if (!made.IsSuccess || made.Body.Id("id") is not { } photo) return FacebookErrors.All.BeforePublic(work, made);
        await work.SaveHandleAsync(PhotoHandle(index), photo, ct);
        return null;
    }

    /// <summary>What a photo is made of.</summary>
    public static Dictionary<string, string> FieldsOf(PublishWork work, int index, PublishFile file, bool isPublic) =>
        new Dictionary<string, string> { ["url"] = file.PullUrl(MetaContainers.PullFor).AbsoluteUri }
            .Say("published", isPublic).Say("alt_text_custom", work.Content.Media[index].Alt);

    /// <summary>Starts a session and has its file fetched; the session's id is kept before anything is sent there.</summary>
    /// <returns>Why it is not done yet; null when the network has the file.</returns>
    public async Task<PublishOutcome?> VideoAsync(
        PublishWork work, GrantTokens page, string edge, PublishFile film, CancellationToken ct)
    {
        string? session = null;
        if (work.Handles.TryGetValue(VideoHandle, out var video))
        {
            var (state, _) = await StateAsync(video, page, ct);
            if (state != RemoteState.Awaited) return state == RemoteState.Unknown ? new PublishOutcome.Processing(Often) : null;
        }
        else
        {
            var started = await client.WriteAsync(
                work.Target, edge, new Dictionary<string, string> { ["upload_phase"] = "start" }, page, ct);
            if (!started.IsSuccess || started.Body.Id("video_id") is not { } id) return FacebookErrors.All.BeforePublic(work, started);
            (video, session) = (id, started.Body.Text("upload_url"));
            await work.SaveHandleAsync(VideoHandle, video, ct);
        }
        var uploaded = await client.UploadAsync(video, session, film.PullUrl(MetaContainers.PullFor), page, ct);
        return uploaded.IsSuccess && uploaded.Body.Flag("success") is true ? null : FacebookErrors.All.BeforePublic(work, uploaded);
    }

    /// <summary>Asks where a video stands.</summary>
    public async Task<(RemoteState State, ProviderAnswer Answer)> StateAsync(string video, GrantTokens page, CancellationToken ct)
    {
        var answer = await client.ReadAsync(video, "status,permalink_url", page, ct);
        var status = answer.IsSuccess ? answer.Body.Get("status") : null;
        if (status is null) return (RemoteState.Unknown, answer);
        var (whole, upload, work, publish) = (status.Text("video_status"), status.Text("uploading_phase", "status"),
            status.Text("processing_phase", "status"), status.Get("publishing_phase"));
        return (publish.Text("publish_status") == "published" ? RemoteState.Public
            : whole is "error" or "expired" or "upload_failed" || upload == "error" || work == "error"
                || publish.Text("publish_status") == "error" || publish.Text("status") == "error" ? RemoteState.Failed
            : publish.Text("status") is "in_progress" or "complete" or "completed" ? RemoteState.Publishing
            : whole == "ready" || IsDone(work) ? RemoteState.Ready
            : whole is "processing" or "upload_complete" || IsDone(upload) ? RemoteState.Working
            : whole is null && upload is null ? RemoteState.Unknown : RemoteState.Awaited, answer);
    }

    /// <summary>A video that will never be public.</summary>
    public static PublishOutcome.Rejected Refused(ProviderAnswer answer)
    {
        var status = answer.Body.Get("status");
        var why = status.Words("processing_phase", "error", "message") ?? status.Words("uploading_phase", "error", "message")
            ?? status.Words("publishing_phase", "error", "message");
        return new PublishOutcome.Rejected(FacebookErrors.All.Media(message: "Facebook could not work through this video.") with
        {
            Provider = new ProviderError(ProviderText.Code(status.Text("video_status")), why, (int?)answer.Status),
        });
    }

    /// <summary>A video that is public, by the answer that says so.</summary>
    public static PublishOutcome.Published Live(string video, ProviderAnswer answer) =>
        new(video, FacebookClient.LinkOf(answer.Body.Text("permalink_url"), video), []);

    /// <summary>What is said beside a video.</summary>
    public static Dictionary<string, string> WordsOf(DeliveryContent content) =>
        new Dictionary<string, string>().Say("description", content.Body).Say("title", content.Options.Text("title"));

    // Documented one way, printed another.
    private static bool IsDone(string? phase) => phase is "complete" or "completed";
}
