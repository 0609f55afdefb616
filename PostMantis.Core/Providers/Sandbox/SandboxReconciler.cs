using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Finds out what became of a call whose answer was lost: by key, by container, or in the listing.</summary>
internal sealed class SandboxReconciler(SandboxClient client) : IReconciler
{
    // The network's clock and ours need not agree.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    public Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
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
            $"/v1/destinations/{work.Target.ProviderProfileId}/keys/{work.DeliveryId}:0", work.Tokens.AccessToken, ct);
        return answer.Status == HttpStatusCode.NotFound && answer.Code == "not_found"
            ? new ReconcileOutcome.NotListed()
            : Found(answer, answer.Body);
    }

    private async Task<ReconcileOutcome> ByContainerAsync(ReconcileWork work, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(SandboxPublisher.ContainerHandle, out var container))
            return new ReconcileOutcome.Absent();
        var answer = await client.GetAsync(
            $"/v1/destinations/{work.Target.ProviderProfileId}/containers/{Uri.EscapeDataString(container)}",
            work.Tokens.AccessToken, ct);
        if (answer.Status == HttpStatusCode.NotFound) return new ReconcileOutcome.Absent();
        return answer.IsSuccess && SandboxAnswer.Text(answer.Body?["status"]) is "ready" or "processing"
            ? new ReconcileOutcome.NotListed()
            : Found(answer, answer.Body?["post"]);
    }

    private async Task<ReconcileOutcome> ByListingAsync(ReconcileWork work, CancellationToken ct)
    {
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var since = (marked - Skew).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var answer = await client.GetAsync(
            $"/v1/destinations/{work.Target.ProviderProfileId}/posts?since={since}", work.Tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body?["posts"] is not JsonArray posts) return Inconclusive(answer);

        // Oldest first: of several that could be ours, the one made first after the mark is.
        foreach (var post in posts.OfType<JsonObject>().Reverse())
        {
            if (post["parentId"] is null && SandboxAnswer.Text(post["id"]) is { } id && !work.OwnedPostIds.Contains(id)
                && Same(post["body"], work.Content.Body))
                return new ReconcileOutcome.Found(id, SandboxAnswer.Text(post["url"]));
        }
        return answer.Body["complete"] is JsonValue complete && complete.TryGetValue<bool>(out var isComplete) && isComplete
            ? new ReconcileOutcome.NotListed()
            : Inconclusive(answer);
    }

    private static ReconcileOutcome Found(SandboxAnswer answer, JsonNode? post) =>
        answer.IsSuccess && post is JsonObject found && SandboxAnswer.Text(found["id"]) is { } id
            ? new ReconcileOutcome.Found(id, SandboxAnswer.Text(found["url"]))
            : Inconclusive(answer);

    private static ReconcileOutcome.Inconclusive Inconclusive(SandboxAnswer answer) =>
        new(answer.Code ?? "no_answer", answer.RetryAfter);

    private static bool Same(JsonNode? body, string? text) =>
        body is JsonValue value && value.TryGetValue<string>(out var found) && string.Equals(found, text, StringComparison.Ordinal);
}
