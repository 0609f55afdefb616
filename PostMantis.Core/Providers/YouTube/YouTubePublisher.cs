namespace PostMantis.Core.Providers.YouTube;

/// <summary>
/// Brings the film in chunks and waits for YouTube to work on it; then sets the thumbnail. The upload goes on where it
/// stopped, whatever stopped it.
/// </summary>
internal sealed class YouTubePublisher(YouTubeClient client, YouTubeUploads uploads, YouTubeSettings settings) : IPublisher
{
    /// <summary>The handle of the upload's session.</summary>
    public const string SessionHandle = "session";

    /// <summary>When the first session was asked for: what is older on the channel is not ours.</summary>
    public const string SinceHandle = "sessionSince";

    private const string VideoHandle = "videoId";
    private const string ArrivedHandle = "arrivedAt";
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestCheck = TimeSpan.FromMinutes(2);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        if (work.FilesOf(work.Content.Media)?.FirstOrDefault(file => file.Kind == MediaKind.Video) is not { } film)
            return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        if (!work.Handles.TryGetValue(VideoHandle, out var id))
        {
            var (found, stop) = await BringAsync(work, film, ct);
            if (found is null) return stop!;
            id = found;
            await work.SaveMomentAsync(ArrivedHandle, client.Now, ct);
            await work.SaveHandleAsync(VideoHandle, id, ct);
        }
        if (await WaitAsync(work, id, ct) is { } waits) return waits;
        await ThumbnailAsync(work, id, ct);
        return new PublishOutcome.Published(id, Permalink(id), []);
    }

    /// <summary>Where people find a film; null for what is no id of one.</summary>
    public static string? Permalink(string id) => id.Length == 11 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        ? $"https://www.youtube.com/watch?v={id}" : null;

    private async Task<(string? Id, PublishOutcome? Stop)> BringAsync(PublishWork work, PublishFile film, CancellationToken ct)
    {
        var offset = 0L;
        var session = work.Handles.TryGetValue(SessionHandle, out var saved) ? UploadPlace.Of(saved) : null;
        if (session is not null)
        {
            switch (await uploads.ProbeAsync(session, work.Tokens, ct))
            {
                case UploadProgress.Done done:
                    return (done.Id, null);
                case UploadProgress.Wanted wanted:
                    offset = wanted.Offset;
                    break;
                case UploadProgress.Gone:
                    // A session that is over may have ended with the last byte: then the film is on the channel.
                    var since = work.Handles.MomentOf(SinceHandle) ?? client.Now;
                    var listed = await uploads.FindAsync(work.Target, work.Content, work.Tokens, since, new HashSet<string>(), ct);
                    if (listed is ReconcileOutcome.Found found) return (found.ProviderPostId, null);
                    if (listed is not ReconcileOutcome.NotListed) return (null, new PublishOutcome.Unconfirmed("session_gone"));
                    session = null;
                    break;
                case UploadProgress.Said { Answer: var said }:
                    return (null, YouTubeErrors.All.SaysNothing(said)
                        ? new PublishOutcome.Processing(Again) : YouTubeErrors.All.BeforePublic(work, said));
            }
        }
        if (session is null)
        {
            if (!work.Handles.ContainsKey(SinceHandle))
                await work.SaveMomentAsync(SinceHandle, client.Now, ct);
            var (started, answer) = await uploads.StartAsync(work, film, ct);
            if (started is null) return (null, YouTubeErrors.All.BeforePublic(work, answer));
            session = started;
            await work.SaveHandleAsync(SessionHandle, session.ToHandle(), ct);
        }
        return await uploads.SendAsync(work, session, film, offset, ct) switch
        {
            UploadProgress.Done done => (done.Id, null),
            UploadProgress.Paused => (null, new PublishOutcome.Processing(AtOnce)),
            UploadProgress.Said said when said.IsOfLast || !YouTubeErrors.All.SaysNothing(said.Answer) =>
                (null, YouTubeErrors.All.OfPublicCall(work, said.Answer)),
            _ => (null, new PublishOutcome.Processing(Again)),
        };
    }

    /// <summary>Null: the film can be seen, or nobody can tell any more that it cannot.</summary>
    private async Task<PublishOutcome?> WaitAsync(PublishWork work, string id, CancellationToken ct)
    {
        var waited = client.Now - (work.Handles.MomentOf(ArrivedHandle) ?? client.Now);
        var answer = await client.GetAsync($"/youtube/v3/videos?part=status,processingDetails&id={Uri.EscapeDataString(id)}",
            work.Tokens.AccessToken, ct);
        if (answer is { SaysNothing: false, IsSuccess: false }) return null;
        var status = answer.Body.Objects("items") is [var video, ..] ? video.Get("status") : null;
        switch (status.Text("uploadStatus"))
        {
            case "processed":
                return null;
            case "failed":
                return new PublishOutcome.Rejected(YouTubeErrors.All.OfVideo(status.Words("failureReason") ?? "failed", isRejected: false));
            case "rejected":
                return new PublishOutcome.Rejected(YouTubeErrors.All.OfVideo(status.Words("rejectionReason") ?? "rejected", isRejected: true));
            case "deleted":
                return new PublishOutcome.Rejected(YouTubeErrors.All.OfVideo("deleted", isRejected: true));
            default:
                if (waited >= settings.ProcessingPatience) return null;
                var next = waited / 2 < Again ? Again : waited / 2 > LongestCheck ? LongestCheck : waited / 2;
                return new PublishOutcome.Processing(next);
        }
    }

    // Side work: whatever comes of it, the film is published.
    private async Task ThumbnailAsync(PublishWork work, string id, CancellationToken ct)
    {
        const string Set = "thumbnailSet", Refused = "thumbnailRefused";
        if (work.Content.Media.Select(item => work.Files[item.ArtifactId]).FirstOrDefault(f => f.Kind == MediaKind.Image) is not { } picture
            || work.Handles.ContainsKey(Set) || work.Handles.ContainsKey(Refused))
            return;
        var answer = await client.UploadAsync(HttpMethod.Post,
            client.At($"/upload/youtube/v3/thumbnails/set?videoId={Uri.EscapeDataString(id)}"), new FileSlice(picture), work.Tokens.AccessToken, ct);
        await work.TrySaveHandleAsync(answer.IsSuccess ? Set : Refused, answer.Code ?? "", ct);
    }
}
