using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Finds out what became of a lost call: by the id of a video or story, else in the Page's own posts.</summary>
internal sealed class FacebookReconciler(FacebookClient client, FacebookVideos videos, FacebookStories stories) : IReconciler
{
    private const int MostPages = 40;

    // The network tells whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (PageAccess.Of(work.Target, work.Tokens) is not { } page) return new ReconcileOutcome.Inconclusive("not_ticked");
        if (FacebookProvider.PlacementOf(work.Content) == FacebookPlacement.Story) return await StoryAsync(work, page, ct);
        if (work.Handles.TryGetValue(FacebookVideos.VideoHandle, out var video)) return await VideoAsync(work, page, video, ct);
        if (work.Mode == SettlementMode.Probe || work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        return work.Handles.ContainsKey(FacebookVideos.FilmHandle)
            ? await ListAsync(work, page, "videos", "id,description,created_time,permalink_url", "description", marked, ct)
            : await ListAsync(work, page, "published_posts",
                "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id}}", "message", marked, ct);
    }

    private async Task<ReconcileOutcome> StoryAsync(ReconcileWork work, PageAccess page, CancellationToken ct)
    {
        if (FacebookStories.MediaOf(work.Handles) is not { } media) return new ReconcileOutcome.Absent();
        var (found, failed) = await stories.FindAsync(page, media, ct);
        return found is not null ? new ReconcileOutcome.Found(found.ProviderPostId, found.Url)
            : failed is null ? new ReconcileOutcome.NotListed()
            : Inconclusive(failed);
    }

    private async Task<ReconcileOutcome> VideoAsync(ReconcileWork work, PageAccess page, string video, CancellationToken ct)
    {
        var (state, answer) = await videos.StateAsync(page, video, ct);
        return state switch
        {
            VideoState.Public => Found(),
            VideoState.Ready when work.Mode == SettlementMode.ReadBack => Found(),
            VideoState.Failed => new ReconcileOutcome.Absent(),
            VideoState.Ready or VideoState.Awaited => new ReconcileOutcome.NotListed(),
            VideoState.Working when work.Mode == SettlementMode.Probe && FacebookVideos.CalledAt(work.Handles) is null =>
                new ReconcileOutcome.NotListed(),
            _ => Inconclusive(answer),
        };

        ReconcileOutcome.Found Found() => new(video, FacebookClient.LinkOf(answer.Body.Text("permalink_url"), video));
    }

    private Task<ReconcileOutcome> ListAsync(ReconcileWork work, PageAccess page, string edge, string fields,
        string textField, DateTimeOffset marked, CancellationToken ct)
    {
        var photos = work.Handles.Where(pair => pair.Key.StartsWith("photo", StringComparison.Ordinal))
            .Select(pair => pair.Value).ToHashSet();
        return Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, async (since, after) =>
        {
            var answer = await client.ReadAsync(page, string.Create(CultureInfo.InvariantCulture,
                $"{Uri.EscapeDataString(page.Id)}/{edge}?fields={fields}&since={since.ToUnixTimeSeconds()}&limit=25")
                + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}"), ct);
            if (!answer.IsSuccess || answer.Body.Objects("data") is not { } posts)
                return new ListingPage(answer, null) { Wait = MetaErrors.WaitOf(answer, null) };
            return new ListingPage(answer, posts.Where(post => IsOurs(work, post, textField, photos)).Select(post => ListedPost.Of(
                post.Id("id"), FacebookClient.LinkOf(post.Text("permalink_url"), post.Id("id") ?? ""), post.Moment("created_time"))),
                MetaClient.After(answer));
        });
    }

    private static bool IsOurs(ReconcileWork work, JsonObject post, string textField, HashSet<string> photos)
    {
        if (Plain(post.Text(textField)) != Plain(work.Content.Body)) return false;
        if (textField != "message") return true;
        var attachments = post.Objects("attachments", "data") ?? [];
        var hasMedia = attachments.Any(one => one.Text("media_type") is "photo" or "album" or "video");
        if (attachments.Count > 0 && hasMedia != work.Content.Media.Count > 0) return false;

        // An album's own id is none of its photos'.
        var targets = attachments.Where(one => one.Text("media_type") == "photo").Select(one => one.Text("target", "id"))
            .OfType<string>().ToList();
        return photos.Count == 0 || targets.Count == 0 || targets.Exists(photos.Contains);
    }

    private static ReconcileOutcome.Inconclusive Inconclusive(ProviderAnswer answer) =>
        new(answer.Code ?? "no_answer", MetaErrors.WaitOf(answer, null));

    // The network trims what it shows.
    private static string Plain(string? text) => (text ?? "").Replace("\r\n", "\n", StringComparison.Ordinal).Trim();
}
