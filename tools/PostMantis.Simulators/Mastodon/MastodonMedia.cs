using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.Mastodon;

/// <summary>A file on its way to a status.</summary>
internal sealed class MastodonFile
{
    public required string Id { get; init; }
    public required Account Owner { get; init; }
    public required byte[] Bytes { get; init; }
    public required string MimeType { get; init; }
    public required string Kind { get; init; }
    public required DateTimeOffset At { get; init; }
    public required DateTimeOffset ReadyAt { get; init; }
    public bool IsBroken { get; init; }
    public string? Description { get; set; }
    public string? Focus { get; set; }
    public bool Attached { get; set; }
}

/// <summary>Uploads: ready at once or answered with 202 and worked on.</summary>
internal sealed class MastodonMedia(MastodonNetwork network)
{
    private readonly ConcurrentDictionary<string, MastodonFile> _files = new();
    private long _lastId = 113_000_000_000_000_000;

    private MastodonSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/api/v2/media", context => network.GuardAsync(context, "write:media",
            ("media", Rules.MediaPerHalfHour, TimeSpan.FromMinutes(30)), grant => UploadAsync(context.Request, grant)));
        routes.On("GET", "/api/v1/media/{id}", context => network.GuardAsync(context, "write:media", null, grant =>
            Task.FromResult(Find(context.Part("id"), grant.Account) is { Attached: false } file
                ? Show(context.Request, file, file.ReadyAt > Now ? 206 : 200)
                : MastodonNetwork.Error(404, "Record not found"))));
        routes.On("PUT", "/api/v1/media/{id}", context =>
            network.GuardAsync(context, "write:media", null, async grant =>
        {
            var body = await MastodonConsent.InputAsync(context.Request);
            if (Find(context.Part("id"), grant.Account) is not { Attached: false } file)
                return MastodonNetwork.Error(404, "Record not found");
            if (body.Text("description")?.Length > Rules.DescriptionLimit) return TooLong();
            file.Description = body.Text("description") ?? file.Description;
            return Show(context.Request, file, 200);
        }));
    }

    /// <summary>A file of that account that still waits for a status; null when it is gone.</summary>
    public MastodonFile? Find(string id, Account account) => _files.TryGetValue(id, out var file)
        && file.Owner == account && (file.Attached || file.At.AddHours(Rules.UnattachedHours) > Now) ? file : null;

    private async Task<IResult> UploadAsync(HttpRequest request, Grant grant)
    {
        var form = await request.FormAsync();
        if (form.Files.GetFile("file") is not { } part)
            return MastodonNetwork.Error(422, "Validation failed: File can't be blank");
        await using var stream = part.OpenReadStream();
        var bytes = await stream.BytesAsync();
        var description = form["description"].ToString();
        if (description.Length > Rules.DescriptionLimit) return TooLong();
        if (form["focus"].ToString() is { Length: > 0 } focus && !IsFocus(focus))
            return MastodonNetwork.Error(422, "Validation failed: Focus is invalid");
        var (image, video) = (ImageFacts.Read(bytes), VideoFacts.Read(bytes));
        var type = image?.MimeType ?? video?.MimeType;
        if (type is null || !Rules.MimeTypes.Contains(type))
            return MastodonNetwork.Error(422, "Validation failed: File content type is invalid, File is invalid");
        if (Problem(image, video, bytes.LongLength) is { } problem)
            return MastodonNetwork.Error(422, "Validation failed: " + problem);
        var slow = video is not null || image!.Frames > 1 || Rules.SlowImages;
        var file = new MastodonFile
        {
            Id = Interlocked.Increment(ref _lastId).ToString(CultureInfo.InvariantCulture),
            Owner = grant.Account,
            Bytes = bytes,
            MimeType = type,
            Kind = video is not null ? "video" : image!.Frames > 1 ? "gifv" : "image",
            At = Now,
            ReadyAt = slow ? Now.AddSeconds(Rules.ProcessingSeconds) : Now,
            IsBroken = video is { MimeType: not "video/webm", Measured: false },
            Description = description.Length > 0 ? description : null,
            Focus = form["focus"],
        };
        _files[file.Id] = file;
        return Show(request, file, slow ? 202 : 200);
    }

    private string? Problem(ImageFacts? image, VideoFacts? video, long size)
    {
        if (image is not null)
            return size > Rules.ImageBytes && image.Frames == 1
                ? $"File file size must be less than {Rules.ImageBytes >> 20} MB"
                : image.Frames > 1 && size > Rules.VideoBytes ? "File file size must be less"
                : (long)image.Width * image.Height > Rules.ImagePixels
                    ? $"{image.Width}x{image.Height} images are not supported" : null;
        return size > Rules.VideoBytes ? $"File file size must be less than {Rules.VideoBytes >> 20} MB"
            : (long)video!.Width * video.Height > Rules.VideoPixels
                ? $"{video.Width}x{video.Height} videos are not supported"
            : video.FramesPerSecond > Rules.VideoFrameRate + 0.1
                ? $"{(int)video.FramesPerSecond}fps videos are not supported" : null;
    }

    private IResult Show(HttpRequest request, MastodonFile file, int status) =>
        file.IsBroken && file.ReadyAt <= Now
            ? MastodonNetwork.Error(422, "There was a problem processing the uploaded media")
            : Results.Json(Describe(request, file), statusCode: status);

    public JsonObject Describe(HttpRequest request, MastodonFile file) => new()
    {
        ["id"] = file.Id,
        ["type"] = file.Kind,
        ["url"] = file.ReadyAt > Now ? null : $"{request.Origin()}/system/media_attachments/{file.Id}",
        ["preview_url"] = $"{request.Origin()}/system/media_attachments/{file.Id}/small",
        ["description"] = file.Description,
        ["meta"] = new JsonObject(),
    };

    private IResult TooLong() => MastodonNetwork.Error(422,
        $"Validation failed: Description is too long (maximum is {Rules.DescriptionLimit} characters)");

    private static bool IsFocus(string focus) => focus.Split(',') is { Length: 2 } parts && parts.All(part =>
        double.TryParse(part, CultureInfo.InvariantCulture, out var at) && at is >= -1 and <= 1);
}
