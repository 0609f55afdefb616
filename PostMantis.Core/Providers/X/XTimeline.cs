using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers.X;

/// <summary>Finds a post in the account's own timeline by what it says; X writes links anew, so that its own are read back.</summary>
internal sealed partial class XTimeline(XClient client, XSettings settings) : IReconciler
{
    // Ids grow with time: milliseconds since this moment, and 22 bits more.
    private const long FirstMoment = 1_288_834_974_657;
    private const int MostPages = 20;
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(10);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        return work.MarkedAt is { } marked
            ? Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, ReadAsync(work.Target, work.Tokens, work.Content.Body, ct))
            : Task.FromResult<ReconcileOutcome>(new ReconcileOutcome.Absent());
    }

    /// <summary>The first post after <paramref name="post"/> that says <paramref name="text"/>.</summary>
    public Task<ReconcileOutcome> FindAfterAsync(PublishTarget target, GrantTokens tokens, string? text, string post, CancellationToken ct) =>
        Listing.FindSinceAsync(MomentOf(post), new HashSet<string> { post }, MostPages, ReadAsync(target, tokens, text, ct));

    public string? UrlOf(PublishTarget target, string id) => target.Facts.GetValueOrDefault(XConsent.UserFact) is { } user
        ? ProviderText.Url(new Uri(settings.WebUrl, $"/{Uri.EscapeDataString(user)}/status/{id}").AbsoluteUri) : null;

    private Func<DateTimeOffset, string?, Task<ListingPage>> ReadAsync(
        PublishTarget target, GrantTokens tokens, string? text, CancellationToken ct) => async (since, next) =>
    {
        var answer = await client.GetAsync(client.At($"/2/users/{Uri.EscapeDataString(target.ProviderProfileId)}/tweets?max_results=100"
            + $"&since_id={IdAt(since)}&tweet.fields=created_at,entities,attachments,note_tweet"
            + (next is null ? "" : $"&pagination_token={Uri.EscapeDataString(next)}")), tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body.Number("meta", "result_count") is null) return new ListingPage(answer, null);
        var ours = (answer.Body.Objects("data") ?? []).Where(post => Says(post, text ?? "")).Select(post => post.Id("id")).OfType<string>()
            .Select(id => new ListedPost(id, UrlOf(target, id), MomentOf(id)));
        return new ListingPage(answer, ours, answer.Body.Text("meta", "next_token"));
    };

    private static string IdAt(DateTimeOffset moment) =>
        ((moment.ToUnixTimeMilliseconds() - FirstMoment) << 22).ToString(CultureInfo.InvariantCulture);

    // The network lists nothing that is older than asked for: what cannot be dated is later.
    private static DateTimeOffset MomentOf(string id) => long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? DateTimeOffset.FromUnixTimeMilliseconds((number >> 22) + FirstMoment) : DateTimeOffset.MaxValue;

    private static bool Says(JsonObject post, string text)
    {
        var note = post.Get("note_tweet");
        var (shown, links) = note is null ? (post.Text("text") ?? "", post.Objects("entities", "urls"))
            : (note.Text("text") ?? "", note.Objects("entities", "urls"));
        foreach (var link in links ?? [])
            if (link.Text("url") is { Length: > 0 } url && link.Text("expanded_url") is { } full)
                shown = shown.Replace(url, Own().IsMatch(full) ? "" : full, StringComparison.Ordinal);
        var wanted = Bare(text);
        return Bare(shown) == wanted || Bare(WebUtility.HtmlDecode(shown)) == wanted;
    }

    // A name without a scheme gets one at X.
    private static string Bare(string text) => Scheme().Replace(text.Normalize(), "").Trim();

    [GeneratedRegex("https?://", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Scheme();

    // X shows attached media as a link to the post itself.
    [GeneratedRegex(@"^https?://(x|twitter)\.com/[^/]+/status/\d+/(photo|video)/\d+$", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Own();
}
