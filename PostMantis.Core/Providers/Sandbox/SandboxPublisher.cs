using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Publishes a root by the page's settlement mode, then thread parts and the first comment by key.</summary>
internal sealed class SandboxPublisher(SandboxClient client) : IPublisher
{
    /// <summary>The fact of a destination that names its settlement mode.</summary>
    public const string ModeFact = "mode";

    /// <summary>The handle of a container.</summary>
    public const string ContainerHandle = "containerId";

    private static readonly TimeSpan ProcessingCheck = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PullWithin = TimeSpan.FromHours(1);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content)
    {
        return target.Facts.GetValueOrDefault(ModeFact) switch
        {
            "idempotent" => SettlementMode.Idempotent,
            "probe" => SettlementMode.Probe,
            "readBack" => SettlementMode.ReadBack,
            _ => SettlementMode.None,
        };
    }

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        return await PartChain.PublishAsync(work, () => ModeOf(work.Target, work.Content) switch
        {
            SettlementMode.Idempotent => PublishOnceAsync(work, KeyOf(work, 0), marked: false, ct),
            SettlementMode.Probe => PublishContainerAsync(work, ct),
            _ => PublishOnceAsync(work, key: null, marked: true, ct),
        }, call => ReplyAsync(work, call, ct), ct);
    }

    private async Task<PublishOutcome> PublishOnceAsync(PublishWork work, string? key, bool marked, CancellationToken ct)
    {
        // Files first: the mark leaves no time for them, and what was uploaded is public only with the post.
        var (media, instead) = await UploadAsync(work, work.Content.Media, ct);
        if (instead is not null) return instead;
        if (!marked) work.CallStarts();
        else if (await SandboxErrors.All.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.PostAsync($"{SandboxClient.PageOf(work.Target)}/posts",
            work.Tokens.AccessToken, new JsonObject { ["body"] = work.Content.Body, ["media"] = media }, Headers(work, key), ct);
        return Read(work, answer);
    }

    /// <summary>Uploads the files of one part, each once in an attempt.</summary>
    private async Task<(JsonArray Media, PublishOutcome? Instead)> UploadAsync(
        PublishWork work, IReadOnlyList<MediaItem> items, CancellationToken ct)
    {
        JsonArray media = [];
        foreach (var item in items)
        {
            var handle = $"media:{item.ArtifactId}";
            if (!work.Handles.TryGetValue(handle, out var id))
            {
                var answer = await client.UploadAsync($"{SandboxClient.PageOf(work.Target)}/media", work.Tokens.AccessToken,
                    work.Files[item.ArtifactId], ct);
                id = answer.IsSuccess ? ProviderText.Id(answer.Body.Text("id")) : null;

                // An upload alone is not public: without its id nothing of it can be.
                if (id is null) return (media, SandboxErrors.All.BeforePublic(work, answer));
                await work.SaveHandleAsync(handle, id, ct);
            }
            media.Add(new JsonObject { ["id"] = id, ["alt"] = item.Alt });
        }
        return (media, null);
    }

    private async Task<PublishOutcome> PublishContainerAsync(PublishWork work, CancellationToken ct)
    {
        var containers = $"{SandboxClient.PageOf(work.Target)}/containers";
        if (!work.Handles.TryGetValue(ContainerHandle, out var container))
        {
            var made = await client.PostAsync(containers, work.Tokens.AccessToken,
                new JsonObject
                {
                    ["body"] = work.Content.Body,

                    // Containers fetch their files.
                    ["media"] = new JsonArray([.. work.Content.Media.Select(item => (JsonNode)new JsonObject
                    {
                        ["url"] = work.Files[item.ArtifactId].PullUrl(PullWithin).AbsoluteUri,
                        ["alt"] = item.Alt,
                    })]),
                }, Headers(work, null), ct);
            container = made.IsSuccess ? ProviderText.Id(made.Body.Text("id")) : null;
            if (container is null)
            {
                // A container is not public: without its id nothing of it can be.
                return Read(work, made) is PublishOutcome.Unconfirmed or PublishOutcome.Published
                    ? new PublishOutcome.Retry(SandboxErrors.All.Unavailable(made))
                    : Read(work, made);
            }
            await work.SaveHandleAsync(ContainerHandle, container, ct);
            if (made.Body.Text("status") == "ready") return await MakePublicAsync(work, containers, container, ct);
        }

        var status = await client.GetAsync($"{containers}/{Uri.EscapeDataString(container)}", work.Tokens.AccessToken, ct);
        if (status.Silence is not null || status.IsServerFault) return new PublishOutcome.Processing(ProcessingCheck);
        if (!status.IsSuccess) return Read(work, status);
        switch (status.Body.Text("status"))
        {
            case "processing":
                return new PublishOutcome.Processing(ProcessingCheck);
            case "published" when ReadPost(status.Body?["post"]) is { } already:
                return already;
            default:
                return await MakePublicAsync(work, containers, container, ct);
        }
    }

    private async Task<PublishOutcome> MakePublicAsync(
        PublishWork work, string containers, string container, CancellationToken ct)
    {
        work.CallStarts();
        return Read(work, await client.PostAsync($"{containers}/{Uri.EscapeDataString(container)}/publish",
            work.Tokens.AccessToken, [], Headers(work, null), ct));
    }

    // A reply carries a key, so that trying again cannot double it.
    private async Task<PublishOutcome> ReplyAsync(PublishWork work, PartCall call, CancellationToken ct)
    {
        var isComment = call.Part.Kind == PartKind.FirstComment;
        var (media, instead) = isComment ? ([], null) : await UploadAsync(work, call.Content.Media, ct);
        return instead ?? Read(work, await client.PostAsync($"{SandboxClient.PageOf(work.Target)}/posts",
            work.Tokens.AccessToken, new JsonObject
            {
                ["body"] = call.Content.Body,
                ["parentId"] = call.Parent.ProviderPostId,
                ["on"] = isComment ? "comment" : "thread",
                ["media"] = media,
            }, Headers(work, KeyOf(work, call.Part.Index)), ct));
    }

    private static PublishOutcome Read(PublishWork work, ProviderAnswer answer)
    {
        if (answer.RateLimit is { } limit) work.Learn(new LearnedBudget(limit.Remaining, limit.ResetsAt));
        return answer.IsSuccess && ReadPost(answer.Body) is { } post ? post : SandboxErrors.All.OfPublicCall(work, answer);
    }

    private static PublishOutcome.Published? ReadPost(JsonNode? post) =>
        post is JsonObject found && ProviderText.Id(found.Text("id")) is { } id
            ? new PublishOutcome.Published(id, ProviderText.Url(found.Text("url")), [])
            : null;

    private static string KeyOf(PublishWork work, int part) => $"{work.DeliveryId}:{part}";

    private static Dictionary<string, string> Headers(PublishWork work, string? key)
    {
        Dictionary<string, string> headers = [];
        if (key is not null) headers["Idempotency-Key"] = key;
        if (work.Content.Options["faults"] is JsonArray { Count: > 0 } faults)
        {
            headers["Sandbox-Fault-Key"] = work.DeliveryId.ToString();
            headers["Sandbox-Faults"] = string.Join(", ", faults.OfType<JsonObject>()
                .Select(f => $"{f.Text("on")}={f.Text("fault")}"));
        }
        return headers;
    }
}
