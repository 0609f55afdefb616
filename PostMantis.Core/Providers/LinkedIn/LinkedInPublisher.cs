using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Brings the files, then makes the post, then the first comment below it.</summary>
internal sealed class LinkedInPublisher(LinkedInClient client, LinkedInUploads uploads) : IPublisher
{
    /// <summary>Saved before the first comment is sent: it has no key, so it is sent once.</summary>
    private const string CommentHandle = "commentSent";

    // Posts of a page can be listed; those of a member never.
    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content)
    {
        ArgumentNullException.ThrowIfNull(target);
        return IsPage(target) ? SettlementMode.ReadBack : SettlementMode.None;
    }

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        var parts = work.Parts.ToList();
        var isLater = parts.Exists(p => p is { Kind: PartKind.Root, Status: PartStatus.Published });
        if (parts.Find(p => p is { Kind: PartKind.Root, Status: PartStatus.Published }) is not { ProviderPostId: { } id })
        {
            var outcome = await PublishRootAsync(work, ct);
            if (outcome is not PublishOutcome.Published published) return outcome;
            id = published.ProviderPostId;
            DeliveryPart.Put(parts, new DeliveryPart(0, PartKind.Root, PartStatus.Published, id, Permalink(id)));
        }
        if (work.Content.FirstComment is { } comment
            && parts.Find(p => p.Kind == PartKind.FirstComment) is { Status: not PartStatus.Published } part)
            DeliveryPart.Put(parts, await CommentAsync(work, id, comment, part, isLater, ct));
        return new PublishOutcome.Published(id, Permalink(id), parts);
    }

    /// <summary>Where people find a post; both kinds of URN lead there.</summary>
    public static string Permalink(string urn) => $"https://www.linkedin.com/feed/update/{urn}/";

    private static bool IsPage(PublishTarget target) =>
        target.ProviderProfileId.StartsWith(LinkedInConsent.OrganizationPrefix, StringComparison.Ordinal);

    private async Task<PublishOutcome> PublishRootAsync(PublishWork work, CancellationToken ct)
    {
        var visibility = work.Content.Options.Text("visibility") ?? "public";
        if (IsPage(work.Target) && visibility == "connections")
            return new PublishOutcome.Rejected(LinkedInErrors.Common.Content(null,
                "A page has no connections: choose the visibility public or loggedIn."));
        List<string> assets = [];
        for (var i = 0; i < work.Content.Media.Count; i++)
        {
            if (!work.Files.TryGetValue(work.Content.Media[i].ArtifactId, out var file))
                return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
            var brought = await uploads.BringAsync(work, i, file, ct);
            if (brought.Urn is not { } urn) return brought.Stop!;
            assets.Add(urn);
        }

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
        if (ContentOf(work, assets) is { } content) post["content"] = content;
        if (!(await work.MarkAsync(ct)).IsOpen) return new PublishOutcome.Retry(LinkedInErrors.Common.Unavailable());
        work.CallStarts();
        var answer = await client.PostAsync("/rest/posts", post, work.Tokens.AccessToken, ct);
        // The answer to a new post has no body: the id is in a header, and without it nobody knows which post it was.
        if (answer.IsSuccess)
            return PostUrn(answer.Header("x-restli-id")) is { } urn
                ? new PublishOutcome.Published(urn, Permalink(urn), [])
                : new PublishOutcome.Unconfirmed("no_id", answer.Error);
        return answer.SaysNothing
            ? LinkedInErrors.Common.OfPublicCall(answer, LinkedInErrors.Common.Unavailable(answer))
            : LinkedInErrors.Refusal(answer, LinkedInErrors.Of(answer, work.Tokens), client.Now);
    }

    /// <summary>A URN as posts have it; null when it is something else.</summary>
    public static string? PostUrn(string? text) =>
        text is not null && (text.StartsWith("urn:li:share:", StringComparison.Ordinal)
            || text.StartsWith("urn:li:ugcPost:", StringComparison.Ordinal))
            ? ProviderText.Id(text) : null;

    private static JsonObject? ContentOf(PublishWork work, List<string> assets)
    {
        var (content, options) = (work.Content, work.Content.Options);
        if (assets.Count > 1)
            return new JsonObject
            {
                ["multiImage"] = new JsonObject
                {
                    ["images"] = new JsonArray([.. assets.Select((urn, i) => Image(urn, content.Media[i].Alt))]),
                },
            };
        if (assets.Count == 1)
        {
            var (item, file) = (content.Media[0], work.Files[content.Media[0].ArtifactId]);
            if (file.Kind == MediaKind.Image) return new JsonObject { ["media"] = Image(assets[0], item.Alt) };
            var media = new JsonObject { ["id"] = assets[0] };
            // A document must have a title.
            if ((options.Text("title") ?? item.Alt ?? (file.Kind == MediaKind.Document ? file.FileName : null)) is { } title)
                media["title"] = title;
            return new JsonObject { ["media"] = media };
        }
        if (content.Link is not { } link) return null;
        var article = new JsonObject
        {
            ["source"] = link.Url,
            ["title"] = options.Text("title") ?? new Uri(link.Url).Host,
        };
        if (options.Text("description") is { } description) article["description"] = description;
        return new JsonObject { ["article"] = article };
    }

    private static JsonObject Image(string urn, string? alt)
    {
        var image = new JsonObject { ["id"] = urn };
        if (alt is not null) image["altText"] = alt;
        return image;
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
                return part with { Status = PartStatus.Published, Error = null, ProviderPostId = ours.Id("id"), Url = Permalink(urn) };
        }
        try
        {
            await work.SaveHandleAsync(CommentHandle, "1", ct);
        }
        catch (LeaseLostException)
        {
            // The post is public, and that must still be told.
            return part;
        }
        var answer = await client.PostAsync(comments, new JsonObject
        {
            ["actor"] = work.Target.ProviderProfileId,
            ["object"] = urn,
            ["message"] = new JsonObject { ["text"] = comment.Body },
        }, work.Tokens.AccessToken, ct);
        if (answer.IsSuccess)
            return part with
            {
                Status = PartStatus.Published, Error = null,
                ProviderPostId = ProviderText.Id(answer.Header("x-restli-id")) ?? answer.Body.Id("id"), Url = Permalink(urn),
            };
        return answer.Silence == ProviderSilence.Lost || answer.IsServerFault
            ? lost : part with { Status = PartStatus.Failed, Error = LinkedInErrors.Of(answer, work.Tokens) };
    }
}
