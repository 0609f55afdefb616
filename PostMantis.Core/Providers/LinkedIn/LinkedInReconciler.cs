using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Looks for a post of a page in the page's own listing; for members LinkedIn has none.</summary>
internal sealed class LinkedInReconciler(LinkedInClient client) : IReconciler
{
    private const int PageSize = 50;
    private const int MostPages = 20;
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (work.Mode != SettlementMode.ReadBack) return new ReconcileOutcome.CannotTell();
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        return await Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, async (_, next) =>
        {
            var start = int.Parse(next ?? "0", CultureInfo.InvariantCulture);
            var answer = await client.GetAsync(string.Create(CultureInfo.InvariantCulture,
                $"/rest/posts?author={LinkedInClient.Segment(work.Target.ProviderProfileId)}&q=author&start={start}"
                + $"&count={PageSize}&sortBy=LAST_MODIFIED"), work.Tokens.AccessToken, ct, isFinder: true);
            if (!answer.IsSuccess || answer.Body.Objects("elements") is not { } posts) return new ListingPage(answer, null);
            return new ListingPage(answer, posts.Where(post => IsOurs(post, work)).Select(Read),
                posts.Count < PageSize ? null : (start + PageSize).ToString(CultureInfo.InvariantCulture))
            {
                // The newest change comes first: what was last touched before the mark, and all after it, is older than it.
                ReadTo = posts is [.., var last] ? last.Moment("lastModifiedAt") : null,
            };
        });
    }

    private static ListedPost? Read(JsonObject post) => LinkedInPublisher.PostUrn(post.Text("id")) is { } urn
        ? ListedPost.Of(urn, LinkedInPublisher.Permalink(urn), post.Moment("createdAt")) : null;

    private static bool IsOurs(JsonObject post, ReconcileWork work)
    {
        if (post.Text("lifecycleState") is "PUBLISH_FAILED" or "DRAFT"
            || LittleText.Unescape(post.Text("commentary") ?? "") != (work.Content.Body ?? ""))
            return false;
        var content = post.Get("content");
        IEnumerable<string?> shown = content.Text("media", "id") is { } one
            ? [one] : content.Objects("multiImage", "images")?.Select(image => image.Text("id")) ?? [];
        var brought = Enumerable.Range(0, work.Content.Media.Count)
            .Select(i => work.Handles.GetValueOrDefault(LinkedInUploads.Handle(i)));
        return shown.SequenceEqual(brought) && content.Text("article", "source") == work.Content.Link?.Url;
    }
}
