using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>
/// Makes blobs of files: images at the account's server, films at the video service, which works on them. Each step is saved,
/// so that nothing is sent twice.
/// </summary>
internal sealed class BlueskyFiles(AtprotoClient client, BlueskySettings settings, TimeProvider time)
{
    private const string JobPrefix = "job:";
    private const string PartsPrefix = "parts:";
    private static readonly TimeSpan JobCheck = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TokenLife = TimeSpan.FromMinutes(30);

    /// <summary>The blob of one file, or what stands in the way.</summary>
    public async Task<(JsonObject? Blob, PublishOutcome? Hindered)> BlobAsync(PublishWork work, string handle, MediaItem item, CancellationToken ct)
    {
        var known = work.Handles.GetValueOrDefault(handle);
        if (known is not null && known[0] == '{') return (JsonNode.Parse(known)!.AsObject(), null);
        if (!work.Files.TryGetValue(item.ArtifactId, out var file)) return (null, new PublishOutcome.Rejected(ProviderErrors.MissingFile()));
        if (file.Kind == MediaKind.Video) return await FilmAsync(work, handle, known, file, ct);
        var answer = await client.CallAsync(work.Tokens, HttpMethod.Post, "com.atproto.repo.uploadBlob", () => new FileSlice(file), ct, settings.UploadTimeout);
        return answer.IsSuccess && answer.Body.Get("blob") is JsonObject blob ? await KeepAsync(work, handle, blob, ct) : No(work, answer);
    }

    private async Task<(JsonObject? Blob, PublishOutcome? Hindered)> FilmAsync(
        PublishWork work, string handle, string? known, PublishFile file, CancellationToken ct)
    {
        if (known?.StartsWith(JobPrefix, StringComparison.Ordinal) == true)
            return await ReadJobAsync(work, handle, await client.GetAsync(AtprotoClient.Xrpc(settings.VideoUrl,
                $"app.bsky.video.getJobStatus?jobId={Uri.EscapeDataString(known[JobPrefix.Length..])}"), null, ct), ct);

        // The video service puts the blob into the account's server: the token it gets is for that alone.
        var server = new Uri(work.Tokens.Secrets[AtprotoClient.Server]);
        var audience = "did:web:" + (server.IsDefaultPort ? server.Host : $"{server.Host}%3A{server.Port}");
        var until = time.GetUtcNow().Add(TokenLife).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var auth = await client.CallAsync(work.Tokens, HttpMethod.Get,
            $"com.atproto.server.getServiceAuth?aud={Uri.EscapeDataString(audience)}&lxm=com.atproto.repo.uploadBlob&exp={until}", null, ct);
        if (!auth.IsSuccess || ProviderText.Token(auth.Body.Text("token")) is not { } token) return No(work, auth);
        if (file.SizeBytes >= settings.VideoPartsFrom) return await PartsAsync(work, handle, known, file, token, ct);
        var answer = await client.UploadAsync(HttpMethod.Post, AtprotoClient.Xrpc(settings.VideoUrl,
            $"app.bsky.video.uploadVideo?did={Uri.EscapeDataString(work.Target.ProviderProfileId)}&name={Uri.EscapeDataString(file.FileName)}"),
            new FileSlice(file), token, ct);
        return await ReadJobAsync(work, handle, answer, ct);
    }

    private async Task<(JsonObject? Blob, PublishOutcome? Hindered)> PartsAsync(
        PublishWork work, string handle, string? known, PublishFile file, string token, CancellationToken ct)
    {
        if (known is null)
        {
            var begun = await client.PostJsonAsync(AtprotoClient.Xrpc(settings.VideoUrl, "app.bsky.video.startUpload"),
                new JsonObject { ["sizeBytes"] = file.SizeBytes, ["mimeType"] = file.MimeType }, token, ct);
            if (begun.Body.Id("jobId") is not { } id || begun.Body.Number("partSizeBytes") is not (> 0 and var size)) return No(work, begun);
            known = string.Create(CultureInfo.InvariantCulture, $"{PartsPrefix}{size}:0:{id}");
            await work.SaveHandleAsync(handle, known, ct);
        }
        var words = known[PartsPrefix.Length..].Split(':', 3);
        var (partSize, sent, job) = (long.Parse(words[0], CultureInfo.InvariantCulture), int.Parse(words[1], CultureInfo.InvariantCulture), words[2]);
        var offset = sent * partSize;
        if (offset < file.SizeBytes)
        {
            // One part a visit: a worker is held no longer than that, and a kill costs one part at most.
            var part = await client.UploadAsync(HttpMethod.Post, AtprotoClient.Xrpc(settings.VideoUrl, string.Create(CultureInfo.InvariantCulture,
                $"app.bsky.video.uploadPart?jobId={Uri.EscapeDataString(job)}&partNumber={sent + 1}")),
                new FileSlice(file, offset, Math.Min(partSize, file.SizeBytes - offset)), token, ct);
            if (!part.IsSuccess) return No(work, part);
            await work.SaveHandleAsync(handle, string.Create(CultureInfo.InvariantCulture, $"{PartsPrefix}{partSize}:{sent + 1}:{job}"), ct);
            return (null, new PublishOutcome.Processing(TimeSpan.FromMilliseconds(1)));
        }
        var finished = await client.PostJsonAsync(AtprotoClient.Xrpc(settings.VideoUrl, "app.bsky.video.finishUpload"),
            new JsonObject { ["jobId"] = job }, token, ct);
        if (finished.Body.Id("completedJobId") is not { } completed) return No(work, finished);
        await work.SaveHandleAsync(handle, JobPrefix + completed, ct);
        return (null, new PublishOutcome.Processing(JobCheck));
    }

    // A film that was sent before comes back as an error with its blob.
    private static async Task<(JsonObject? Blob, PublishOutcome? Hindered)> ReadJobAsync(
        PublishWork work, string handle, ProviderAnswer answer, CancellationToken ct)
    {
        var job = answer.Body.Get("jobStatus") ?? answer.Body;
        if (job.Get("blob") is JsonObject blob) return await KeepAsync(work, handle, blob, ct);
        if (answer.Silence is not null || job.Id("jobId") is not { } id || (!answer.IsSuccess && answer.Code != "already_exists")) return No(work, answer);
        if (job.Text("state") == "JOB_STATE_FAILED")
            return (null, job.Text("failureCode") is "pds_upload_failure" or "generic_failure"
                ? new PublishOutcome.Retry(AtprotoClient.Errors.Unavailable(answer))
                : new PublishOutcome.Rejected(AtprotoClient.Errors.Media(answer)));
        if (work.Handles.GetValueOrDefault(handle) != JobPrefix + id) await work.SaveHandleAsync(handle, JobPrefix + id, ct);
        return (null, new PublishOutcome.Processing(JobCheck));
    }

    private static async Task<(JsonObject? Blob, PublishOutcome? Hindered)> KeepAsync(
        PublishWork work, string handle, JsonObject blob, CancellationToken ct)
    {
        await work.SaveHandleAsync(handle, blob.ToJsonString(JsonSerializerOptions.Default), ct);
        return ((JsonObject)blob.DeepClone(), null);
    }

    private static (JsonObject? Blob, PublishOutcome? Hindered) No(PublishWork work, ProviderAnswer answer) =>
        (null, AtprotoClient.Errors.BeforePublic(work, answer));
}
