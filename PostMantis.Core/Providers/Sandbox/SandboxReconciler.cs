using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Finds out what became of a call whose answer was lost: by key, by container, or in the listing.</summary>
internal sealed class SandboxReconciler(SandboxClient client) : IReconciler
{
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);
    private const int MostPages = 100;

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        return work.Mode switch
        {
            SettlementMode.Idempotent => ByKeyAsync(work, ct),
            SettlementMode.Probe => ByContainerAsync(work, ct),
            SettlementMode.ReadBack => ByListingAsync(work, ct),
            _ => Task.FromResult<ReconcileOutcome>(new ReconcileOutcome.CannotTell()),
        };
    }

    private async Task<ReconcileOutcome> ByKeyAsync(ReconcileWork work, CancellationToken ct)
    {
        var answer = await client.GetAsync(
            $"{SandboxClient.PageOf(work.Target)}/keys/{work.DeliveryId}:0", work.Tokens.AccessToken, ct);
        return answer.Status == HttpStatusCode.NotFound && answer.Code == "not_found"
            ? new ReconcileOutcome.NotListed()
            : Found(answer, answer.Body);
    }

    private async Task<ReconcileOutcome> ByContainerAsync(ReconcileWork work, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(SandboxPublisher.ContainerHandle, out var container))
            return new ReconcileOutcome.Absent();
        var answer = await client.GetAsync(
            $"{SandboxClient.PageOf(work.Target)}/containers/{Uri.EscapeDataString(container)}",
            work.Tokens.AccessToken, ct);
        if (answer.Status == HttpStatusCode.NotFound && answer.Code == "not_found") return new ReconcileOutcome.Absent();
        return answer.IsSuccess && answer.Body.Text("status") is "ready" or "processing"
            ? new ReconcileOutcome.NotListed()
            : Found(answer, answer.Body?["post"]);
    }

    private async Task<ReconcileOutcome> ByListingAsync(ReconcileWork work, CancellationToken ct)
    {
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        return await Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, async (since, cursor) =>
        {
            var from = since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
            var answer = await client.GetAsync($"{SandboxClient.PageOf(work.Target)}/posts?since={from}"
                + (cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}"), work.Tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("posts") is not { } posts) return new ListingPage(answer, null);
            var ours = posts.Where(post => post["parentId"] is null && post.Text("body") == work.Content.Body
                && (post.Objects("media")?.Count ?? 0) == work.Content.Media.Count).Select(post =>
                ListedPost.Of(post.Id("id"), ProviderText.Url(post.Text("url")), post.Moment("createdAt")));
            var next = answer.Body.Id("nextCursor");
            return new ListingPage(answer, ours, next)
            {
                // Newest first: a busy page is not read on to where a network that does not tell its clock would have to begin.
                ReadTo = posts is [.., var last] ? last.Moment("createdAt") : null,
                IsWhole = next is not null || answer.Body.Flag("complete") == true,
            };
        });
    }

    private static ReconcileOutcome Found(ProviderAnswer answer, JsonNode? post) =>
        answer.IsSuccess && post is JsonObject found && Read(found) is { } read ? read : Inconclusive(answer);

    private static ReconcileOutcome.Found? Read(JsonObject post) =>
        ProviderText.Id(post.Text("id")) is { } id
            ? new ReconcileOutcome.Found(id, ProviderText.Url(post.Text("url")))
            : null;

    private static ReconcileOutcome.Inconclusive Inconclusive(ProviderAnswer answer) =>
        new(answer.Code ?? "no_answer", answer.RetryAfter);
}
