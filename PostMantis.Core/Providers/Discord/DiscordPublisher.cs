using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Discord;

/// <summary>One call with text and files; a lost answer is settled by the channel's messages, where each shows its nonce.</summary>
internal sealed class DiscordPublisher(DiscordClient client, DiscordSettings settings) : IPublisher, IReconciler
{
    public const string GuildFact = "guildId";

    // Ids grow with time: milliseconds since this moment, and 22 bits more.
    private const long FirstMoment = 1_420_070_400_000;
    private const int Page = 100;
    private const int MostPages = 20;
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(10);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.ReadBack;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        using var form = new MultipartFormDataContent();
        var described = new JsonArray();
        if (work.FilesOf(work.Content.Media) is not { } files) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        foreach (var (i, file) in files.Index())
        {
            form.Add(new FileSlice(file), string.Create(CultureInfo.InvariantCulture, $"files[{i}]"), file.FileName);
            described.Add(new JsonObject { ["id"] = i, ["description"] = work.Content.Media[i].Alt });
        }
        var message = new JsonObject
        {
            ["content"] = work.Content.Body ?? "",
            ["nonce"] = NonceOf(work.DeliveryId),
            ["enforce_nonce"] = true,

            // Nobody is called by what a text happens to hold.
            ["allowed_mentions"] = new JsonObject { ["parse"] = new JsonArray() },
        };
        if (described.Count > 0) message["attachments"] = described;
        form.Add(ProviderClient.Json(message), "payload_json");
        if (await DiscordClient.Errors.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.CallAsync(HttpMethod.Post, $"channels/{work.Target.ProviderProfileId}/messages", work.Tokens.AccessToken, ct, form);
        if (answer.RateLimit is { Remaining: 0 } used) work.Learn(new LearnedBudget(0, used.ResetsAt));
        return answer.IsSuccess && answer.Body.Id("id") is { } id
            ? new PublishOutcome.Published(id, UrlOf(work.Target, id), [])
            : DiscordClient.Errors.OfPublicCall(work, answer);
    }

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (work.MarkedAt is not { } marked) return new ReconcileOutcome.Absent();
        var nonce = NonceOf(work.DeliveryId);
        return await Listing.FindAsync(marked, Skew, work.OwnedPostIds, MostPages, async (since, newest) =>
        {
            var after = newest ?? ((since.ToUnixTimeMilliseconds() - FirstMoment) << 22).ToString(CultureInfo.InvariantCulture);
            var answer = await client.CallAsync(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture,
                $"channels/{work.Target.ProviderProfileId}/messages?limit={Page}&after={after}"), work.Tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Json.Objects() is not { } messages) return new ListingPage(answer, null);

            // Nobody else's message has our nonce, whenever it was.
            var ours = messages.Where(message => message.Text("nonce") == nonce).Select(message => message.Id("id")).OfType<string>()
                .Select(id => new ListedPost(id, UrlOf(work.Target, id), DateTimeOffset.MaxValue));
            return new ListingPage(answer, ours, messages.Count < Page ? null : messages[0].Id("id"));
        });
    }

    // At most 25 characters, and the same whenever this delivery is sent.
    private static string NonceOf(Guid deliveryId) => System.Buffers.Text.Base64Url.EncodeToString(deliveryId.ToByteArray());

    private string? UrlOf(PublishTarget target, string id) => target.Facts.GetValueOrDefault(GuildFact) is { } guild
        ? ProviderText.Url(new Uri(settings.WebUrl, $"/channels/{guild}/{target.ProviderProfileId}/{id}").AbsoluteUri) : null;
}
