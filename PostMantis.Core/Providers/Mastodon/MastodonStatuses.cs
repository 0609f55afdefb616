using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>Finds a status among the account's own, by what it says and when it was made.</summary>
internal sealed partial class MastodonStatuses(MastodonClient client, MastodonSettings settings) : IReconciler
{
    /// <summary>The fact that holds the account's id on its server.</summary>
    public const string AccountFact = "accountId";

    private const int Page = 40;
    private const int MostPages = 25;
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(10);

    public static string CallHandle(int index) => string.Create(CultureInfo.InvariantCulture, $"called{index}");

    /// <summary>When the call for a part was first made; null when it never was.</summary>
    public static DateTimeOffset? CalledAt(IReadOnlyDictionary<string, string> handles, int index) =>
        handles.MomentOf(CallHandle(index));

    public static ReconcileOutcome.Found? Read(JsonObject? status) => status.Id("id") is { } id
        ? new ReconcileOutcome.Found(id, ProviderText.Url(status.Text("url"))) : null;

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        return CalledAt(work.Handles, 0) is { } since
            ? FindAsync(work.Target, work.Tokens, work.Content.Options, work.Content.Body, null, since, work.OwnedPostIds, ct)
            : Task.FromResult<ReconcileOutcome>(new ReconcileOutcome.Absent());
    }

    /// <summary>Of several that could be ours, the one made first after the call is.</summary>
    public Task<ReconcileOutcome> FindAsync(PublishTarget target, GrantTokens tokens, JsonObject options, string? text,
        string? parent, DateTimeOffset called, IReadOnlySet<string> owned, CancellationToken ct) =>
        Listing.FindAsync(called, Skew, owned, MostPages, async (_, below) =>
        {
            var answer = await client.GetAsync(tokens, $"/api/v1/accounts/{Uri.EscapeDataString(target.Facts[AccountFact])}"
                + $"/statuses?limit={Page}&exclude_reblogs=true{(below is null ? "" : $"&max_id={Uri.EscapeDataString(below)}")}", ct);
            if (!answer.IsSuccess || answer.Json.Objects() is not { } found || found.Any(status => status.Moment("created_at") is null))
                return new ListingPage(answer, null);
            return new ListingPage(answer, found.Where(status => Fits(status, options, text, parent)).Select(status =>
                ListedPost.Of(status.Id("id"), ProviderText.Url(status.Text("url")), status.Moment("created_at"))),
                found.Count < Page ? null : found[^1].Id("id"))
            {
                ReadTo = found is [.., var last] ? last.Moment("created_at") : null,
            };
        });

    // Servers need not say which app a status came from; if they do, it must be ours.
    private bool Fits(JsonObject status, JsonObject options, string? text, string? parent) =>
        (status.Text("application", "name") ?? settings.AppName) == settings.AppName
        && status.Id("in_reply_to_id") == parent
        && (status.Text("spoiler_text") ?? "") == (options.Text("spoilerText") ?? "")
        && Plain(status.Text("content") ?? "") == Squeezed(FarMention().Replace(text ?? "", "$1"));

    private static string Plain(string html) =>
        Squeezed(WebUtility.HtmlDecode(Tag().Replace(Break().Replace(html, " "), "")));

    private static string Squeezed(string text) => Space().Replace(text, " ").Trim();

    [GeneratedRegex(@"<br\s*/?>|</p>", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Break();

    [GeneratedRegex("<[^>]*>", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tag();

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Space();

    [GeneratedRegex(@"(?<![\w/@])(@[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)@[\w.-]+\w", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FarMention();
}
