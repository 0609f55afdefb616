using System.Globalization;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.X;

/// <summary>Sends files: images at once, films and animations in parts that X then works on. Every step is saved.</summary>
internal sealed class XFiles(XClient client, XSettings settings)
{
    private const string Sending = "sending";
    private const string Working = "working";
    private const string Sent = "sent";
    private const string Done = "done";
    private const int PartsPerVisit = 16;
    private static readonly TimeSpan WorkCheck = TimeSpan.FromSeconds(2);

    /// <summary>The media id of one file, ready to be shown, or what stands in the way.</summary>
    public async Task<(string? Id, PublishOutcome? Hindered)> SendAsync(PublishWork work, string handle, MediaItem item, CancellationToken ct)
    {
        if (!work.Files.TryGetValue(item.ArtifactId, out var file)) return (null, new PublishOutcome.Rejected(ProviderErrors.MissingFile()));
        var (state, id, part) = Read(work.Handles.GetValueOrDefault(handle));
        while (state != Done)
        {
            var answer = state switch
            {
                "" => await BeginAsync(work, file, ct),
                Sending when part * (long)settings.SegmentBytes < file.SizeBytes => await AppendAsync(work, file, id, part, ct),
                Sending => await client.SendAsync(ProviderClient.Request(HttpMethod.Post, client.At($"/2/media/upload/{id}/finalize"),
                    work.Tokens.AccessToken), work.Tokens.AllSecrets(), ct),
                Working => await client.GetAsync(client.At($"/2/media/upload?command=STATUS&media_id={id}"), work.Tokens.AccessToken, ct),
                _ when item.Alt is { Length: > 0 } alt => await client.PostJsonAsync(client.At("/2/media/metadata"), new JsonObject
                {
                    ["id"] = id, ["metadata"] = new JsonObject { ["alt_text"] = new JsonObject { ["text"] = alt } },
                }, work.Tokens.AccessToken, ct),
                _ => null,
            };
            if (answer is { IsSuccess: false }) return (null, XClient.Errors.BeforePublic(work, answer, isFile: true));
            var data = answer?.Body.Get("data");
            if (state.Length == 0 && Digits(data.Text("id")) is null) return (null, new PublishOutcome.Retry(XClient.Errors.Unavailable(answer)));
            (state, id, part) = state switch
            {
                "" => (IsWhole(file) ? Sent : Sending, data.Text("id")!, 0),
                Sending when part * (long)settings.SegmentBytes < file.SizeBytes => (Sending, id, part + 1),
                Sending or Working => (data.Text("processing_info", "state") is null or "succeeded" ? Sent : Working, id, 0),
                _ => (Done, id, 0),
            };
            await work.SaveHandleAsync(handle, string.Create(CultureInfo.InvariantCulture, $"{state}:{id}:{part}"), ct);
            if (state == Working)
                return (null, data.Text("processing_info", "state") == "failed"
                    ? new PublishOutcome.Rejected(XClient.Errors.Media(answer, ProviderText.Message(data.Text("processing_info", "error", "message"))))
                    : new PublishOutcome.Processing(data.Number("processing_info", "check_after_secs") is > 0 and <= 3600 and var seconds
                        ? TimeSpan.FromSeconds(seconds) : WorkCheck));

            // A worker is not held for a long film: the next visit goes on where this one stopped.
            if (state == Sending && part > 0 && part % PartsPerVisit == 0) return (null, new PublishOutcome.Processing(TimeSpan.FromMilliseconds(1)));
        }
        return (id, null);
    }

    private static bool IsWhole(PublishFile file) => file.Kind == MediaKind.Image && !file.IsAnimated;

    private async Task<ProviderAnswer> BeginAsync(PublishWork work, PublishFile file, CancellationToken ct)
    {
        if (!IsWhole(file))
            return await client.PostJsonAsync(client.At("/2/media/upload/initialize"), new JsonObject
            {
                ["media_type"] = file.MimeType, ["media_category"] = file.Kind == MediaKind.Image ? "tweet_gif" : "tweet_video",
                ["total_bytes"] = file.SizeBytes,
            }, work.Tokens.AccessToken, ct);
        using var form = new MultipartFormDataContent { { new StringContent("tweet_image"), "media_category" }, { new FileSlice(file), "media", file.FileName } };
        return await client.UploadAsync(HttpMethod.Post, client.At("/2/media/upload"), form, work.Tokens.AccessToken, ct);
    }

    private async Task<ProviderAnswer> AppendAsync(PublishWork work, PublishFile file, string id, int part, CancellationToken ct)
    {
        var offset = part * (long)settings.SegmentBytes;
        using var form = new MultipartFormDataContent
        {
            { new StringContent(part.ToString(CultureInfo.InvariantCulture)), "segment_index" },
            { new FileSlice(file, offset, Math.Min(settings.SegmentBytes, file.SizeBytes - offset)), "media", file.FileName },
        };
        return await client.UploadAsync(HttpMethod.Post, client.At($"/2/media/upload/{id}/append"), form, work.Tokens.AccessToken, ct);
    }

    private static string? Digits(string? id) => id is { Length: > 0 and <= 30 } && id.All(char.IsAsciiDigit) ? id : null;

    private static (string State, string Id, int Part) Read(string? saved) => saved?.Split(':') is [var state, var id, var part]
        ? (state, id, int.Parse(part, CultureInfo.InvariantCulture)) : ("", "", 0);
}
