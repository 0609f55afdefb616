using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.Pinterest;

/// <summary>A video on its way to a pin.</summary>
internal sealed record PinVideo(Account Owner)
{
    public byte[]? Bytes { get; set; }
    public DateTimeOffset ReadyAt { get; set; }
    public bool Failed { get; set; }
}

/// <summary>Pins, their pictures and their videos.</summary>
internal sealed class PinterestPins(PinterestNetwork network)
{
    private readonly ConcurrentDictionary<string, PinVideo> _videos = new();
    private readonly ConcurrentDictionary<string, (Account Owner, JsonObject Pin, DateTimeOffset At)> _pins = new();
    private long _last = 813_744_226_420_795_884;

    private PinterestSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/v5/pins", context => network.GuardAsync(context, "pins:write", grant =>
            CreateAsync(context, grant)));
        routes.On("GET", "/v5/pins", context => network.GuardAsync(context, "pins:read", grant =>
            Task.FromResult(PinterestNetwork.List(context, Listed(grant, null)))));
        routes.On("GET", "/v5/boards/{id}/pins", context => network.GuardAsync(context, "pins:read", grant =>
            Task.FromResult(network.FindBoard(context.Part("id"), grant) is { } board
                ? PinterestNetwork.List(context, Listed(grant, board.Id))
                : PinterestNetwork.Error(404, 40, "Board not found."))));
        routes.On("GET", "/v5/pins/{id}", context => network.GuardAsync(context, "pins:read", grant =>
            Task.FromResult(_pins.TryGetValue(context.Part("id"), out var kept) && kept.Owner == grant.Account
                ? Results.Json(kept.Pin) : PinterestNetwork.Error(404, 50, "Pin not found."))));
        routes.On("DELETE", "/v5/pins/{id}", context => network.GuardAsync(context, "pins:write", grant =>
            Task.FromResult(_pins.TryGetValue(context.Part("id"), out var kept) && kept.Owner == grant.Account
                && _pins.TryRemove(context.Part("id"), out _)
                ? Results.NoContent() : PinterestNetwork.Error(404, 50, "Pin not found."))));
        routes.On("POST", "/v5/media", context => network.GuardAsync(context, "pins:write", grant =>
            RegisterAsync(context, grant)));
        routes.On("GET", "/v5/media/{id}", context => network.GuardAsync(context, "pins:read", grant =>
            Task.FromResult(_videos.TryGetValue(context.Part("id"), out var video) && video.Owner == grant.Account
                ? Results.Json(new { media_id = context.Part("id"), media_type = "video", status = Status(video) })
                : PinterestNetwork.Error(404, 404, "Media not found."))));
        routes.On("POST", "/s3/", context => UploadAsync(context.Request));
    }

    private IEnumerable<JsonObject> Listed(Grant grant, string? board) => _pins.Values
        .Where(kept => kept.Owner == grant.Account && (board is null || kept.Pin.Text("board_id") == board)
            && kept.At + TimeSpan.FromSeconds(Rules.ListingLagSeconds) <= Now)
        .OrderByDescending(kept => kept.At).Select(kept => (JsonObject)kept.Pin.DeepClone());

    private async Task<IResult> RegisterAsync(HttpContext context, Grant grant)
    {
        var body = await context.Request.JsonAsync();
        if (body.Text("media_type") != "video") return Invalid("media_type must be video");
        var id = Next();
        _videos[id] = new PinVideo(grant.Account);
        return Results.Json(new JsonObject
        {
            ["media_id"] = id,
            ["media_type"] = "video",
            ["upload_url"] = context.Request.Origin() + "/s3/",
            ["upload_parameters"] = new JsonObject
            {
                ["key"] = "uploads/" + id,
                ["policy"] = "policy-" + id,
                ["x-amz-signature"] = "signature-" + id,
                ["x-amz-algorithm"] = "AWS4-HMAC-SHA256",
                ["Content-Type"] = "multipart/form-data",
            },
        }, statusCode: 201);
    }

    private async Task<IResult> UploadAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        var id = form["key"].ToString().Split('/')[^1];
        if (request.Headers.Authorization.Count > 0 || form.Files["file"] is not { } file
            || !_videos.TryGetValue(id, out var video) || form["policy"] != "policy-" + id
            || form["x-amz-signature"] != "signature-" + id || form["x-amz-algorithm"].Count == 0
            || form["Content-Type"].Count == 0)
            return Results.Text("<Error><Code>AccessDenied</Code></Error>", "application/xml", statusCode: 403);
        if (video.Bytes is not null)
            return Results.Text("<Error><Code>PreconditionFailed</Code></Error>", "application/xml", statusCode: 412);
        var bytes = await file.OpenReadStream().BytesAsync();
        var facts = VideoFacts.Read(bytes);
        video.Failed = facts is not { MimeType: "video/mp4" or "video/quicktime", Measured: true }
            || bytes.Length > Rules.VideoBytes || facts.Seconds < Rules.ShortestVideo
            || facts.Seconds > Rules.LongestVideo;
        (video.Bytes, video.ReadyAt) = (bytes, Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds));
        return Results.NoContent();
    }

    private string Status(PinVideo video) => video.Bytes is null ? "registered"
        : video.ReadyAt > Now ? "processing" : video.Failed ? "failed" : "succeeded";

    private async Task<IResult> CreateAsync(HttpContext context, Grant grant)
    {
        if (await context.Request.JsonAsync() is not { } body) return Invalid("The body is no JSON object");
        if (Problem(body) is { } problem) return Invalid(problem);
        if (grant.Account.Has("forbidden"))
            return PinterestNetwork.Error(403, 29, "You are not permitted to access that resource.");
        if (network.FindBoard(body.Text("board_id"), grant) is not { } board)
            return PinterestNetwork.Error(404, 40, "Board not found.");
        if (board.Privacy == "SECRET" && !grant.Scopes.Contains("pins:write_secret"))
            return PinterestNetwork.Error(401, 3, "Your scopes are insufficient: pins:write_secret");
        if (body.Text("board_section_id") is { } section && !board.Sections.Contains(section))
            return PinterestNetwork.Error(404, 2031, "Board section not found.");
        var files = new List<PublishedFile>();
        if (await ReadAsync(body["media_source"], grant, files, body.Text("alt_text")) is { } refused)
            return Invalid(refused);
        var (id, at) = (Next(), Now);
        var pin = new JsonObject
        {
            ["id"] = id,
            ["created_at"] = at.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture),
            ["creative_type"] = body["media_source"].Text("source_type") == "video_id" ? "VIDEO"
                : files.Count > 1 ? "CAROUSEL" : "REGULAR",
        };
        foreach (var name in (string[])["board_id", "board_section_id", "title", "description", "link", "alt_text"])
            pin[name] = body.Text(name);
        _pins[id] = (grant.Account, pin, at);
        network.Sim.Publish(grant.Account, "pin", id, body.Text("description") ?? "", files, ("board", board.Id),
            ("section", body.Text("board_section_id")), ("title", body.Text("title")), ("link", body.Text("link")));
        return Results.Json(pin, statusCode: 201);
    }

    private string? Problem(JsonObject body)
    {
        if (body.Text("board_id") is not { Length: > 0 } board || !board.All(char.IsAsciiDigit))
            return "board_id does not match ^\\d+$";
        (string Name, int Most)[] limits =
            [("title", 100), ("description", Rules.DescriptionLength), ("alt_text", 500), ("link", 2048)];
        foreach (var (name, most) in limits)
            if (body.Text(name) is { } text && text.EnumerateRunes().Count() > most)
                return $"{name} must have at most {most} characters";
        return body.Text("link") is { } link && (!Uri.TryCreate(link, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https")) ? "Invalid URL: link" : null;
    }

    private async Task<string?> ReadAsync(JsonNode? source, Grant grant, List<PublishedFile> files, string? alt)
    {
        var type = source.Text("source_type");
        if (type is "image_url" or "image_base64") return await PictureAsync(source!, type, files, alt, null);
        if (type is "multiple_image_urls" or "multiple_image_base64")
        {
            if (source?["items"] is not JsonArray { Count: >= 2 and <= 5 } items) return "items must have 2 to 5 entries";
            ImageFacts? first = null;
            foreach (var item in items)
            {
                if (item is null) return "items must be objects";
                var kind = type == "multiple_image_urls" ? "image_url" : "image_base64";
                if (await PictureAsync(item, kind, files, alt, facts =>
                {
                    first ??= facts;
                    return !Rules.EqualSizes || (facts.Width, facts.Height) == (first.Width, first.Height);
                }) is { } problem)
                    return problem;
            }
            return null;
        }
        if (type != "video_id") return "media_source.source_type is not valid";
        if (source.Text("media_id") is not { } id || !_videos.TryGetValue(id, out var video)
            || video.Owner != grant.Account || Status(video) != "succeeded")
            return "The media is unknown or not processed";
        var cover = source!["cover_image_url"] is not null || source["cover_image_key_frame_time"] is not null
            || (source["cover_image_content_type"] is not null && source["cover_image_data"] is not null);
        if (Rules.CoverRequired && !cover) return "A video needs a cover image";
        files.Add(PublishedFile.Of(VideoFacts.Read(video.Bytes)!.MimeType, video.Bytes!, alt));
        return null;
    }

    private async Task<string?> PictureAsync(JsonNode item, string type, List<PublishedFile> files, string? alt,
        Func<ImageFacts, bool>? fits)
    {
        byte[]? bytes;
        if (type == "image_url")
        {
            bytes = await Pull.GetAsync(item.Text("url"), CancellationToken.None);
            if (bytes is null) return "Unable to reach the URL";
        }
        else
        {
            var data = item.Text("data") ?? "";
            bytes = new byte[data.Length];
            if (!Convert.TryFromBase64String(data, bytes, out var length)
                || item.Text("content_type") is not ("image/jpeg" or "image/png"))
                return "content_type must be image/jpeg or image/png and data base64";
            bytes = bytes[..length];
        }
        var facts = ImageFacts.Read(bytes);
        if (facts is null || bytes.Length > Rules.ImageBytes) return "The image is not valid";
        if (fits?.Invoke(facts) == false) return "The images of a carousel must be of one size";
        files.Add(PublishedFile.Of(facts.MimeType, bytes, alt));
        return null;
    }

    private string Next() => Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);

    private static IResult Invalid(string message) => PinterestNetwork.Error(400, 1, message);
}
