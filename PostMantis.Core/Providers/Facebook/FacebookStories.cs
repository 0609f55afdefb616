using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Photo and video stories. The network takes a file once, and lists stories by its id.</summary>
internal sealed class FacebookStories(FacebookClient client, FacebookVideos videos)
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(20);

    public async Task<PublishOutcome> PublishAsync(PublishWork work, PageAccess page, PublishFile file, CancellationToken ct)
    {
        var isVideo = file.Kind == MediaKind.Video;
        var hindered = isVideo
            ? await videos.UploadAsync(work, page, "video_stories", file, ct)
            : await FacebookPublisher.WaitingPhotoAsync(client, work, page, 0, file, ct);
        if (hindered is not null) return hindered;
        var media = MediaOf(work.Handles)!;
        if (FacebookVideos.CalledAt(work.Handles) is not null)
        {
            // An earlier call: the listing says whether it arrived, and until it must have, nothing is sent again.
            var (found, _) = await FindAsync(page, media, ct);
            if (found is not null) return found;
            if (videos.Remaining(work) is { } wait) return new PublishOutcome.Processing(wait < Often ? wait : Often);
        }
        if (isVideo)
        {
            var (state, status) = await videos.StateAsync(page, media, ct);
            if (state == VideoState.Failed) return FacebookVideos.Refused(status);
            if (state is not (VideoState.Ready or VideoState.Publishing or VideoState.Public))
                return new PublishOutcome.Processing(Often);
        }
        await videos.CallsAsync(work, ct);
        var answer = isVideo
            ? await client.WriteAsync(page, "video_stories",
                new Dictionary<string, string> { ["upload_phase"] = "finish", ["video_id"] = media }, ct)
            : await client.WriteAsync(page, "photo_stories", new Dictionary<string, string> { ["photo_id"] = media }, ct);
        if (answer.IsSuccess && answer.Body.Flag("success") is true && ProviderText.Id(answer.Body.Text("post_id")) is { } id)
        {
            var (shown, _) = await FindAsync(page, media, ct);
            return FacebookPublisher.Live(id, shown?.Url);
        }

        // Used already: by a call of ours that was lost.
        return MetaClient.CodeOf(answer)?.Subcode == FacebookErrors.UsedAlready
            ? new PublishOutcome.Unconfirmed("used_already", answer.Error)
            : FacebookErrors.All.OfPublicCall(answer);
    }

    /// <summary>The story made of a file, or the answer at which the listing could not be read to its end.</summary>
    public async Task<(PublishOutcome.Published? Found, ProviderAnswer? Failed)> FindAsync(
        PageAccess page, string media, CancellationToken ct)
    {
        var (items, failed) = await client.WalkAsync($"{Uri.EscapeDataString(page.Id)}/stories",
            "post_id,status,creation_time,media_type,media_id,url", page.Token, page.Secrets, ct);
        return items.FirstOrDefault(item => item.Text("media_id") == media) is { } story && story.Id("post_id") is { } id
            ? (FacebookPublisher.Live(id, ProviderText.Url(story.Text("url"))), null)
            : (null, failed);
    }

    /// <summary>The file of a story: a video, or a photo that waits.</summary>
    public static string? MediaOf(IReadOnlyDictionary<string, string> handles) =>
        handles.GetValueOrDefault(FacebookVideos.VideoHandle) ?? handles.GetValueOrDefault(FacebookPublisher.PhotoHandle(0));
}
