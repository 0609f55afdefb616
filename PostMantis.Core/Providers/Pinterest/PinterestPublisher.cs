using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Makes pins: pictures go inside the call, a film is brought first and waited for.</summary>
internal sealed class PinterestPublisher(PinterestClient client) : IPublisher
{
    /// <summary>The handle of a film whose bytes are there.</summary>
    private const string MediaHandle = "mediaId";

    private static readonly TimeSpan CheckAgain = TimeSpan.FromSeconds(5);

    public SettlementMode ModeOf(PublishTarget target, DeliveryContent content) => SettlementMode.ReadBack;

    public async Task<PublishOutcome> PublishAsync(PublishWork work, CancellationToken ct)
    {
        if (work.FilesOf(work.Content.Media) is not [var first, ..] files) return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        JsonObject source;
        if (first.Kind == MediaKind.Video)
        {
            var (media, stop) = await FilmAsync(work, first, ct);
            if (media is null) return stop!;
            source = new JsonObject
            {
                ["source_type"] = "video_id", ["media_id"] = media,
                // A pin without a cover was refused, whatever the documentation says.
                ["cover_image_key_frame_time"] = (work.Content.Media[0].CoverAtMs ?? 0) / 1000,
            };
            files = [];
        }
        else if (files.Count == 1)
        {
            source = Picture(first);
            source["source_type"] = "image_base64";
        }
        else
        {
            source = new JsonObject
            {
                ["source_type"] = "multiple_image_base64",
                ["items"] = new JsonArray([.. files.Select(Picture)]), ["index"] = 0,
            };
        }
        var pin = FieldsOf(work.Content);
        (pin["board_id"], pin["media_source"]) = (work.Target.ProviderProfileId, source);
        pin.Say("board_section_id", work.Content.Options.Text("boardSectionId"));
        if (await PinterestClient.Errors.MarkAsync(work, ct) is { } late) return late;
        var answer = await client.UploadAsync(HttpMethod.Post, client.At("/v5/pins"), new PinBody(pin, files),
            work.Tokens.AccessToken, ct);
        return answer.IsSuccess && answer.Body.Id("id") is { } id
            ? new PublishOutcome.Published(id, Permalink(id), []) : PinterestClient.Errors.OfPublicCall(work, answer);
    }

    /// <summary>Where people find a pin; null for what is no number.</summary>
    public static string? Permalink(string id) =>
        id.All(char.IsAsciiDigit) ? $"https://www.pinterest.com/pin/{id}/" : null;

    /// <summary>What a pin says, by Pinterest's names; also what it is recognized by.</summary>
    public static JsonObject FieldsOf(DeliveryContent content) => new JsonObject()
        .Say("title", content.Options.Text("title")).Say("description", content.Body).Say("link", content.Link?.Url)
        .Say("alt_text", content.Media.Count > 0 ? content.Media[0].Alt : null);

    private static JsonObject Picture(PublishFile file) =>
        new() { ["content_type"] = file.MimeType, ["data"] = PinBody.Place(file) };

    // The bytes go in one piece: after a failure a new place is asked for, and the old one is left empty.
    private async Task<(string? Media, PublishOutcome? Stop)> FilmAsync(PublishWork work, PublishFile file, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(MediaHandle, out var media))
        {
            var made = await client.PostAsync("/v5/media", new JsonObject { ["media_type"] = "video" }, work.Tokens.AccessToken, ct);
            media = made.Body.Id("media_id");
            if (!made.IsSuccess || media is null || made.Body.Address("upload_url") is not { } url
                || made.Body.Get("upload_parameters") is not JsonObject parameters)
                return (null, PinterestClient.Errors.BeforePublic(work, made));
            using var form = new MultipartFormDataContent();
            foreach (var (name, value) in parameters)
                form.Add(new StringContent(value.Text() ?? "") { Headers = { ContentType = null } }, name);
            var bytes = new FileSlice(file);
            bytes.Headers.ContentDisposition =
                new ContentDispositionHeaderValue("form-data") { Name = "file", FileName = file.FileName };
            form.Add(bytes);
            // The store wants the form alone: a token of ours is none of its business.
            var put = await client.UploadAsync(HttpMethod.Post, url, form, null, ct);
            if (!put.IsSuccess) return (null, new PublishOutcome.Retry(PinterestClient.Errors.Unavailable(put), put.Wait));
            await work.SaveHandleAsync(MediaHandle, media, ct);
        }
        var status = await client.GetAsync($"/v5/media/{Uri.EscapeDataString(media)}", work.Tokens.AccessToken, ct);
        return PinterestClient.Errors.OfWork(work, status, StateOf, CheckAgain) is { } stop ? (null, stop) : (media, null);
    }

    private static RemoteState StateOf(string? status) => status switch
    {
        "succeeded" => RemoteState.Ready,
        "failed" => RemoteState.Failed,
        _ => RemoteState.Working,
    };
}
