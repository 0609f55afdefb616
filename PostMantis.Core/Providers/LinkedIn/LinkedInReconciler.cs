using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Looks for a post of a page in the page's own listing; for members LinkedIn has none.</summary>
internal sealed class LinkedInReconciler(LinkedInClient client) : IReconciler
{
    // LinkedIn's clock and ours need not agree.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);
    private const int PageSize = 50;
    private const int MostPages = 20;

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (work.Mode != SettlementMode.ReadBack) return new ReconcileOutcome.CannotTell();
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var since = (marked - Skew).ToUnixTimeMilliseconds();
        (string Urn, long At)? oldest = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync(string.Create(CultureInfo.InvariantCulture,
                $"/rest/posts?author={LinkedInClient.Segment(work.Target.ProviderProfileId)}&q=author&start={page * PageSize}"
                + $"&count={PageSize}&sortBy=LAST_MODIFIED"), work.Tokens.AccessToken, ct, isFinder: true);
            if (!answer.IsSuccess || answer.Body.Objects("elements") is not { } posts)
                return new ReconcileOutcome.Inconclusive(answer.Code ?? "no_answer", answer.Wait);
            foreach (var post in posts)
            {
                if (post.Number("createdAt") is not { } at || at < since || !IsOurs(post, work)
                    || LinkedInPublisher.PostUrn(post.Text("id")) is not { } urn || work.OwnedPostIds.Contains(urn))
                    continue;
                // Of several that could be ours, the one made first after the mark is.
                if (oldest is null || at < oldest.Value.At) oldest = (urn, at);
            }
            // The newest change comes first: what was last touched before the mark, and all after it, is older than it.
            var isComplete = posts.Count < PageSize || posts[^1].Number("lastModifiedAt") is { } touched && touched < since;
            if (!isComplete) continue;
            return oldest is { } found
                ? new ReconcileOutcome.Found(found.Urn, LinkedInPublisher.Permalink(found.Urn))
                : new ReconcileOutcome.NotListed();
        }
        return new ReconcileOutcome.Inconclusive("listing_too_long");
    }

    private static bool IsOurs(JsonObject post, ReconcileWork work)
    {
        if (post.Text("lifecycleState") is "PUBLISH_FAILED" or "DRAFT"
            || LittleText.Unescape(post.Text("commentary") ?? "") != (work.Content.Body ?? ""))
            return false;
        var content = post.Get("content");
        List<string?> shown =
        [
            .. content.Text("media", "id") is { } one ? [one] : (string?[])[],
            .. content.Objects("multiImage", "images")?.Select(image => image.Text("id")) ?? [],
        ];
        var brought = Enumerable.Range(0, work.Content.Media.Count)
            .Select(i => work.Handles.GetValueOrDefault(LinkedInUploads.Handle(i)));
        return shown.SequenceEqual(brought) && content.Text("article", "source") == work.Content.Link?.Url;
    }
}
