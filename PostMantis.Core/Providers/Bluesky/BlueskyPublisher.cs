using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>
/// Puts a record under a key chosen beforehand. Record and key are saved before the first try: putting the same once more
/// changes nothing, and whether it is there can be asked.
/// </summary>
internal sealed class BlueskyPublisher(AtprotoClient client, AtprotoIdentity identity, BlueskyFiles files, BlueskySettings settings, TimeProvider time)
    : IPublisher, IReconciler
{
    private const string Collection = "app.bsky.feed.post";
    private const int MostImages = 4;
    private const int PutCost = 2;

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Idempotent;

    public Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        return PartChain.PublishAsync(work,
            () => PutAsync(work, 0, work.Content.Body, work.Content.Media, null, ct),
            call => PutAsync(work, call.Part.Index, call.Content.Body, call.Content.Media, call, ct), ct);
    }

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (Saved(work.Handles, 0) is not { } saved) return new ReconcileOutcome.Absent();
        var answer = await GetAsync(work.Tokens, work.Target, saved.Key, ct);
        return answer switch
        {
            { IsSuccess: true } when answer.Body.Id("uri") is { } uri => new ReconcileOutcome.Found(uri, UrlOf(uri)),
            { Code: "RecordNotFound" } => new ReconcileOutcome.NotListed(),
            _ => new ReconcileOutcome.Inconclusive(answer.Code ?? "no_answer", answer.Wait),
        };
    }

    private async Task<PublishOutcome> PutAsync(PublishWork work, int index, string? text, IReadOnlyList<MediaItem> media, PartCall? call, CancellationToken ct)
    {
        if (Saved(work.Handles, index) is not { } saved)
        {
            var now = time.GetUtcNow();
            var (key, at) = call is null
                ? (BlueskyText.Tid(now, RandomNumberGenerator.GetInt32(1024)), now)
                : BlueskyText.Following(call.Root.ProviderPostId!.Split('/')[^1], index);
            var (made, hindered) = await RecordAsync(work, index, text ?? "", at, media, call, ct);
            if (hindered is not null) return hindered;
            saved = (key, made!);
            await work.SaveHandleAsync(HandleOf(index), $"{saved.Key}\n{made!.ToJsonString()}", ct);
        }
        work.CallStarts();
        var answer = await client.CallAsync(work.Tokens, HttpMethod.Post, "com.atproto.repo.putRecord", () => ProviderClient.Json(new JsonObject
        {
            ["repo"] = work.Target.ProviderProfileId, ["collection"] = Collection, ["rkey"] = saved.Key, ["swapRecord"] = null,
            ["validate"] = true, ["record"] = saved.Record.DeepClone(),
        }), ct);
        if (answer.RateLimit is { Remaining: < PutCost } used) work.Learn(new LearnedBudget(0, used.ResetsAt));
        if (answer.IsSuccess && answer.Body.Id("uri") is { } uri) return new PublishOutcome.Published(uri, UrlOf(uri), []);
        if (answer.Code != "InvalidSwap") return AtprotoClient.Errors.OfPublicCall(work, answer);

        // Something is there already: ours, or somebody else's under our key, which chance forbids.
        var there = await GetAsync(work.Tokens, work.Target, saved.Key, ct);
        return there.Body.Id("uri") is { } taken && there.Body.Text("value", "createdAt") == saved.Record.Text("createdAt")
            && there.Body.Text("value", "text") == saved.Record.Text("text")
                ? new PublishOutcome.Published(taken, UrlOf(taken), [])
                : new PublishOutcome.Unconfirmed("key_taken", answer.Error);
    }

    private async Task<(JsonObject? Record, PublishOutcome? Hindered)> RecordAsync(
        PublishWork work, int index, string text, DateTimeOffset at, IReadOnlyList<MediaItem> media, PartCall? call, CancellationToken ct)
    {
        List<JsonObject> blobs = [];
        for (var i = 0; i < media.Count; i++)
        {
            var (blob, hindered) = await files.BlobAsync(work, string.Create(CultureInfo.InvariantCulture, $"blob{index}.{i}"), media[i], ct);
            if (hindered is not null) return (null, hindered);
            blobs.Add(blob!);
        }
        Dictionary<string, string> dids = new(StringComparer.OrdinalIgnoreCase);
        foreach (var handle in BlueskyText.Handles(text))
        {
            var (did, answer) = await identity.ResolveAsync(new Uri(work.Tokens.Secrets[AtprotoClient.Server]), handle, ct);
            if (did is not null) dids[handle] = did;
            else if (answer.SaysNothing) return (null, new PublishOutcome.Retry(AtprotoClient.Errors.Unavailable(answer), answer.Wait));
        }
        var record = new JsonObject
        {
            ["$type"] = Collection,
            ["text"] = text,
            ["createdAt"] = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        };
        if (work.Content.Options["languages"] is JsonArray { Count: > 0 } languages) record["langs"] = languages.DeepClone();
        if (BlueskyText.Facets(text, dids) is { Count: > 0 } facets) record["facets"] = facets;
        if (EmbedOf(work, media, blobs, call is null ? work.Content.Link : null) is { } embed) record["embed"] = embed;
        if (call is null) return (record, null);
        var (root, parent) = (await ReferenceAsync(work, call.Root, ct), await ReferenceAsync(work, call.Parent, ct));
        if (root is null || parent is null) return (null, new PublishOutcome.Retry(AtprotoClient.Errors.Unavailable()));
        record["reply"] = new JsonObject { ["root"] = root, ["parent"] = parent };
        return (record, null);
    }

    private static JsonObject? EmbedOf(PublishWork work, IReadOnlyList<MediaItem> media, List<JsonObject> blobs, LinkCard? link)
    {
        var shown = media.Select((item, at) => (File: work.Files.GetValueOrDefault(item.ArtifactId), Alt: item.Alt ?? "", Blob: blobs[at])).ToList();
        if (shown.Count == 0)
        {
            return link is null ? null : new JsonObject
            {
                ["$type"] = "app.bsky.embed.external",
                ["external"] = new JsonObject
                {
                    ["uri"] = link.Url,
                    ["title"] = work.Content.Options.Text("linkTitle") ?? new Uri(link.Url).Authority,
                    ["description"] = work.Content.Options.Text("linkDescription") ?? "",
                },
            };
        }
        if (shown[0].File?.Kind == MediaKind.Video)
            return Sized(new JsonObject { ["$type"] = "app.bsky.embed.video", ["video"] = shown[0].Blob, ["alt"] = shown[0].Alt }, shown[0].File);
        var isGallery = shown.Count > MostImages;
        var images = new JsonArray();
        foreach (var (file, alt, blob) in shown)
        {
            var image = new JsonObject { ["image"] = blob, ["alt"] = alt };
            if (isGallery) image["$type"] = "app.bsky.embed.gallery#image";
            images.Add(Sized(image, file));
        }
        return new JsonObject
        {
            ["$type"] = isGallery ? "app.bsky.embed.gallery" : "app.bsky.embed.images", [isGallery ? "items" : "images"] = images,
        };
    }

    private static JsonObject Sized(JsonObject item, PublishFile? file)
    {
        if (file is { Width: > 0 and var width, Height: > 0 and var height })
            item["aspectRatio"] = new JsonObject { ["width"] = width, ["height"] = height };
        return item;
    }

    // An answer names what it answers by address and by content.
    private async Task<JsonObject?> ReferenceAsync(PublishWork work, DeliveryPart part, CancellationToken ct)
    {
        var answer = await GetAsync(work.Tokens, work.Target, part.ProviderPostId!.Split('/')[^1], ct);
        return answer.Body.Id("uri") is { } uri && answer.Body.Id("cid") is { } cid ? new JsonObject { ["uri"] = uri, ["cid"] = cid } : null;
    }

    private Task<ProviderAnswer> GetAsync(GrantTokens tokens, PublishTarget target, string key, CancellationToken ct) =>
        client.GetAsync(AtprotoClient.Xrpc(new Uri(tokens.Secrets[AtprotoClient.Server]), "com.atproto.repo.getRecord"
            + $"?repo={Uri.EscapeDataString(target.ProviderProfileId)}&collection={Collection}&rkey={Uri.EscapeDataString(key)}"), null, ct);

    // By DID: it survives another handle.
    private string? UrlOf(string uri) => uri.Split('/') is [_, _, var did, _, var key]
        ? ProviderText.Url(new Uri(settings.WebUrl, $"/profile/{did}/post/{key}").AbsoluteUri) : null;

    private static string HandleOf(int index) => "record" + index.ToString(CultureInfo.InvariantCulture);

    private static (string Key, JsonObject Record)? Saved(IReadOnlyDictionary<string, string> handles, int index) =>
        handles.GetValueOrDefault(HandleOf(index))?.Split('\n', 2) is [var key, var record] ? (key, JsonNode.Parse(record)!.AsObject()) : null;
}
