using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.X;

/// <summary>A file on its way to a post.</summary>
internal sealed class XFile
{
    public required string Id { get; init; }
    public required string Owner { get; init; }
    public required string Category { get; init; }
    public required string MimeType { get; init; }
    public required long Declared { get; init; }
    public required DateTimeOffset Until { get; init; }
    public SortedDictionary<int, byte[]> Segments { get; } = [];
    public byte[]? Bytes { get; set; }
    public DateTimeOffset? ReadyAt { get; set; }
    public string? Fault { get; set; }
    public string? AltText { get; set; }
    public bool IsImage => Category == "tweet_image";
    public string Key => (IsImage ? "3_" : Category == "tweet_gif" ? "16_" : "13_") + Id;

    public bool IsReady(DateTimeOffset now) => Bytes is not null && Fault is null
        && (ReadyAt is null || ReadyAt <= now);
}

/// <summary>Uploads: one shot for images, chunks for everything, and the wait for processing.</summary>
internal sealed class XMedia(XNetwork network)
{
    private const int MostSegments = 1000;
    private const int AltTextLength = 1000;
    private const int GifWidth = 1280;
    private const int GifHeight = 1080;
    private const int GifFrames = 350;
    private const long GifPixels = 300_000_000;
    private readonly ConcurrentDictionary<string, XFile> _files = new();

    private XSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public XFile? Find(string id, Grant grant) =>
        _files.TryGetValue(id, out var file) && file.Owner == grant.Account.Id && file.Until > Now ? file : null;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/2/media/upload", context =>
            Run(context, "upload", Rules.UploadsPerWindow, 50_000, OneShotAsync));
        routes.On("POST", "/2/media/upload/initialize", context =>
            Run(context, "initialize", Rules.ChunksPerWindow, 180_000, InitializeAsync));
        routes.On("POST", "/2/media/upload/{id}/append", context =>
            Run(context, "append", Rules.ChunksPerWindow, 180_000, AppendAsync));
        routes.On("POST", "/2/media/upload/{id}/finalize", context =>
            Run(context, "finalize", Rules.ChunksPerWindow, 180_000, (_, grant) => Task.FromResult(
                Finalize(Find(context.Part("id"), grant)))));
        routes.On("GET", "/2/media/upload", context => Run(context, "status", 1000, 100_000, StatusAsync));
        routes.On("POST", "/2/media/metadata", context => Run(context, "metadata", 500, 50_000, DescribeAsync));
    }

    private Task<IResult> Run(HttpContext context, string name, int perUser, int perDay,
        Func<HttpContext, Grant, Task<IResult>> work) =>
        network.GuardAsync(context, name, perUser, perDay, "media.write", grant => work(context, grant));

    private async Task<IResult> OneShotAsync(HttpContext context, Grant grant)
    {
        var (bytes, category) = await ReadAsync(context.Request, "media_category");
        if (bytes is null) return XNetwork.Invalid("media is required", "media");
        if (category != "tweet_image") return XNetwork.Invalid("media_category must be tweet_image", "media_category");
        var file = NewFile(grant, category, "image/*", bytes.Length, TimeSpan.FromDays(1));
        file.Bytes = bytes;
        if (Problem(file) is { } problem) return XNetwork.Invalid(problem, "media");
        _files[file.Id] = file;
        return Answer(file);
    }

    private async Task<IResult> InitializeAsync(HttpContext context, Grant grant)
    {
        var body = await context.Request.JsonAsync();
        var (type, category, total) = (body.Text("media_type"), body.Text("media_category"),
            body.Number("total_bytes"));
        if (type is null || total is null or < 1)
            return XNetwork.Invalid("media_type and total_bytes are required", "total_bytes");
        if (category is not ("tweet_image" or "tweet_gif" or "tweet_video" or "amplify_video"))
            return XNetwork.Invalid("media_category is not valid", "media_category");
        var most = category switch
        {
            "tweet_image" => Rules.ImageBytes,
            "tweet_gif" => Rules.GifBytes,
            _ => Rules.VideoBytes,
        };
        if (total > most) return XNetwork.Invalid($"total_bytes must be at most {most}", "total_bytes");
        var file = NewFile(grant, category, type, total.Value, TimeSpan.FromSeconds(1_295_999));
        _files[file.Id] = file;
        return Answer(file);
    }

    private async Task<IResult> AppendAsync(HttpContext context, Grant grant)
    {
        var file = Find(context.Part("id"), grant);
        if (file is null or { Bytes: not null }) return XNetwork.Invalid("The media id is not open for uploads", "id");
        var (bytes, index) = await ReadAsync(context.Request, "segment_index");
        if (bytes is null || !int.TryParse(index, CultureInfo.InvariantCulture, out var at)
            || at is < 0 or >= MostSegments)
            return XNetwork.Invalid("segment_index must be 0 to 999 and media is required", "segment_index");
        if (bytes.Length > Rules.SegmentBytes) return XNetwork.Invalid("The segment is too large", "media");
        lock (file.Segments) file.Segments[at] = bytes;
        return Results.Json(new { data = new { expires_at = file.Until.ToUnixTimeSeconds() } });
    }

    private IResult Finalize(XFile? file)
    {
        if (file is null) return XNetwork.Invalid("The media id is not valid", "id");
        if (file.Bytes is null)
        {
            if (file.Segments.Count == 0 || file.Segments.Keys.Last() != file.Segments.Count - 1
                || file.Segments.Values.Sum(part => (long)part.Length) != file.Declared)
                return XNetwork.Invalid("The segments do not add up to total_bytes", "id");
            file.Bytes = [.. file.Segments.Values.SelectMany(part => part)];
            var problem = Problem(file);
            if (file.IsImage && problem is not null)
            {
                file.Fault = problem;
                return XNetwork.Invalid(problem, "media");
            }
            file.Segments.Clear();
            if (!file.IsImage) (file.Fault, file.ReadyAt) = (problem,
                Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds));
        }
        return Answer(file);
    }

    private Task<IResult> StatusAsync(HttpContext context, Grant grant)
    {
        var query = context.Request.Query;
        var file = query["command"] == "STATUS" ? Find(query["media_id"].ToString(), grant) : null;
        return Task.FromResult(
            file?.Bytes is null ? XNetwork.Invalid("The media id is not valid", "media_id") : Answer(file));
    }

    private async Task<IResult> DescribeAsync(HttpContext context, Grant grant)
    {
        var body = await context.Request.JsonAsync();
        var text = body?["metadata"]?["alt_text"].Text("text");
        if (Find(body.Text("id") ?? "", grant) is not { } file) return XNetwork.Invalid("The media id is not valid",
            "id");
        if (text is null or { Length: > AltTextLength })
            return XNetwork.Invalid("alt_text must have at most 1000 characters", "metadata");
        file.AltText = text;
        return Results.Json(new { data = new { id = file.Id } });
    }

    private XFile NewFile(Grant grant, string category, string type, long size, TimeSpan life) => new()
    {
        Id = XNetwork.Text(network.Posts.NextId()),
        Owner = grant.Account.Id,
        Category = category,
        MimeType = type,
        Declared = size,
        Until = Now + life,
    };

    private IResult Answer(XFile file)
    {
        var data = new JsonObject
        {
            ["id"] = file.Id,
            ["media_key"] = file.Key,
            ["expires_after_secs"] = (long)(file.Until - Now).TotalSeconds,
        };
        if (file.Bytes is not null) data["size"] = file.Bytes.Length;
        if (file.IsImage && ImageFacts.Read(file.Bytes) is { } image)
            data["image"] = new JsonObject { ["image_type"] = image.MimeType, ["w"] = image.Width,
                ["h"] = image.Height };
        if (file.ReadyAt is { } ready) data["processing_info"] = Processing(file, ready);
        return Results.Json(new JsonObject { ["data"] = data });
    }

    private JsonObject Processing(XFile file, DateTimeOffset ready)
    {
        var left = (ready - Now).TotalSeconds;
        if (left <= 0)
            return file.Fault is null
                ? new JsonObject { ["state"] = "succeeded", ["progress_percent"] = 100 }
                : new JsonObject
                {
                    ["state"] = "failed",
                    ["error"] = new JsonObject { ["code"] = 1, ["name"] = "InvalidMedia", ["message"] = file.Fault },
                };
        var whole = Math.Max(Rules.ProcessingSeconds, 0.001);
        return new JsonObject
        {
            ["state"] = left >= whole ? "pending" : "in_progress",
            ["check_after_secs"] = (int)Math.Ceiling(Math.Min(left, 5)),
            ["progress_percent"] = (int)(100 * (whole - left) / whole),
        };
    }

    private string? Problem(XFile file)
    {
        var bytes = file.Bytes!;
        var image = ImageFacts.Read(bytes);
        if (file.IsImage)
            return bytes.LongLength > Rules.ImageBytes ? "File size exceeds the limit for tweet_image"
                : image is null ? "media type unrecognized." : null;
        if (file.Category == "tweet_gif")
            return image?.MimeType != "image/gif" ? "media type unrecognized."
                : bytes.LongLength > Rules.GifBytes ? "File size exceeds the limit for tweet_gif"
                : image.Width > GifWidth || image.Height > GifHeight ? "Image dimensions exceed 1280x1080"
                : image.Frames > GifFrames ? "Gif has more than 350 frames"
                : (long)image.Width * image.Height * image.Frames > GifPixels ? "Gif has too many pixels" : null;
        return VideoProblem(VideoFacts.Read(bytes), file.Category);
    }

    private string? VideoProblem(VideoFacts? video, string category)
    {
        if (video is not { Measured: true }) return "file is currently unsupported";
        var (wide, narrow) = (Math.Max(video.Width, video.Height), Math.Min(video.Width, video.Height));
        var most = category == "amplify_video" ? Rules.AmplifySeconds : Rules.VideoSeconds;
        return video.Seconds < 0.5 ? "Duration too short, minimum:500"
            : video.Seconds > most ? "Duration too long, maximum:" + most.ToString(CultureInfo.InvariantCulture)
            : narrow < 32 || wide > 1280 || narrow > 1024 ? "Resolution is out of range"
            : wide > narrow * 3 ? "Aspect ratio must be between 1:3 and 3:1"
            : video.FramesPerSecond > 60.01 ? "Frame rate must be 60 or less"
            : video.VideoCodec is not ("avc1" or "avc3") ? "Video codec must be H.264"
            : video.AudioCodec is not ("" or "mp4a") ? "Audio codec must be AAC" : null;
    }

    private static async Task<(byte[]? Bytes, string? Other)> ReadAsync(HttpRequest request, string other)
    {
        if (!request.HasFormContentType)
        {
            var body = await request.JsonAsync();
            var text = body.Text("media");
            var bytes = new byte[text?.Length ?? 0];
            return text is not null && Convert.TryFromBase64String(text, bytes, out var length)
                ? (bytes[..length], body.Text(other) ?? body?[other]?.ToJsonString()) : (null, null);
        }
        var form = await request.ReadFormAsync();
        if (form.Files.GetFile("media") is not { } part) return (null, null);
        await using var stream = part.OpenReadStream();
        return (await stream.BytesAsync(), form[other]);
    }
}
