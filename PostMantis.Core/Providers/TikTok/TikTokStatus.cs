using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>Where a post on its way stands.</summary>
internal abstract record TikTokState
{
    /// <summary>It can be seen; <paramref name="PostId"/> is known after moderation of what everybody may see.</summary>
    public sealed record Live(string? PostId) : TikTokState;

    /// <summary>Bytes are still wanted.</summary>
    public sealed record Wanted(long Uploaded) : TikTokState;

    /// <summary>TikTok works on it.</summary>
    public sealed record Working : TikTokState;

    public sealed record Failed(string? Reason) : TikTokState;

    /// <summary>No state: a no, or nothing.</summary>
    public sealed record Said(ProviderAnswer Answer) : TikTokState;
}

/// <summary>Asks TikTok what became of a post, by its handle or, where the handle was lost, in the list of posts.</summary>
internal sealed class TikTokStatus(TikTokClient client) : IReconciler
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(15);

    // The list tells whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(6);
    private const int MostPages = 10;

    // Titles are cut where they are read.
    private const int ShownTitle = 150;

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(TikTokPublisher.PublishHandle, out var publishId))
            return work.Handles.MomentOf(TikTokPublisher.AskedHandle) is { } asked
                ? await FindAsync(work.Target, work.Content, work.Tokens, asked, work.OwnedPostIds, ct) : new ReconcileOutcome.Absent();
        return await AskAsync(publishId, work.Tokens.AccessToken, ct) switch
        {
            TikTokState.Live live => new ReconcileOutcome.Found(live.PostId ?? publishId,
                Permalink(work.Target, live.PostId, work.Handles.ContainsKey(TikTokPublisher.AskedHandle))),
            TikTokState.Failed => new ReconcileOutcome.Absent(),
            TikTokState.Wanted wanted when !TikTokPublisher.IsWhole(work.Handles, wanted.Uploaded) => new ReconcileOutcome.NotListed(),
            TikTokState.Said said => new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Answer.Wait),
            _ => new ReconcileOutcome.Inconclusive("processing", Again),
        };
    }

    /// <summary>Asks by the handle.</summary>
    public async Task<TikTokState> AskAsync(string publishId, string token, CancellationToken ct)
    {
        var answer = await client.PostAsync("/v2/post/publish/status/fetch/",
            new JsonObject { ["publish_id"] = publishId }, token, ct);
        if (!TikTokClient.IsOk(answer)) return new TikTokState.Said(answer);
        var data = answer.Body.Get("data");
        return data.Text("status") switch
        {
            "PUBLISH_COMPLETE" or "SEND_TO_USER_INBOX" => new TikTokState.Live(PostId(data)),
            "FAILED" => new TikTokState.Failed(data.Words("fail_reason")),
            "PROCESSING_UPLOAD" => new TikTokState.Wanted(data.Number("uploaded_bytes") ?? 0),
            _ => new TikTokState.Working(),
        };
    }

    /// <summary>Looks for a post among those everybody may see, newest first.</summary>
    public async Task<ReconcileOutcome> FindAsync(PublishTarget target, DeliveryContent content, GrantTokens tokens,
        DateTimeOffset called, IReadOnlySet<string> owned, CancellationToken ct)
    {
        if (TikTokOptions.Level(content) != "PUBLIC_TO_EVERYONE") return new ReconcileOutcome.CannotTell();
        return await Listing.FindAsync(called, Skew, owned, MostPages, async (_, next) =>
        {
            var body = new JsonObject { ["max_count"] = 20 };
            if (next is not null) body["cursor"] = long.Parse(next, CultureInfo.InvariantCulture);
            var answer = await client.PostAsync("/v2/video/list/?fields=id,create_time,title,video_description,share_url",
                body, tokens.AccessToken, ct);
            if (!TikTokClient.IsOk(answer) || answer.Body.Objects("data", "videos") is not { } posts) return new ListingPage(answer, null);
            return new ListingPage(answer, posts.Where(post => Says(post, content)).Select(post =>
                ListedPost.Of(post.NumberId("id"), ProviderText.Url(post.Text("share_url")), Made(post))),
                answer.Body.Flag("data", "has_more") == true ? answer.Body.Get("data").NumberId("cursor") : null)
            {
                ReadTo = posts is [.., var last] ? Made(last) : null,
            };
        });
    }

    /// <summary>Where people find a post; its creator's page while its id is not known.</summary>
    public static string? Permalink(PublishTarget target, string? postId, bool isPhoto) =>
        target.Facts.GetValueOrDefault(TikTokConsent.UsernameFact) is not { } username ? null
            : ProviderText.Url($"https://www.tiktok.com/@{Uri.EscapeDataString(username)}"
                + (postId is null ? "" : $"/{(isPhoto ? "photo" : "video")}/{postId}"));

    private static bool Says(JsonObject post, DeliveryContent content)
    {
        var title = content.Options.Text("photoTitle");
        return (post.Text("video_description") ?? "") == (content.Body ?? "")
            && (title is null || (post.Text("title") ?? "") == (title.Length > ShownTitle ? title[..ShownTitle] : title));
    }

    private static DateTimeOffset? Made(JsonObject post) =>
        post.Number("create_time") is > 0 and < 253_402_300_800 and var seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    // 64-bit numbers, which no floating number holds.
    private static string? PostId(JsonNode? data) =>
        data.Get("publicaly_available_post_id") is JsonArray { Count: > 0 } ids ? ids[0].NumberId() : null;
}
