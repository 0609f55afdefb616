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
        ArgumentNullException.ThrowIfNull(work);
        return work.MarkedAt is { } marked
            ? FindAsync(work.Target, work.Tokens, work.Content.Body, IdAt(marked - Skew), work.OwnedPostIds, ct)
            : Task.FromResult<ReconcileOutcome>(new ReconcileOutcome.Absent());
    }

    /// <summary>The first post after <paramref name="after"/> that says <paramref name="text"/> and belongs to nobody.</summary>
    public async Task<ReconcileOutcome> FindAsync(PublishTarget target, GrantTokens tokens, string? text, string after,
        IReadOnlySet<string> owned, CancellationToken ct)
    {
        ReconcileOutcome.Found? oldest = null;
        string? next = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync(client.At($"/2/users/{Uri.EscapeDataString(target.ProviderProfileId)}/tweets?max_results=100"
                + $"&since_id={after}&tweet.fields=created_at,entities,attachments,note_tweet"
                + (next is null ? "" : $"&pagination_token={Uri.EscapeDataString(next)}")), tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Number("meta", "result_count") is null)
                return new ReconcileOutcome.Inconclusive(answer.Code ?? "no_answer", answer.Wait);
            foreach (var post in answer.Body.Objects("data") ?? [])
                if (post.Id("id") is { } id && !owned.Contains(id) && Says(post, text ?? "")) oldest = new ReconcileOutcome.Found(id, UrlOf(target, id));
            next = answer.Body.Text("meta", "next_token");
            if (next is null) return oldest ?? (ReconcileOutcome)new ReconcileOutcome.NotListed();
        }
        return new ReconcileOutcome.Inconclusive("listing_too_long");
    }

    public string? UrlOf(PublishTarget target, string id) => target.Facts.GetValueOrDefault(XConsent.UserFact) is { } user
        ? ProviderText.Url(new Uri(settings.WebUrl, $"/{Uri.EscapeDataString(user)}/status/{id}").AbsoluteUri) : null;

    private static string IdAt(DateTimeOffset moment) =>
        ((moment.ToUnixTimeMilliseconds() - FirstMoment) << 22).ToString(CultureInfo.InvariantCulture);

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
