using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>
/// Films are sent in chunks: nothing is posted before the last byte, and the handle is known before the first. Photos are
/// fetched by TikTok; the answer to that call is the handle, so when it was lost the call is not made again.
/// </summary>
internal sealed class TikTokPublisher(TikTokClient client, TikTokStatus status, TikTokSettings settings) : IPublisher
{
    /// <summary>The handle TikTok knows a post on its way by.</summary>
    public const string PublishHandle = "publishId";

    /// <summary>When photos were asked to be fetched, saved before the call.</summary>
    public const string AskedHandle = "askedAt";

    /// <summary>How many bytes are to be put where.</summary>
    private const string UploadHandle = "upload";

    private const string SentHandle = "sent";
    private const string LiveHandle = "liveAt";
    private static readonly TimeSpan PullFor = TimeSpan.FromHours(2);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Later = TimeSpan.FromSeconds(15);
    private readonly TikTokCreators _creators = new(client);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        if (work.FilesOf(work.Content.Media) is not [var first, ..] files) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        if (work.Handles.TryGetValue(PublishHandle, out var publishId))
            return await FollowAsync(work, publishId, first, ct);
        if (work.Handles.MomentOf(AskedHandle) is { } asked)
            return await status.FindAsync(work.Target, work.Content, work.Tokens, asked, new HashSet<string>(), ct) is ReconcileOutcome.Found found
                ? found.AsPublished() : new PublishOutcome.Unconfirmed("no_handle");

        var (creator, answer) = await _creators.AskAsync(work.Tokens, ct);
        if (creator is null) return TikTokErrors.All.BeforePublic(work, answer);
        if (TikTokOptions.Objection(creator, work.Content, first) is { } objection)
            return new PublishOutcome.Rejected(TikTokErrors.All.Content(answer, objection));
        return first.Kind == MediaKind.Video
            ? await FilmAsync(work, first, ct) : await PhotosAsync(work, files, ct);
    }

    private async Task<PublishOutcome> FilmAsync(PublishWork work, PublishFile film, CancellationToken ct)
    {
        var (chunk, options) = (ChunkOf(film), work.Content.Options);
        var info = Info(work.Content).Say("video_cover_timestamp_ms", work.Content.Media[0].CoverAtMs);
        info["title"] = work.Content.Body ?? "";
        info["disable_duet"] = options.Flag("allowDuet") != true;
        info["disable_stitch"] = options.Flag("allowStitch") != true;
        info["is_aigc"] = options.Flag("aiGenerated") ?? false;
        var answer = await client.PostAsync("/v2/post/publish/video/init/", new JsonObject
        {
            ["post_info"] = info,
            ["source_info"] = new JsonObject
            {
                ["source"] = "FILE_UPLOAD", ["video_size"] = film.SizeBytes, ["chunk_size"] = chunk,
                ["total_chunk_count"] = film.SizeBytes / chunk,
            },
        }, work.Tokens.AccessToken, ct);
        // An upload whose address was lost is never filled, so that asking again doubles nothing.
        if (!TikTokClient.IsOk(answer) || answer.Body.Id("data", "publish_id") is not { } publishId
            || answer.Body.Address("data", "upload_url") is not { } url)
            return TikTokErrors.All.BeforePublic(work, answer);
        var place = new UploadPlace(url, film.SizeBytes);
        await work.SaveHandleAsync(UploadHandle, place.ToHandle(), ct);
        await work.SaveHandleAsync(PublishHandle, publishId, ct);
        return await SendAsync(work, place, publishId, film, ct);
    }

    private async Task<PublishOutcome> SendAsync(
        PublishWork work, UploadPlace place, string publishId, PublishFile film, CancellationToken ct)
    {
        // The last chunk takes what is left over.
        var chunk = ChunkOf(film);
        var upload = new UploadInStretches(client,
            from => from / chunk >= (film.SizeBytes / chunk) - 1 ? film.SizeBytes - from : chunk,
            (answer, end) => OfStretch(answer, end, film.SizeBytes));
        var progress = await upload.SendAsync(work, place, film, work.Handles.CountOf(SentHandle), token: null, ct,
            keep: sent => work.SaveCountAsync(SentHandle, sent, ct));
        switch (progress)
        {
            case UploadProgress.Done:
                await work.SaveCountAsync(SentHandle, film.SizeBytes, ct);
                return await FollowAsync(work, publishId, film, ct);
            case UploadProgress.Gone or UploadProgress.Wanted:
                return new PublishOutcome.Retry(TikTokErrors.All.Unavailable());
            case UploadProgress.Said said when said.IsOfLast || !TikTokErrors.All.SaysNothing(said.Answer):
                return TikTokErrors.All.OfPublicCall(work, said.Answer);
            default:
                return new PublishOutcome.Processing(Soon);
        }
    }

    private static UploadProgress OfStretch(ProviderAnswer answer, long end, long size) => answer.Status switch
    {
        _ when answer.IsSuccess => end >= size ? new UploadProgress.Done() : new UploadProgress.Wanted(end),
        HttpStatusCode.RequestedRangeNotSatisfiable when Uploaded(answer) is { } far =>
            far >= size ? new UploadProgress.Done() : new UploadProgress.Wanted(far),
        HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.RequestedRangeNotSatisfiable => new UploadProgress.Gone(),
        _ => new UploadProgress.Said(answer),
    };

    private async Task<PublishOutcome> PhotosAsync(PublishWork work, IReadOnlyList<PublishFile> photos, CancellationToken ct)
    {
        var info = Info(work.Content).Say("title", work.Content.Options.Text("photoTitle"));
        info["description"] = work.Content.Body ?? "";
        info["auto_add_music"] = work.Content.Options.Flag("autoAddMusic") ?? false;
        var body = new JsonObject
        {
            ["media_type"] = "PHOTO", ["post_mode"] = "DIRECT_POST", ["is_aigc"] = work.Content.Options.Flag("aiGenerated") ?? false,
            ["post_info"] = info,
            ["source_info"] = new JsonObject
            {
                ["source"] = "PULL_FROM_URL", ["photo_cover_index"] = work.Content.Options.Number("photoCoverIndex") ?? 0,
                ["photo_images"] = new JsonArray([.. photos.Select(photo => JsonValue.Create(photo.PullUrl(PullFor).AbsoluteUri))]),
            },
        };
        await work.SaveMomentAsync(AskedHandle, client.Now, ct);
        work.CallStarts();
        var answer = await client.PostAsync("/v2/post/publish/content/init/", body, work.Tokens.AccessToken, ct);
        if (TikTokClient.IsOk(answer) && answer.Body.Id("data", "publish_id") is { } publishId)
        {
            await work.SaveHandleAsync(PublishHandle, publishId, ct);
            return new PublishOutcome.Processing(Soon);
        }
        return answer.Silence != ProviderSilence.NotSent && TikTokErrors.All.SaysNothing(answer)
            ? new PublishOutcome.Unconfirmed("no_handle", answer.Error) : TikTokErrors.All.OfPublicCall(work, answer);
    }

    private async Task<PublishOutcome> FollowAsync(PublishWork work, string publishId, PublishFile first, CancellationToken ct)
    {
        switch (await status.AskAsync(publishId, work.Tokens.AccessToken, ct))
        {
            case TikTokState.Live live:
                return await ShowAsync(work, publishId, live.PostId, first.Kind != MediaKind.Video, ct);
            case TikTokState.Failed failed:
                return TikTokErrors.All.OfFailure(failed.Reason);
            case TikTokState.Wanted wanted when work.Handles.TryGetValue(UploadHandle, out var upload) && wanted.Uploaded < first.SizeBytes
                && work.Handles.CountOf(SentHandle) < first.SizeBytes:
                return await SendAsync(work, UploadPlace.Of(upload), publishId, first, ct);
            case TikTokState.Said { Answer: var answer } when !TikTokErrors.All.SaysNothing(answer):
                return answer.Code is "invalid_publish_id" or "token_not_authorized_for_specified_publish_id"
                    ? new PublishOutcome.Unconfirmed("lost_handle", answer.Error) : TikTokErrors.All.BeforePublic(work, answer);
            default:
                return new PublishOutcome.Processing(Soon);
        }
    }

    // What everybody may see gets its id after moderation; the rest never does, and TikTok's handle stands for it.
    private async Task<PublishOutcome> ShowAsync(PublishWork work, string publishId, string? postId, bool isPhoto, CancellationToken ct)
    {
        if (postId is null && TikTokOptions.Level(work.Content) == "PUBLIC_TO_EVERYONE")
        {
            var since = work.Handles.MomentOf(LiveHandle);
            if (since is null) await work.SaveMomentAsync(LiveHandle, client.Now, ct);
            if (client.Now - (since ?? client.Now) < settings.ModerationPatience)
                return new PublishOutcome.Processing(Later);
        }
        return new PublishOutcome.Published(postId ?? publishId, TikTokStatus.Permalink(work.Target, postId, isPhoto), []);
    }

    /// <summary>Whether so many bytes are all.</summary>
    public static bool IsWhole(IReadOnlyDictionary<string, string> handles, long uploaded) =>
        handles.TryGetValue(UploadHandle, out var upload) && uploaded >= UploadPlace.Of(upload).Size;

    private long ChunkOf(PublishFile film) => film.SizeBytes <= settings.OnePieceBytes ? film.SizeBytes : settings.ChunkBytes;

    // Both toggles are always said, and what nobody asked for stays off.
    private static JsonObject Info(DeliveryContent content) => new()
    {
        ["privacy_level"] = TikTokOptions.Level(content),
        ["disable_comment"] = content.Options.Flag("allowComments") != true,
        ["brand_content_toggle"] = content.Options.Flag("brandedContent") ?? false,
        ["brand_organic_toggle"] = content.Options.Flag("ownBrand") ?? false,
    };

    private static long? Uploaded(ProviderAnswer answer) =>
        answer.Header("Content-Range")?.Split('-', '/') is [_, var last, _]
        && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var end) ? end + 1 : null;
}
