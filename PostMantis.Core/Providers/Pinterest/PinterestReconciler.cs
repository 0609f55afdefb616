using System.Globalization;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Looks for a pin on its board. Nobody promises an order, so the whole board is read before anything is said.</summary>
internal sealed class PinterestReconciler(PinterestClient client) : IReconciler
{
    // Pinterest tells whole seconds, and its clock and ours need not agree.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(6);
    private const int MostPages = 40;
    private static readonly string[] Fields = ["title", "description", "link", "alt_text"];

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var ours = PinterestPublisher.FieldsOf(work.Content);
        (string Id, DateTimeOffset At)? oldest = null;
        string? bookmark = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync($"/v5/boards/{Uri.EscapeDataString(work.Target.ProviderProfileId)}/pins?page_size=250"
                + (bookmark is null ? "" : $"&bookmark={Uri.EscapeDataString(bookmark)}"), work.Tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("items") is not { } pins)
                return new ReconcileOutcome.Inconclusive(answer.Code ?? "no_answer", answer.Wait);
            foreach (var pin in pins)
            {
                if (pin.Id("id") is not { } id || work.OwnedPostIds.Contains(id) || Moment(pin.Text("created_at")) is not { } at
                    || at < marked - Skew || !Fields.All(name => (pin.Text(name) ?? "") == (ours.Text(name) ?? "")))
                    continue;
                // Of several that could be ours, the one made first after the mark is.
                if (oldest is null || at < oldest.Value.At) oldest = (id, at);
            }
            bookmark = ProviderText.Id(answer.Body.Text("bookmark"));
            if (bookmark is not null) continue;
            return oldest is { } found
                ? new ReconcileOutcome.Found(found.Id, PinterestPublisher.Permalink(found.Id))
                : new ReconcileOutcome.NotListed();
        }
        return oldest is { } seen
            ? new ReconcileOutcome.Found(seen.Id, PinterestPublisher.Permalink(seen.Id))
            : new ReconcileOutcome.Inconclusive("listing_too_long");
    }

    // A time without a zone is taken for UTC.
    private static DateTimeOffset? Moment(string? text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
}
