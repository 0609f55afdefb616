using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Brings the files, then makes the post, then the first comment below it.</summary>
internal sealed class LinkedInPublisher(LinkedInClient client, LinkedInUploads uploads) : IPublisher
{
    /// <summary>Saved before the first comment is sent: it has no key, so it is sent once.</summary>
    private const string CommentHandle = "commentSent";

    // Posts of a page can be listed; those of a member never.
    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) =>
        IsPage(target) ? SettlementMode.ReadBack : SettlementMode.None;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        var parts = work.Parts.ToList();
        var known = parts.Find(p => p is { Kind: PartKind.Root, Status: PartStatus.Published });
        if (known is not { ProviderPostId: { } id })
        {
            var outcome = await PublishRootAsync(work, ct);
            if (outcome is not PublishOutcome.Published published) return outcome;
            id = published.ProviderPostId;
            DeliveryPart.Put(parts, new DeliveryPart(0, PartKind.Root, PartStatus.Published, id, Permalink(id)));
        }
        if (work.Content.FirstComment is { } comment
            && parts.Find(p => p.Kind == PartKind.FirstComment) is { Status: not PartStatus.Published } part)
            DeliveryPart.Put(parts, await CommentAsync(work, id, comment, part, isLater: known is not null, ct));
        return new PublishOutcome.Published(id, Permalink(id), parts);
    }

    /// <summary>Where people find a post; both kinds of URN lead there.</summary>
    public static string Permalink(string urn) => $"https://www.linkedin.com/feed/update/{urn}/";

    private static bool IsPage(PublishTarget target) =>
        target.ProviderProfileId.StartsWith(LinkedInConsent.OrganizationPrefix, StringComparison.Ordinal);

    private async Task<PublishOutcome> PublishRootAsync(PublishWork work, CancellationToken ct)
    {
        if (work.FilesOf(work.Content.Media) is not { } files) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        List<string> assets = [];
        foreach (var (i, file) in files.Index())
        {
            var (urn, stop) = await uploads.BringAsync(work, i, file, ct);
            if (urn is null) return stop!;
            assets.Add(urn);
        }
        var visibility = work.Content.Options.Text("visibility") ?? "public";
        var post = new JsonObject
        {
            ["author"] = work.Target.ProviderProfileId,
            ["commentary"] = LittleText.Escape(work.Content.Body ?? ""),
            ["visibility"] = visibility == "loggedIn" ? "LOGGED_IN" : visibility.ToUpperInvariant(),
            ["distribution"] = new JsonObject
            {
                ["feedDistribution"] = "MAIN_FEED",
                ["targetEntities"] = new JsonArray(),
                ["thirdPartyDistributionChannels"] = new JsonArray(),
            },
            ["lifecycleState"] = "PUBLISHED",
            ["isReshareDisabledByAuthor"] = work.Content.Options.Flag("disableReshare") ?? false,
        };
        post.Say("content", ContentOf(work.Content, files, assets));
        if (await LinkedInErrors.All.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.PostAsync("/rest/posts", post, work.Tokens.AccessToken, ct);

        // The answer to a new post has no body: the id is in a header, and without it nobody knows which post it was.
        return !answer.IsSuccess ? LinkedInErrors.All.OfPublicCall(work, answer)
            : PostUrn(answer.Header("x-restli-id")) is { } made ? new PublishOutcome.Published(made, Permalink(made), [])
            : new PublishOutcome.Unconfirmed("no_id", answer.Error);
    }

    /// <summary>A URN as posts have it; null when it is something else.</summary>
    public static string? PostUrn(string? text) => text?.StartsWith("urn:li:share:", StringComparison.Ordinal) is true
        || text?.StartsWith("urn:li:ugcPost:", StringComparison.Ordinal) is true ? ProviderText.Id(text) : null;

    private static JsonObject? ContentOf(DeliveryContent content, IReadOnlyList<PublishFile> files, List<string> assets)
    {
        var options = content.Options;
        var images = assets.Select((urn, i) => new JsonObject { ["id"] = urn }.Say("altText", content.Media[i].Alt));
        if (assets.Count > 1) return new JsonObject { ["multiImage"] = new JsonObject { ["images"] = new JsonArray([.. images]) } };
        if (assets is [var only])
        {
            if (files[0].Kind == MediaKind.Image) return new JsonObject { ["media"] = images.First() };

            // A document must have a title.
            var title = options.Text("title") ?? content.Media[0].Alt ?? (files[0].Kind == MediaKind.Document ? files[0].FileName : null);
            return new JsonObject { ["media"] = new JsonObject { ["id"] = only }.Say("title", title) };
        }
        return content.Link is not { Url: var url } ? null : new JsonObject
        {
            ["article"] = new JsonObject { ["source"] = url, ["title"] = options.Text("title") ?? new Uri(url).Host }
                .Say("description", options.Text("description")),
        };
    }

    // Side work: whatever comes of it, the post is published.
    private async Task<DeliveryPart> CommentAsync(
        PublishWork work, string urn, PartContent comment, DeliveryPart part, bool isLater, CancellationToken ct)
    {
        var lost = part with
        {
            Status = PartStatus.Unknown,
            Error = new DeliveryError(DeliveryErrorCode.OutcomeUnknown, "LinkedIn may have taken the comment.",
                NextStep.Resolve, Retryable: false),
        };
        if (part.Status == PartStatus.Unknown || work.Handles.ContainsKey(CommentHandle)) return lost;
        var comments = $"/rest/socialActions/{LinkedInClient.Segment(urn)}/comments";
        if (isLater)
        {
            // The post was found again: what an attempt before this one sent below it may be there already.
            var listed = await client.GetAsync(comments + "?start=0&count=100", work.Tokens.AccessToken, ct);
            if (!listed.IsSuccess || listed.Body.Objects("elements") is not { } there) return lost;
            if (there.FirstOrDefault(one => one.Text("actor") == work.Target.ProviderProfileId
                    && one.Text("message", "text") == comment.Body) is { } ours)
                return Live(ours.Id("id"));
        }
        if (!await work.TrySaveHandleAsync(CommentHandle, "1", ct)) return part;
        var answer = await client.PostAsync(comments, new JsonObject
        {
            ["actor"] = work.Target.ProviderProfileId,
            ["object"] = urn,
            ["message"] = new JsonObject { ["text"] = comment.Body },
        }, work.Tokens.AccessToken, ct);
        if (answer.IsSuccess) return Live(ProviderText.Id(answer.Header("x-restli-id")) ?? answer.Body.Id("id"));
        return answer.Silence == ProviderSilence.Lost || answer.IsServerFault
            ? lost : part with { Status = PartStatus.Failed, Error = LinkedInErrors.All.Of(answer, work.Tokens) };

        DeliveryPart Live(string? id) =>
            part with { Status = PartStatus.Published, Error = null, ProviderPostId = id, Url = Permalink(urn) };
    }
}
