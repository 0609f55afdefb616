using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
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

    // An attempt is called off after some time; a long upload comes back to the queue well before.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(30);
    private readonly TikTokCreators _creators = new(client);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        List<PublishFile> files = [];
        foreach (var item in work.Content.Media)
            if (work.Files.TryGetValue(item.ArtifactId, out var file)) files.Add(file);
        if (files.Count == 0 || files.Count < work.Content.Media.Count) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        var isPhoto = files[0].Kind != MediaKind.Video;
        if (work.Handles.TryGetValue(PublishHandle, out var publishId))
            return await FollowAsync(work, publishId, files[0], ct);
        if (work.Handles.MomentOf(AskedHandle) is { } asked) return await LostAsync(work, asked, ct);

        var (creator, answer) = await _creators.AskAsync(work.Tokens, ct);
        if (creator is null) return TikTokErrors.Before(work, answer, client.Now);
        if (TikTokOptions.Objection(creator, work.Content, files[0]) is { } objection)
            return new PublishOutcome.Rejected(TikTokErrors.Common.Content(answer, objection));
        return isPhoto ? await PhotosAsync(work, creator, files, ct) : await FilmAsync(work, creator, files[0], ct);
    }

    private async Task<PublishOutcome> FilmAsync(PublishWork work, TikTokCreator creator, PublishFile film, CancellationToken ct)
    {
        var chunk = ChunkOf(film);
        var info = Info(work.Content, creator);
        info["title"] = work.Content.Body ?? "";
        info["disable_duet"] = creator.DuetOff || work.Content.Options.Flag("allowDuet") != true;
        info["disable_stitch"] = creator.StitchOff || work.Content.Options.Flag("allowStitch") != true;
        info["is_aigc"] = work.Content.Options.Flag("aiGenerated") ?? false;
        if (work.Content.Media[0].CoverAtMs is { } cover) info["video_cover_timestamp_ms"] = cover;
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
            || ProviderText.Url(answer.Body.Text("data", "upload_url")) is not { } url)
            return TikTokErrors.Before(work, answer, client.Now);
        await work.SaveHandleAsync(UploadHandle, string.Create(CultureInfo.InvariantCulture, $"{film.SizeBytes} {url}"), ct);
        await work.SaveHandleAsync(PublishHandle, publishId, ct);
        return await SendAsync(work, new Uri(url), publishId, film, 0, ct);
    }

    private async Task<PublishOutcome> SendAsync(
        PublishWork work, Uri url, string publishId, PublishFile film, long sent, CancellationToken ct)
    {
        var (began, chunk) = (client.Stamp, ChunkOf(film));
        var last = (film.SizeBytes / chunk) - 1;
        while (sent < film.SizeBytes)
        {
            var index = sent / chunk;
            // The last chunk takes what is left over, and makes it public.
            var length = index >= last ? film.SizeBytes - sent : chunk;
            var isLast = sent + length == film.SizeBytes;
            var content = new FileSlice(film, sent, length);
            content.Headers.ContentRange = new ContentRangeHeaderValue(sent, sent + length - 1, film.SizeBytes);
            if (isLast) work.CallStarts();
            var answer = await client.UploadAsync(HttpMethod.Put, url, content, null, ct);
            if (answer.Silence is not null || answer.IsServerFault)
                return isLast ? TikTokErrors.Common.OfPublicCall(answer, TikTokErrors.Common.Unavailable(answer)) : new PublishOutcome.Processing(Soon);
            if (answer.IsSuccess) sent += length;
            else if (answer.Status == HttpStatusCode.RequestedRangeNotSatisfiable && Uploaded(answer) is { } far && far != sent) sent = far;
            else if (answer.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.RequestedRangeNotSatisfiable)
                return new PublishOutcome.Retry(TikTokErrors.Common.Unavailable(answer));
            else return TikTokErrors.Refusal(work, answer, client.Now);
            if (sent >= film.SizeBytes) break;
            await work.SaveCountAsync(SentHandle, sent, ct);
            if (client.Since(began) > Turn) return new PublishOutcome.Processing(Soon);
        }
        await work.SaveCountAsync(SentHandle, film.SizeBytes, ct);
        return await FollowAsync(work, publishId, film, ct);
    }

    private async Task<PublishOutcome> PhotosAsync(
        PublishWork work, TikTokCreator creator, List<PublishFile> photos, CancellationToken ct)
    {
        var info = Info(work.Content, creator);
        if (work.Content.Options.Text("photoTitle") is { } title) info["title"] = title;
        info["description"] = work.Content.Body ?? "";
        info["auto_add_music"] = work.Content.Options.Flag("autoAddMusic") ?? false;
        var cover = work.Content.Options.Number("photoCoverIndex") ?? 0;
        if (cover >= photos.Count)
            return new PublishOutcome.Rejected(TikTokErrors.Common.Content(null, "photoCoverIndex names none of the photos."));
        var body = new JsonObject
        {
            ["media_type"] = "PHOTO", ["post_mode"] = "DIRECT_POST", ["is_aigc"] = work.Content.Options.Flag("aiGenerated") ?? false,
            ["post_info"] = info,
            ["source_info"] = new JsonObject
            {
                ["source"] = "PULL_FROM_URL", ["photo_cover_index"] = cover,
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
        return TikTokClient.SaysNothing(answer) || TikTokClient.IsOk(answer)
            ? answer.Silence == ProviderSilence.NotSent
                ? new PublishOutcome.Retry(TikTokErrors.Common.Unavailable(answer))
                : new PublishOutcome.Unconfirmed("no_handle", answer.Error)
            : TikTokErrors.Refusal(work, answer, client.Now);
    }

    private async Task<PublishOutcome> LostAsync(PublishWork work, DateTimeOffset asked, CancellationToken ct) =>
        await status.FindAsync(work.Target, work.Content, work.Tokens, asked, new HashSet<string>(), ct) is ReconcileOutcome.Found found
            ? new PublishOutcome.Published(found.ProviderPostId, found.Url, [])
            : new PublishOutcome.Unconfirmed("no_handle");

    private async Task<PublishOutcome> FollowAsync(PublishWork work, string publishId, PublishFile first, CancellationToken ct)
    {
        switch (await status.AskAsync(publishId, work.Tokens.AccessToken, ct))
        {
            case TikTokState.Live live:
                return await ShowAsync(work, publishId, live.PostId, first.Kind != MediaKind.Video, ct);
            case TikTokState.Failed failed:
                return TikTokErrors.OfFailure(failed.Reason);
            case TikTokState.Wanted wanted when work.Handles.TryGetValue(UploadHandle, out var upload) && wanted.Uploaded < first.SizeBytes
                && work.Handles.CountOf(SentHandle) < first.SizeBytes:
                return await SendAsync(work, new Uri(upload.Split(' ')[1]), publishId, first, work.Handles.CountOf(SentHandle), ct);
            case TikTokState.Said { Answer: var answer } when !TikTokClient.SaysNothing(answer) && !TikTokClient.IsOk(answer):
                return answer.Code is "invalid_publish_id" or "token_not_authorized_for_specified_publish_id"
                    ? new PublishOutcome.Unconfirmed("lost_handle", answer.Error)
                    : TikTokErrors.Refusal(work, answer, client.Now);
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
        return new PublishOutcome.Published(postId ?? publishId,
            TikTokStatus.Permalink(work.Target.Facts.GetValueOrDefault(TikTokConsent.UsernameFact), postId, isPhoto), []);
    }

    /// <summary>Whether so many bytes are all.</summary>
    public static bool IsWhole(IReadOnlyDictionary<string, string> handles, long uploaded) =>
        handles.TryGetValue(UploadHandle, out var upload)
        && uploaded >= long.Parse(upload.Split(' ')[0], CultureInfo.InvariantCulture);

    private long ChunkOf(PublishFile film) => film.SizeBytes <= settings.OnePieceBytes ? film.SizeBytes : settings.ChunkBytes;

    // Both toggles are always said, and what the creator has switched off stays off.
    private static JsonObject Info(DeliveryContent content, TikTokCreator creator) => new()
    {
        ["privacy_level"] = TikTokOptions.Level(content),
        ["disable_comment"] = creator.CommentOff || content.Options.Flag("allowComments") != true,
        ["brand_content_toggle"] = content.Options.Flag("brandedContent") ?? false,
        ["brand_organic_toggle"] = content.Options.Flag("ownBrand") ?? false,
    };

    private static long? Uploaded(ProviderAnswer answer) =>
        answer.Header("Content-Range")?.Split('-', '/') is [_, var last, _]
        && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var end) ? end + 1 : null;
}
