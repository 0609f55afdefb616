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

    // An attempt is called off after some time; a long upload comes back to the queue well before.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(30);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (work.Content.Media.Any(item => !work.Files.ContainsKey(item.ArtifactId))
            || work.Content.Media.Select(item => work.Files[item.ArtifactId]).FirstOrDefault(f => f.Kind == MediaKind.Video) is not { } film)
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
        var began = client.Stamp;
        var offset = 0L;
        var session = work.Handles.TryGetValue(SessionHandle, out var saved) ? YouTubeSession.Of(saved) : null;
        if (session is not null)
        {
            switch (await uploads.ProbeAsync(session, work.Tokens.AccessToken, ct))
            {
                case YouTubeProgress.Done done:
                    return (done.VideoId, null);
                case YouTubeProgress.Wanted wanted:
                    offset = wanted.Offset;
                    break;
                case YouTubeProgress.Gone:
                    // A session that is over may have ended with the last byte: then the film is on the channel.
                    var since = work.Handles.MomentOf(SinceHandle) ?? client.Now;
                    var listed = await uploads.FindAsync(work.Target, work.Content, work.Tokens, since, new HashSet<string>(), ct);
                    if (listed is ReconcileOutcome.Found found) return (found.ProviderPostId, null);
                    if (listed is not ReconcileOutcome.NotListed) return (null, new PublishOutcome.Unconfirmed("session_gone"));
                    session = null;
                    break;
                case YouTubeProgress.Said said:
                    return (null, said.Answer.SaysNothing || said.Answer.IsSuccess
                        ? new PublishOutcome.Processing(Again) : YouTubeErrors.Refusal(work, said.Answer, client.Now));
            }
        }
        if (session is null)
        {
            if (!work.Handles.ContainsKey(SinceHandle))
                await work.SaveMomentAsync(SinceHandle, client.Now, ct);
            var (started, answer) = await uploads.StartAsync(work, film, ct);
            if (started is null)
                return (null, answer.SaysNothing || answer.IsSuccess
                    ? new PublishOutcome.Retry(YouTubeErrors.Common.Unavailable(answer), answer.Wait)
                    : YouTubeErrors.Refusal(work, answer, client.Now));
            session = started;
            await work.SaveHandleAsync(SessionHandle, session.ToHandle(), ct);
        }
        while (true)
        {
            var length = Math.Min((long)settings.ChunkGrains * YouTubeSettings.Grain, film.SizeBytes - offset);
            var isLast = offset + length == film.SizeBytes;
            // The last byte makes it public.
            if (isLast) work.CallStarts();
            switch (await uploads.SendAsync(session, film, offset, length, work.Tokens.AccessToken, ct))
            {
                case YouTubeProgress.Done done:
                    return (done.VideoId, null);
                case YouTubeProgress.Wanted wanted when wanted.Offset > offset && wanted.Offset < film.SizeBytes:
                    offset = wanted.Offset;
                    break;
                case YouTubeProgress.Wanted or YouTubeProgress.Gone:
                    return (null, new PublishOutcome.Processing(Again));
                case YouTubeProgress.Said { Answer: var answer }:
                    if (answer.SaysNothing || answer.IsSuccess)
                        return (null, isLast ? YouTubeErrors.Common.OfPublicCall(answer, YouTubeErrors.Common.Unavailable(answer))
                            : new PublishOutcome.Processing(Again));
                    return (null, YouTubeErrors.Refusal(work, answer, client.Now));
            }
            if (client.Since(began) > Turn) return (null, new PublishOutcome.Processing(AtOnce));
        }
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
                return new PublishOutcome.Rejected(YouTubeErrors.OfVideo(status.Words("failureReason") ?? "failed", isRejected: false));
            case "rejected":
                return new PublishOutcome.Rejected(YouTubeErrors.OfVideo(status.Words("rejectionReason") ?? "rejected", isRejected: true));
            case "deleted":
                return new PublishOutcome.Rejected(YouTubeErrors.OfVideo("deleted", isRejected: true));
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
        try
        {
            await work.SaveHandleAsync(answer.IsSuccess ? Set : Refused, answer.Code ?? "", ct);
        }
        catch (LeaseLostException)
        {
            // The film is public, and that must still be told.
        }
    }
}
