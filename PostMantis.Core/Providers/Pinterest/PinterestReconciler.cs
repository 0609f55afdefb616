namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Looks for a pin on its board. Nobody promises an order, so the whole board is read before anything is said.</summary>
internal sealed class PinterestReconciler(PinterestClient client) : IReconciler
{
    // Pinterest tells whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(6);
    private const int MostPages = 40;
    private static readonly string[] Fields = ["title", "description", "link", "alt_text"];

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var ours = PinterestPublisher.FieldsOf(work.Content);
        return await Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, async (_, bookmark) =>
        {
            var answer = await client.GetAsync($"/v5/boards/{Uri.EscapeDataString(work.Target.ProviderProfileId)}/pins?page_size=250"
                + (bookmark is null ? "" : $"&bookmark={Uri.EscapeDataString(bookmark)}"), work.Tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("items") is not { } pins) return new ListingPage(answer, null);
            var found = pins.Where(pin => Fields.All(name => (pin.Text(name) ?? "") == (ours.Text(name) ?? ""))).Select(pin =>
                ListedPost.Of(pin.Id("id"), PinterestPublisher.Permalink(pin.Id("id") ?? ""), pin.Moment("created_at")));
            return new ListingPage(answer, found, answer.Body.Id("bookmark"));
        });
    }
}
