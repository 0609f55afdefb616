using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>
/// Sends files, waits until they are ready, then says the status under a key. The key is made of the delivery and of what is
/// said, because a server answers a known key with the old status whatever is sent along.
/// </summary>
internal sealed class MastodonPublisher(MastodonClient client, MastodonStatuses statuses, MastodonSettings settings, TimeProvider time)
    : IPublisher
{
    private const string Waiting = "waiting:";
    private const string Ready = "ready:";
    private static readonly TimeSpan FileCheck = TimeSpan.FromSeconds(2);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.Idempotent;

    public Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        return PartChain.PublishAsync(work,
            () => SayAsync(work, 0, work.Content.Body, work.Content.Media, null, ct),
            call => SayAsync(work, call.Part.Index, call.Content.Body, call.Content.Media, call.Parent.ProviderPostId, ct), ct);
    }

    private async Task<PublishOutcome> SayAsync(PublishWork work, int index, string? text, IReadOnlyList<MediaItem> media,
        string? parent, CancellationToken ct)
    {
        // Files first: nothing of them is public.
        List<string> files = [];
        for (var i = 0; i < media.Count; i++)
        {
            var (id, hindered) = await SendFileAsync(work, $"media{index}.{i}", media[i], ct);
            if (hindered is not null) return hindered;
            files.Add(id!);
        }
        if (await PendingAsync(work, index, media.Count, ct) is { } pending) return pending;

        var status = Status(work.Content.Options, text, files, parent);
        var calledAt = MastodonStatuses.CalledAt(work.Handles, index);
        if (calledAt is { } before)
        {
            var since = time.GetUtcNow() - before;
            if (since < settings.RepeatAfter) return new PublishOutcome.Processing(settings.RepeatAfter - since);
            if (since > settings.KeyLife) return await FindAsync(work, index, text, parent, before, ct);
        }
        else
        {
            await work.SaveMomentAsync(MastodonStatuses.CallHandle(index), time.GetUtcNow(), ct);
        }
        work.CallStarts();
        var answer = await client.PostJsonAsync(MastodonClient.At(work.Tokens.Secrets[MastodonClient.Server], "/api/v1/statuses"),
            status, work.Tokens.AccessToken, ct, new Dictionary<string, string> { ["Idempotency-Key"] = KeyOf(work, index, status) });
        if (answer.RateLimit is { Remaining: 0 } used) work.Learn(new LearnedBudget(0, used.ResetsAt));
        if (answer.IsSuccess && MastodonStatuses.Read(answer.Body) is { } live) return live.AsPublished();

        // In any language: a file that is gone was attached by an earlier call, or was dropped by the server.
        if (answer.Status == HttpStatusCode.UnprocessableEntity && files.Count > 0)
            return await AfterRefusalAsync(work, index, text, parent, files, answer, calledAt, ct);
        return MastodonClient.Errors.OfPublicCall(work, answer);
    }

    private async Task<(string? Id, PublishOutcome? Hindered)> SendFileAsync(
        PublishWork work, string handle, MediaItem item, CancellationToken ct)
    {
        if (work.Handles.TryGetValue(handle, out var known)) return (known[(known.IndexOf(':', StringComparison.Ordinal) + 1)..], null);
        if (!work.Files.TryGetValue(item.ArtifactId, out var file))
            return (null, new PublishOutcome.Rejected(ProviderErrors.MissingFile()));
        using var form = new MultipartFormDataContent { { new FileSlice(file), "file", file.FileName } };
        if (item.Alt is { Length: > 0 } alt) form.Add(new StringContent(alt), "description");
        var answer = await client.UploadAsync(HttpMethod.Post,
            MastodonClient.At(work.Tokens.Secrets[MastodonClient.Server], "/api/v2/media"), form, work.Tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body.Id("id") is not { } id)
            return (null, MastodonClient.Errors.BeforePublic(work, answer, isFile: true));
        await work.SaveHandleAsync(handle, (answer.Status == HttpStatusCode.Accepted ? Waiting : Ready) + id, ct);
        return (id, null);
    }

    private async Task<PublishOutcome?> PendingAsync(PublishWork work, int index, int count, CancellationToken ct)
    {
        for (var i = 0; i < count; i++)
        {
            var handle = $"media{index}.{i}";
            var known = work.Handles[handle];
            if (!known.StartsWith(Waiting, StringComparison.Ordinal)) continue;
            var id = known[Waiting.Length..];
            var answer = await client.GetAsync(work.Tokens, $"/api/v1/media/{Uri.EscapeDataString(id)}", ct);
            if (answer.Status == HttpStatusCode.PartialContent) return new PublishOutcome.Processing(FileCheck);
            if (answer.Status == HttpStatusCode.NotFound) continue;
            if (answer.Status != HttpStatusCode.OK)
                return MastodonClient.Errors.BeforePublic(work, answer, isFile: true);
            await work.SaveHandleAsync(handle, Ready + id, ct);
        }
        return null;
    }

    private async Task<PublishOutcome> AfterRefusalAsync(PublishWork work, int index, string? text, string? parent,
        List<string> files, ProviderAnswer refusal, DateTimeOffset? calledAt, CancellationToken ct)
    {
        foreach (var id in files)
        {
            var answer = await client.GetAsync(work.Tokens, $"/api/v1/media/{Uri.EscapeDataString(id)}", ct);
            if (answer.Status == HttpStatusCode.PartialContent) return new PublishOutcome.Processing(FileCheck);
            if (answer.Status != HttpStatusCode.NotFound) continue;
            return calledAt is { } before
                ? await FindAsync(work, index, text, parent, before, ct)
                : new PublishOutcome.Retry(MastodonClient.Errors.Media(refusal) with { Retryable = true, NextStep = NextStep.Retry });
        }
        return new PublishOutcome.Rejected(MastodonClient.Errors.Of(refusal));
    }

    private async Task<PublishOutcome> FindAsync(
        PublishWork work, int index, string? text, string? parent, DateTimeOffset since, CancellationToken ct) =>
        await statuses.FindAsync(work.Target, work.Tokens, work.Content.Options, text, parent, since, new HashSet<string>(), ct)
            is ReconcileOutcome.Found found
            ? found.AsPublished()
            : new PublishOutcome.Unconfirmed(index == 0 ? "key_expired" : "part_key_expired");

    private static JsonObject Status(JsonObject options, string? text, List<string> files, string? parent)
    {
        var status = new JsonObject { ["status"] = text ?? "" };
        if (files.Count > 0) status["media_ids"] = new JsonArray([.. files.Select(id => JsonValue.Create(id))]);
        foreach (var (ours, theirs) in (ReadOnlySpan<(string, string)>)
                 [("visibility", "visibility"), ("sensitive", "sensitive"), ("spoilerText", "spoiler_text"), ("language", "language")])
            if (options[ours] is { } value) status[theirs] = value.DeepClone();
        if (parent is not null) status["in_reply_to_id"] = parent;
        return status;
    }

    private static string KeyOf(PublishWork work, int index, JsonObject status) => string.Create(CultureInfo.InvariantCulture,
        $"{work.DeliveryId}:{index}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(status.ToJsonString())))[..16]}");
}
