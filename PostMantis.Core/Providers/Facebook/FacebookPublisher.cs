using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>
/// Publishes to a Page. What goes to the feed is read back after a lost answer; a reel or story has an id before it is
/// public, and that one is asked.
/// </summary>
internal sealed class FacebookPublisher(FacebookClient client, FacebookFiles files, FacebookShorts shorts) : IPublisher
{
    /// <summary>Says before the mark that a post is a video of the feed: it is listed elsewhere.</summary>
    public const string FilmHandle = "film";

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) =>
        FacebookShorts.IsOne(content) ? SettlementMode.Probe : SettlementMode.ReadBack;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        if (PageAccess.Of(work.Target, work.Tokens) is not { } page) return new PublishOutcome.Rejected(FacebookErrors.NotTicked);
        return work.FilesOf(work.Content.Media) switch
        {
            [var file, ..] when FacebookShorts.IsOne(work.Content) => await shorts.PublishAsync(work, page, file, ct),
            [{ Kind: MediaKind.Video } film] => await VideoAsync(work, page, film, ct),
            [var one] => await SayAsync(work, page, "photos",
                FacebookFiles.FieldsOf(work, 0, one, isPublic: true).Say("caption", work.Content.Body), ct),
            { } photos when photos.Count > 0 || !FacebookShorts.IsOne(work.Content) => await FeedAsync(work, page, photos, ct),
            _ => new PublishOutcome.Rejected(ProviderErrors.MissingFile()),
        };
    }

    private async Task<PublishOutcome> FeedAsync(
        PublishWork work, GrantTokens page, IReadOnlyList<PublishFile> photos, CancellationToken ct)
    {
        var fields = new Dictionary<string, string>().Say("message", work.Content.Body).Say("link", work.Content.Link?.Url);
        foreach (var (i, photo) in photos.Index())
        {
            if (await files.PhotoAsync(work, page, i, photo, ct) is { } hindered) return hindered;
            fields[string.Create(CultureInfo.InvariantCulture, $"attached_media[{i}]")] =
                new JsonObject { ["media_fbid"] = work.Handles[FacebookFiles.PhotoHandle(i)] }.ToJsonString();
        }
        return await SayAsync(work, page, "feed", fields, ct);
    }

    // The call that makes it public; a photo's answer names its post besides itself.
    private async Task<PublishOutcome> SayAsync(
        PublishWork work, GrantTokens page, string edge, Dictionary<string, string> fields, CancellationToken ct)
    {
        if (await FacebookErrors.All.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.WriteAsync(work.Target, edge, fields, page, ct);
        if (!answer.IsSuccess || (answer.Body.Id("post_id") ?? answer.Body.Id("id")) is not { } id)
            return FacebookErrors.All.OfPublicCall(work, answer);
        var shown = await client.ReadAsync(id, "permalink_url", page, ct);
        return new PublishOutcome.Published(id, FacebookClient.LinkOf(shown.Body.Text("permalink_url"), id), []);
    }

    // One call makes it, and it is public once the network has worked through it.
    private async Task<PublishOutcome> VideoAsync(PublishWork work, GrantTokens page, PublishFile film, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(FacebookFiles.VideoHandle, out var video))
        {
            if (!work.Handles.ContainsKey(FilmHandle)) await work.SaveHandleAsync(FilmHandle, "yes", ct);
            var fields = FacebookFiles.WordsOf(work.Content).Say("file_url", film.PullUrl(MetaContainers.PullFor).AbsoluteUri);
            if (await FacebookErrors.All.MarkAsync(work, ct) is { } late) return late;
            var made = await client.WriteAsync(work.Target, "videos", fields, page, ct, client.VideoHost);
            video = made.IsSuccess ? made.Body.Id("id") : null;
            if (video is null) return FacebookErrors.All.OfPublicCall(work, made);
            await work.SaveHandleAsync(FacebookFiles.VideoHandle, video, ct);
        }
        var (state, answer) = await files.StateAsync(video, page, ct);
        return state switch
        {
            RemoteState.Public or RemoteState.Ready => FacebookFiles.Live(video, answer),
            RemoteState.Failed => FacebookFiles.Refused(answer),
            _ => new PublishOutcome.Processing(FacebookFiles.Often),
        };
    }
}
