using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Finds out what became of a lost call: by the id of a video or story, else in the Page's own posts.</summary>
internal sealed class FacebookReconciler(FacebookClient client, FacebookFiles files, FacebookShorts shorts) : IReconciler
{
    private static readonly MetaListing _films = new("videos", "description", "permalink_url", "created_time")
    {
        MostPages = 40, LinkOf = FacebookClient.LinkOf,
    };

    private static readonly MetaListing _posts = _films with
    {
        Edge = "published_posts", Text = "message", More = ",status_type,attachments{media_type,target{id}}",
    };

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (PageAccess.Of(work.Target, work.Tokens) is not { } page) return new ReconcileOutcome.Inconclusive("not_ticked");
        if (FacebookProvider.IsStory(work.Content.Options))
            return FacebookShorts.MediaOf(work.Handles) is { } media
                ? await shorts.FindAsync(work.Target, page, media, ct) : new ReconcileOutcome.Absent();
        if (work.Handles.TryGetValue(FacebookFiles.VideoHandle, out var video)) return await VideoAsync(work, page, video, ct);
        if (work.Mode == SettlementMode.Probe || work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var (listing, body) = (work.Handles.ContainsKey(FacebookPublisher.FilmHandle) ? _films : _posts, work.Content.Body);
        return await listing.FindAsync(client, work.Target, page, body, marked, work.OwnedPostIds, ct,
            post => listing == _films || ShowsTheSame(post, work));
    }

    private async Task<ReconcileOutcome> VideoAsync(ReconcileWork work, GrantTokens page, string video, CancellationToken ct)
    {
        var (state, answer) = await files.StateAsync(video, page, ct);
        var found = new ReconcileOutcome.Found(video, FacebookFiles.Live(video, answer).Url);
        return state switch
        {
            RemoteState.Public => found,
            RemoteState.Ready when work.Mode == SettlementMode.ReadBack => found,
            RemoteState.Failed => new ReconcileOutcome.Absent(),
            RemoteState.Ready or RemoteState.Awaited => new ReconcileOutcome.NotListed(),
            RemoteState.Working when work.Mode == SettlementMode.Probe && !work.Handles.ContainsKey(FacebookShorts.CalledHandle) => new ReconcileOutcome.NotListed(),
            _ => MetaErrors.Undecided(answer),
        };
    }

    private static bool ShowsTheSame(JsonObject post, ReconcileWork work)
    {
        var attachments = post.Objects("attachments", "data") ?? [];
        var hasMedia = attachments.Any(one => one.Text("media_type") is "photo" or "album" or "video");
        if (attachments.Count > 0 && hasMedia != work.Content.Media.Count > 0) return false;

        // An album's own id is none of its photos'.
        var photos = work.Handles.Where(pair => pair.Key.StartsWith("photo", StringComparison.Ordinal)).Select(pair => pair.Value).ToList();
        var targets = attachments.Where(one => one.Text("media_type") == "photo").Select(one => one.Text("target", "id"))
            .OfType<string>().ToList();
        return photos.Count == 0 || targets.Count == 0 || targets.Exists(photos.Contains);
    }
}
