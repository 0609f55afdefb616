using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Meta;

/// <summary>A listing of an account's own posts, by the names of what it shows of each.</summary>
/// <param name="Edge">Below the account.</param>
/// <param name="Text">What a post says.</param>
/// <param name="Link">Where people find it.</param>
/// <param name="Time">When it was made.</param>
internal sealed record MetaListing(string Edge, string Text, string Link, string Time)
{
    // The networks tell whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    /// <summary>Fields that are read besides.</summary>
    public string More { get; init; } = "";

    /// <summary>Whether it can begin at a moment.</summary>
    public bool Since { get; init; } = true;

    /// <summary>How many parts of it are read; of one alone nothing is believed to follow.</summary>
    public int MostPages { get; init; } = 1;

    /// <summary>A link as it may be shown, by what the listing says and the post's id.</summary>
    public Func<string?, string, string?> LinkOf { get; init; } = (link, _) => ProviderText.Url(link);

    /// <summary>Looks for a post whose answer was lost, by its words and what else <paramref name="isOurs"/> asks for.</summary>
    public Task<ReconcileOutcome> FindAsync(MetaClient client, PublishTarget target, GrantTokens tokens, string? text,
        DateTimeOffset called, IReadOnlySet<string> owned, CancellationToken ct, Func<JsonObject, bool>? isOurs = null) =>
        Listing.FindAsync(called, Skew, owned, MostPages, async (since, after) =>
        {
            var answer = await client.ListAsync(MetaClient.Edge(target, Edge), $"id,{Text},{Link},{Time}{More}", 25, tokens, ct,
                after, Since ? since : null);
            if (!answer.IsSuccess || answer.Body.Objects("data") is not { } posts)
                return new ListingPage(answer, null) { Wait = MetaErrors.WaitOf(answer, null) };
            return new ListingPage(answer, posts.Where(post => Plain(post.Text(Text)) == Plain(text) && isOurs?.Invoke(post) is not false)
                .Select(post => ListedPost.Of(post.Id("id"), LinkOf(post.Text(Link), post.Id("id") ?? ""), post.Moment(Time))),
                MostPages == 1 ? null : MetaClient.After(answer));
        });

    // Networks trim what they show.
    private static string Plain(string? text) => (text ?? "").Replace("\r\n", "\n", StringComparison.Ordinal).Trim();
}
