using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.X;

/// <summary>Files first, then the post; a lost answer is settled by the timeline.</summary>
internal sealed class XPublisher(XClient client, XFiles files, XTimeline timeline) : IPublisher
{
    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.ReadBack;

    public Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        return PartChain.PublishAsync(work,
            () => SayAsync(work, 0, work.Content.Body, work.Content.Media, null, ct), call => ReplyAsync(work, call, ct), ct);
    }

    // What came after the root and says the same is this part: an earlier try whose answer was lost.
    private async Task<PublishOutcome> ReplyAsync(PublishWork work, PartCall call, CancellationToken ct)
    {
        async Task<PublishOutcome?> FindAsync() =>
            await timeline.FindAfterAsync(work.Target, work.Tokens, call.Content.Body, call.Root.ProviderPostId!, ct)
                is ReconcileOutcome.Found found ? found.AsPublished() : null;
        if (call.Part.Status != PartStatus.Pending && await FindAsync() is { } earlier) return earlier;
        var outcome = await SayAsync(work, call.Part.Index, call.Content.Body, call.Content.Media, call.Parent.ProviderPostId, ct);
        return outcome is PublishOutcome.Rejected { Error.Code: DeliveryErrorCode.DuplicateContent } && await FindAsync() is { } known ? known : outcome;
    }

    private async Task<PublishOutcome> SayAsync(PublishWork work, int index, string? text, IReadOnlyList<MediaItem> media, string? parent, CancellationToken ct)
    {
        var ids = new JsonArray();
        for (var i = 0; i < media.Count; i++)
        {
            var (id, hindered) = await files.SendAsync(work, string.Create(CultureInfo.InvariantCulture, $"media{index}.{i}"), media[i], ct);
            if (hindered is not null) return hindered;
            ids.Add(id);
        }
        var post = new JsonObject();
        if (!string.IsNullOrEmpty(text)) post["text"] = text;
        if (ids.Count > 0) post["media"] = new JsonObject { ["media_ids"] = ids };
        if (parent is not null) post["reply"] = new JsonObject { ["in_reply_to_tweet_id"] = parent };
        foreach (var (ours, theirs) in (ReadOnlySpan<(string, string)>)
                 [("replySettings", "reply_settings"), ("madeWithAi", "made_with_ai"), ("paidPartnership", "paid_partnership")])
            if (parent is null && work.Content.Options[ours] is { } value) post[theirs] = value.DeepClone();

        if (parent is not null) work.CallStarts();
        else if (await XClient.Errors.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.PostJsonAsync(client.At("/2/tweets"), post, work.Tokens.AccessToken, ct);
        if (XClient.UsedUpUntil(answer) is { } until) work.Learn(new LearnedBudget(0, until));

        // An id is a yes, whatever errors stand beside it.
        return answer.IsSuccess && answer.Body.Id("data", "id") is { } made
            ? new PublishOutcome.Published(made, timeline.UrlOf(work.Target, made), [])
            : XClient.Errors.OfPublicCall(work, answer);
    }
}
