using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>
/// Reels and stories: the network has the file and its id first, then one call makes it public. A reel says itself whether it
/// is; of a story the Page's listing does.
/// </summary>
internal sealed class FacebookShorts(FacebookClient client, FacebookFiles files, TimeProvider time)
{
    /// <summary>Publishing was asked for.</summary>
    public const string CalledHandle = "called";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private readonly MetaCall _call = new(CalledHandle, time);

    /// <summary>Whether a post is one.</summary>
    public static bool IsOne(DeliveryContent content) =>
        FacebookProvider.IsReel(content.Options) || FacebookProvider.IsStory(content.Options);

    public async Task<PublishOutcome> PublishAsync(PublishWork work, GrantTokens page, PublishFile file, CancellationToken ct)
    {
        var (isReel, isVideo) = (FacebookProvider.IsReel(work.Content.Options), file.Kind == MediaKind.Video);
        var edge = isReel ? "video_reels" : isVideo ? "video_stories" : "photo_stories";
        var hindered = isVideo
            ? await files.VideoAsync(work, page, edge, file, ct) : await files.PhotoAsync(work, page, 0, file, ct);
        if (hindered is not null) return hindered;
        var media = MediaOf(work.Handles)!;
        if (!isReel && work.Handles.ContainsKey(CalledHandle)
            && await FindAsync(work.Target, page, media, ct) is ReconcileOutcome.Found found)
            return found.AsPublished();
        if (isVideo)
        {
            var (state, status) = await files.StateAsync(media, page, ct);
            if (state == RemoteState.Failed) return FacebookFiles.Refused(status);
            if (isReel && state == RemoteState.Public) return FacebookFiles.Live(media, status);
            if (state != RemoteState.Ready && (isReel || state is not (RemoteState.Publishing or RemoteState.Public)))
                return new PublishOutcome.Processing(FacebookFiles.Often);
        }

        // An earlier call may yet arrive: until it must have, nothing is sent again.
        if (_call.Remaining(work.Handles) is { } wait)
            return new PublishOutcome.Processing(wait < FacebookFiles.Often ? wait : FacebookFiles.Often);
        var fields = isReel ? FacebookFiles.WordsOf(work.Content).Say("video_state", "PUBLISHED") : [];
        if (isVideo) fields.Say("upload_phase", "finish").Say("video_id", media);
        else fields.Say("photo_id", media);
        await _call.StartsAsync(work, ct);
        return await ReadAsync(work, page, media, isReel, await client.WriteAsync(work.Target, edge, fields, page, ct), ct);
    }

    /// <summary>Looks for the story made of a file.</summary>
    public async Task<ReconcileOutcome> FindAsync(PublishTarget target, GrantTokens page, string media, CancellationToken ct)
    {
        var (items, failed) = await client.WalkAsync(
            [MetaClient.Edge(target, "stories")], "post_id,status,creation_time,media_type,media_id,url", page, ct);
        return items.FirstOrDefault(item => item.Text("media_id") == media) is { } story && story.Id("post_id") is { } id
            ? new ReconcileOutcome.Found(id, ProviderText.Url(story.Text("url")))
            : failed is null ? new ReconcileOutcome.NotListed() : MetaErrors.Undecided(failed);
    }

    /// <summary>The file: a video, or a photo that waits.</summary>
    public static string? MediaOf(IReadOnlyDictionary<string, string> handles) =>
        handles.GetValueOrDefault(FacebookFiles.VideoHandle) ?? handles.GetValueOrDefault(FacebookFiles.PhotoHandle(0));

    private async Task<PublishOutcome> ReadAsync(
        PublishWork work, GrantTokens page, string media, bool isReel, ProviderAnswer answer, CancellationToken ct)
    {
        var isYes = answer.IsSuccess && answer.Body.Flag("success") is true;
        if (isYes && isReel)
        {
            var (state, status) = await files.StateAsync(media, page, ct);
            return state == RemoteState.Public ? FacebookFiles.Live(media, status) : new PublishOutcome.Processing(Soon);
        }
        if (isYes && answer.Body.Id("post_id") is { } id)
            return new PublishOutcome.Published(
                id, (await FindAsync(work.Target, page, media, ct) as ReconcileOutcome.Found)?.Url, []);

        // Used already: by a call of ours that was lost.
        return MetaClient.CodeOf(answer)?.Subcode == FacebookErrors.UsedAlready
            ? new PublishOutcome.Unconfirmed("used_already", answer.Error)
            : FacebookErrors.All.OfPublicCall(work, answer);
    }
}
