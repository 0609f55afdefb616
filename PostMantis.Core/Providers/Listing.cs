namespace PostMantis.Core.Providers;

/// <summary>A remote post that could be ours, by what it shows.</summary>
/// <param name="At">When the network says that it was made.</param>
internal sealed record ListedPost(string Id, string? Url, DateTimeOffset At)
{
    /// <summary>Null for what cannot be named or dated.</summary>
    public static ListedPost? Of(string? id, string? url, DateTimeOffset? at) =>
        id is null || at is null ? null : new ListedPost(id, url, at.Value);
}

/// <summary>One page of an account's own posts.</summary>
/// <param name="Posts">Those that could be ours; null when the page cannot be read.</param>
/// <param name="Next">Where the next page begins; null: there is none.</param>
internal sealed record ListingPage(ProviderAnswer Answer, IEnumerable<ListedPost?>? Posts, string? Next = null)
{
    /// <summary>Of a listing that shows the newest first: the oldest moment the page came to.</summary>
    public DateTimeOffset? ReadTo { get; init; }

    /// <summary>Whether the network says that nothing is missing.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>How long to wait before asking again, where the answer's usual headers do not say.</summary>
    public TimeSpan? Wait { get; init; }
}

/// <summary>
/// Looks for a post whose answer was lost among the account's own. The networks date posts by their clock and a call is
/// dated by ours, so what is compared is the network's time: its answers carry it in <c>Date</c>.
/// </summary>
internal static class Listing
{
    /// <summary>
    /// How far the clocks may differ when a network does not tell its own: found too early is still told apart by what it
    /// says and by who owns it, found too late would be sent twice.
    /// </summary>
    public static readonly TimeSpan UntoldDifference = TimeSpan.FromMinutes(10);

    /// <summary>Of several posts that could be ours, the one made first after the call is.</summary>
    /// <param name="called">When the call was made, by our clock.</param>
    /// <param name="skew">How coarse the network's times are, and how far its own clocks may stand apart.</param>
    /// <param name="owned">Posts that other deliveries own.</param>
    /// <param name="mostPages">After so many a listing is too long to prove anything by.</param>
    /// <param name="read">Reads a page, from a moment by the network's clock on where the network can do that.</param>
    public static Task<ReconcileOutcome> FindAsync(DateTimeOffset called, TimeSpan skew, IReadOnlySet<string> owned,
        int mostPages, Func<DateTimeOffset, string?, Task<ListingPage>> read) =>
        FindAsync(called - skew - UntoldDifference, answer => called - skew + (answer.Ahead ?? -UntoldDifference), owned, mostPages, read);

    /// <summary>As the other, from a moment that the network itself named.</summary>
    public static Task<ReconcileOutcome> FindSinceAsync(DateTimeOffset since, IReadOnlySet<string> owned, int mostPages,
        Func<DateTimeOffset, string?, Task<ListingPage>> read) => FindAsync(since, _ => since, owned, mostPages, read);

    private static async Task<ReconcileOutcome> FindAsync(DateTimeOffset asked, Func<ProviderAnswer, DateTimeOffset> sinceBy,
        IReadOnlySet<string> owned, int mostPages, Func<DateTimeOffset, string?, Task<ListingPage>> read)
    {
        var said = await read(asked, null);
        var since = sinceBy(said.Answer);

        // The network's clock is far behind ours: what was asked for began too late.
        if (since < asked && said.Posts is not null) said = await read(since, null);
        asked = since < asked ? since : asked;
        ListedPost? oldest = null;
        for (var page = 1; ; page++)
        {
            if (said.Posts is not { } posts)
                return new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Wait ?? said.Answer.Wait);
            foreach (var post in posts)
                if (post?.At >= since && !owned.Contains(post.Id) && !(post.At > oldest?.At)) oldest = post;
            if (said.Next is not { } next || said.ReadTo < since)
                return oldest is not null ? new ReconcileOutcome.Found(oldest.Id, oldest.Url)
                    : said.IsWhole ? new ReconcileOutcome.NotListed()
                    : new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Answer.Wait);
            if (page == mostPages)
                return oldest is not null ? new ReconcileOutcome.Found(oldest.Id, oldest.Url)
                    : new ReconcileOutcome.Inconclusive("listing_too_long");
            said = await read(asked, next);
        }
    }
}
