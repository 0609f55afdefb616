using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>
/// Publishes to a Page. What goes to the feed is read back after a lost answer; a reel or story has an id before it is
/// public, and that one is asked.
/// </summary>
internal sealed class FacebookPublisher(FacebookClient client, FacebookVideos videos, FacebookStories stories) : IPublisher
{
    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) =>
        FacebookProvider.PlacementOf(content) == FacebookPlacement.Feed ? SettlementMode.ReadBack : SettlementMode.Probe;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (PageAccess.Of(work.Target, work.Tokens) is not { } page) return new PublishOutcome.Rejected(FacebookErrors.NotTicked);
        var files = work.Content.Media.Select(item => work.Files.GetValueOrDefault(item.ArtifactId)).OfType<PublishFile>().ToList();
        if (files.Count < work.Content.Media.Count) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        return (FacebookProvider.PlacementOf(work.Content), files) switch
        {
            (FacebookPlacement.Reel, [var film, ..]) => await videos.ReelAsync(work, page, film, ct),
            (FacebookPlacement.Story, [var file, ..]) => await stories.PublishAsync(work, page, file, ct),
            (FacebookPlacement.Feed, []) => await FeedAsync(work, page, [], ct),
            (FacebookPlacement.Feed, [{ Kind: MediaKind.Video } film]) => await videos.VideoAsync(work, page, film, ct),
            (FacebookPlacement.Feed, [var one]) => await PhotoAsync(work, page, one, ct),
            (FacebookPlacement.Feed, _) => await PhotosAsync(work, page, files, ct),
            _ => new PublishOutcome.Rejected(ProviderErrors.MissingFile()),
        };
    }

    /// <summary>The handle of a photo that waits to be attached.</summary>
    public static string PhotoHandle(int index) => FormattableString.Invariant($"photo{index}");

    /// <summary>Uploads one photo that nobody sees yet; its id is kept.</summary>
    /// <returns>Why it could not be; null when its handle stands.</returns>
    public static async Task<PublishOutcome?> WaitingPhotoAsync(FacebookClient client, PublishWork work, PageAccess page,
        int index, PublishFile file, CancellationToken ct)
    {
        if (work.Handles.ContainsKey(PhotoHandle(index))) return null;
        var made = await client.WriteAsync(page, "photos", PhotoOf(work, index, file, isPublic: false), ct);
        if (!made.IsSuccess || ProviderText.Id(made.Body.Text("id")) is not { } photo)
            return FacebookErrors.All.BeforePublic(made, work.AttemptNumber);
        await work.SaveHandleAsync(PhotoHandle(index), photo, ct);
        return null;
    }

    /// <summary>Opens the short time in which the public call may be made.</summary>
    /// <returns>Why it must not be made.</returns>
    public static async Task<PublishOutcome?> MarkAsync(PublishWork work, CancellationToken ct)
    {
        if (!(await work.MarkAsync(ct)).IsOpen) return new PublishOutcome.Retry(FacebookErrors.All.Unavailable());
        work.CallStarts();
        return null;
    }

    /// <summary>A root that is public.</summary>
    public static PublishOutcome.Published Live(string id, string? url) =>
        new(id, url, [new DeliveryPart(0, PartKind.Root, PartStatus.Published, id, url)]);

    private async Task<PublishOutcome> PhotosAsync(
        PublishWork work, PageAccess page, List<PublishFile> files, CancellationToken ct)
    {
        for (var i = 0; i < files.Count; i++)
            if (await WaitingPhotoAsync(client, work, page, i, files[i], ct) is { } hindered) return hindered;
        return await FeedAsync(work, page, [.. Enumerable.Range(0, files.Count).Select(i => work.Handles[PhotoHandle(i)])], ct);
    }

    private async Task<PublishOutcome> FeedAsync(
        PublishWork work, PageAccess page, IReadOnlyList<string> photos, CancellationToken ct)
    {
        Dictionary<string, string> fields = [];
        if (work.Content.Body is { } message) fields["message"] = message;
        if (work.Content.Link is { } link) fields["link"] = link.Url;
        for (var i = 0; i < photos.Count; i++)
            fields[string.Create(CultureInfo.InvariantCulture, $"attached_media[{i}]")] =
                new JsonObject { ["media_fbid"] = photos[i] }.ToJsonString();
        return await SayAsync(work, page, "feed", fields, ct);
    }

    private Task<PublishOutcome> PhotoAsync(PublishWork work, PageAccess page, PublishFile file, CancellationToken ct)
    {
        var fields = PhotoOf(work, 0, file, isPublic: true);
        if (work.Content.Body is { } caption) fields["caption"] = caption;
        return SayAsync(work, page, "photos", fields, ct);
    }

    private static Dictionary<string, string> PhotoOf(PublishWork work, int index, PublishFile file, bool isPublic)
    {
        Dictionary<string, string> fields = new()
        {
            ["url"] = file.PullUrl(MetaContainers.PullFor).AbsoluteUri, ["published"] = isPublic ? "true" : "false",
        };
        if (work.Content.Media[index].Alt is { } alt) fields["alt_text_custom"] = alt;
        return fields;
    }

    // The call that makes it public; a photo's answer names its post besides itself.
    private async Task<PublishOutcome> SayAsync(
        PublishWork work, PageAccess page, string edge, Dictionary<string, string> fields, CancellationToken ct)
    {
        if (await MarkAsync(work, ct) is { } late) return late;
        var answer = await client.WriteAsync(page, edge, fields, ct);
        return answer.IsSuccess && (answer.Body.Id("post_id") ?? answer.Body.Id("id")) is { } id
            ? Live(id, await LinkAsync(page, id, ct))
            : FacebookErrors.All.OfPublicCall(answer);
    }

    private async Task<string?> LinkAsync(PageAccess page, string id, CancellationToken ct)
    {
        var answer = await client.ReadAsync(page, $"{Uri.EscapeDataString(id)}?fields=permalink_url", ct);
        return answer.IsSuccess ? FacebookClient.LinkOf(answer.Body.Text("permalink_url"), id) : null;
    }
}
