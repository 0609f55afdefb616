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
        ArgumentNullException.ThrowIfNull(work);
        List<PublishFile> files = [];
        foreach (var item in work.Content.Media)
        {
            if (!work.Files.TryGetValue(item.ArtifactId, out var file)) break;
            files.Add(file);
        }
        if (files.Count == 0 || files.Count != work.Content.Media.Count)
            return new PublishOutcome.Rejected(ProviderErrors.MissingFile());
        JsonObject source;
        if (files[0].Kind == MediaKind.Video)
        {
            var (media, stop) = await FilmAsync(work, files[0], ct);
            if (media is null) return stop!;
            source = new JsonObject
            {
                ["source_type"] = "video_id", ["media_id"] = media,
                // A pin without a cover was refused, whatever the documentation says.
                ["cover_image_key_frame_time"] = (work.Content.Media[0].CoverAtMs ?? 0) / 1000,
            };
            files.Clear();
        }
        else if (files.Count == 1)
        {
            source = Picture(files[0]);
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
        if (work.Content.Options.Text("boardSectionId") is { } section) pin["board_section_id"] = section;
        if (!(await work.MarkAsync(ct)).IsOpen) return new PublishOutcome.Retry(PinterestClient.Errors.Unavailable());
        work.CallStarts();
        var answer = await client.UploadAsync(HttpMethod.Post, client.At("/v5/pins"), new PinBody(pin, files),
            work.Tokens.AccessToken, ct);
        if (answer.IsSuccess && answer.Body.Id("id") is { } id) return new PublishOutcome.Published(id, Permalink(id), []);
        return answer.SaysNothing || answer.IsSuccess
            ? PinterestClient.Errors.OfPublicCall(answer, PinterestClient.Errors.Unavailable(answer))
            : PinterestClient.Refusal(answer);
    }

    /// <summary>Where people find a pin; null for what is no number.</summary>
    public static string? Permalink(string id) =>
        id.All(char.IsAsciiDigit) ? $"https://www.pinterest.com/pin/{id}/" : null;

    /// <summary>What a pin says, by Pinterest's names; also what it is recognized by.</summary>
    public static JsonObject FieldsOf(DeliveryContent content)
    {
        var fields = new JsonObject();
        void Say(string name, string? text)
        {
            if (text is not null) fields[name] = text;
        }
        Say("title", content.Options.Text("title"));
        Say("description", content.Body);
        Say("link", content.Link?.Url);
        Say("alt_text", content.Media.Count > 0 ? content.Media[0].Alt : null);
        return fields;
    }

    private static JsonObject Picture(PublishFile file) =>
        new() { ["content_type"] = file.MimeType, ["data"] = PinBody.Place(file) };

    // The bytes go in one piece: after a failure a new place is asked for, and the old one is left empty.
    private async Task<(string? Media, PublishOutcome? Stop)> FilmAsync(PublishWork work, PublishFile file, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(MediaHandle, out var media))
        {
            var made = await client.PostAsync("/v5/media", new JsonObject { ["media_type"] = "video" }, work.Tokens.AccessToken, ct);
            media = made.Body.Id("media_id");
            if (!made.IsSuccess || media is null || ProviderText.Url(made.Body.Text("upload_url")) is not { } url
                || made.Body.Get("upload_parameters") is not JsonObject parameters)
                return (null, PinterestClient.Before(made));
            using var form = new MultipartFormDataContent();
            foreach (var (name, value) in parameters)
                form.Add(new StringContent(value.Text() ?? "") { Headers = { ContentType = null } }, name);
            var bytes = new FileSlice(file);
            bytes.Headers.ContentDisposition =
                new ContentDispositionHeaderValue("form-data") { Name = "file", FileName = file.FileName };
            form.Add(bytes);
            // The store wants the form alone: a token of ours is none of its business.
            var put = await client.UploadAsync(HttpMethod.Post, new Uri(url), form, null, ct);
            if (!put.IsSuccess) return (null, new PublishOutcome.Retry(PinterestClient.Errors.Unavailable(put), put.Wait));
            await work.SaveHandleAsync(MediaHandle, media, ct);
        }
        var status = await client.GetAsync($"/v5/media/{Uri.EscapeDataString(media)}", work.Tokens.AccessToken, ct);
        if (status.SaysNothing) return (null, new PublishOutcome.Processing(CheckAgain));
        if (!status.IsSuccess) return (null, PinterestClient.Refusal(status));
        return status.Body.Text("status") switch
        {
            "succeeded" => (media, null),
            "failed" => (null, new PublishOutcome.Rejected(PinterestClient.Errors.Media(status, "Pinterest could not work with the film."))),
            _ => (null, new PublishOutcome.Processing(CheckAgain)),
        };
    }
}
