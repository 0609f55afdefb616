using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Facebook;

/// <summary>A video from its first call to the moment the public sees it.</summary>
internal sealed class PageVideo
{
    public required string Id { get; init; }
    public required Page Page { get; init; }

    /// <summary>video, reel or video-story.</summary>
    public required string Kind { get; init; }

    public List<byte> Received { get; } = [];
    public long Expected { get; set; }
    public PublishedFile? File { get; set; }
    public string? Error { get; set; }
    public DateTimeOffset? ReadyAt { get; set; }
    public MetaCall? Finish { get; set; }
    public PagePost? Post { get; set; }

    public bool IsReady(DateTimeOffset now) => ReadyAt <= now;
}

/// <summary>Videos, reels and video stories of Pages.</summary>
internal sealed class FacebookVideos(FacebookNetwork network, FacebookPosts posts)
{
    private const string Manage = "pages_manage_posts";
    private readonly ConcurrentDictionary<string, PageVideo> _all = new();
    private readonly Lock _gate = new();

    private FacebookSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/{v}/{id}/videos", context => network.PageAsync(context, Manage, VideoAsync));
        routes.On("GET", "/{v}/{id}/videos", context => network.PageAsync(context, "pages_read_engagement",
            (call, page) => Task.FromResult(FacebookLogin.List(context, call, posts.Listed(call, page)
                .Where(post => post.Kind is "video" or "reel").Select(post => Describe(_all[post.Media[0]]))))));
        foreach (var (edge, kind) in new[] { ("video_reels", "reel"), ("video_stories", "video-story") })
            routes.On("POST", "/{v}/{id}/" + edge, context => network.PageAsync(context, Manage, (call, page) =>
                Task.FromResult(Phase(context, call, page, kind))));
        routes.On("POST", "/video-upload/{id}", UploadAsync);
        routes.On("GET", "/video-upload/{id}", context => Task.FromResult(Session(context) is { } video
            ? Results.Json(new { bytes_transfered = video.Received.Count }) : MetaError.Missing()));
    }

    /// <summary>Shows what has been worked through.</summary>
    public void Settle()
    {
        lock (_gate)
        {
            foreach (var video in _all.Values.Where(video => video is { Post: null, Error: null, Finish: not null }
                && video.IsReady(Now)).OrderBy(video => video.Id, StringComparer.Ordinal))
                Show(video);
        }
    }

    /// <summary>A video by id; null when there is none of that Page.</summary>
    public IResult? Read(MetaCall call, Grant grant, string id) =>
        _all.TryGetValue(id, out var video) && video.Page.Id == grant.Bound
            ? Results.Json(call.Pick(Describe(video))) : null;

    private async Task<IResult> VideoAsync(MetaCall call, Page page)
    {
        if ((call["description"] ?? "").EnumerateRunes().Count() > Rules.MessageLength)
            return MetaError.Parameter("description is too long");
        if (!Uri.TryCreate(call["file_url"], UriKind.Absolute, out _))
            return MetaError.Of(100, "(#100) file_url should represent a valid URL", 2061006);
        var video = new PageVideo { Id = network.Ids.Next(), Page = page, Kind = "video", Finish = call };
        Judge(video, await Pull.GetAsync(call["file_url"], CancellationToken.None));
        _all[video.Id] = video;
        return Results.Json(new { id = video.Id });
    }

    private IResult Phase(HttpContext context, MetaCall call, Page page, string kind)
    {
        if (call["upload_phase"] == "start")
        {
            var video = new PageVideo { Id = network.Ids.Next(), Page = page, Kind = kind };
            _all[video.Id] = video;
            return Results.Json(new { video_id = video.Id,
                upload_url = context.Request.Origin() + "/video-upload/" + video.Id });
        }
        if (call["upload_phase"] != "finish" || !_all.TryGetValue(call["video_id"] ?? "", out var found)
            || found.Page != page || found.Kind != kind)
            return MetaError.Parameter("upload_phase or video_id is not valid");
        if (kind == "reel" && call["video_state"] != "PUBLISHED")
            return MetaError.Parameter("video_state must be PUBLISHED");
        if ((call["description"] ?? "").EnumerateRunes().Count() > Rules.MessageLength)
            return MetaError.Parameter("description is too long");
        lock (_gate)
        {
            if (found.File is null && found.Error is null)
                return MetaError.Of(100, "(#100) The upload is not complete", 2069019);
            if (found.Error is not null) return MetaError.Of(100, "(#100) " + found.Error, 1349125);
            if (found.Finish is not null) return MetaError.Parameter("The video is published already");
            if (kind == "reel" && _all.Values.Count(other => other.Page == page && other.Kind == kind
                && other.Post?.CreatedAt > Now - TimeSpan.FromHours(24)) >= Rules.ReelsPerDay)
                return MetaError.Of(613, "(#613) Calls to this api have exceeded the rate limit.");
            found.Finish = call;
            if (kind == "reel") return Results.Json(new { success = true });
            return Results.Json(new { success = true, post_id = Show(found).Id.Split('_')[1] });
        }
    }

    private PagePost Show(PageVideo video) => video.Post = posts.Show(video.Page, video.Kind,
        video.Kind == "video-story" ? "" : video.Finish!["description"] ?? "", null, [video.Id], [video.File!],
        video.Finish!["title"]);

    private async Task<IResult> UploadAsync(HttpContext context)
    {
        if (Session(context) is not { } video)
            return MetaError.Of(190, "Invalid OAuth access token - Cannot parse access token");
        var headers = context.Request.Headers;
        if (headers.TryGetValue("file_url", out var url))
        {
            var bytes = await Pull.GetAsync(url, CancellationToken.None);
            if (bytes is null) return Failed("ProcessingFailedError", "The file could not be fetched", retriable: true);
            Judge(video, bytes);
            return Results.Json(new { success = true });
        }
        if (!int.TryParse(headers["offset"], CultureInfo.InvariantCulture, out var offset)
            || !long.TryParse(headers["file_size"], CultureInfo.InvariantCulture, out var size)
            || offset != video.Received.Count || (video.Expected != 0 && video.Expected != size))
            return Failed("OffsetInvalidError", "The offset does not fit", retriable: true);
        video.Expected = size;
        video.Received.AddRange(await context.Request.Body.BytesAsync());
        if (video.Received.Count < size) return Failed("PartialRequestError", "More bytes are to come", retriable: true);
        Judge(video, [.. video.Received]);
        return Results.Json(new { success = true });
    }

    private static IResult Failed(string type, string message, bool retriable) => Results.Json(
        new { debug_info = new { retriable, type, message } }, statusCode: 400);

    private PageVideo? Session(HttpContext context) =>
        _all.TryGetValue(context.Part("id"), out var video)
            && network.Sim.Grants.ByAccess(context.Request.Token("OAuth")) is { Revoked: false } grant
            && grant.Bound == video.Page.Id ? video : null;

    private void Judge(PageVideo video, byte[]? bytes)
    {
        video.ReadyAt = Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds);
        if (bytes is null)
        {
            video.Error = "The file could not be fetched";
            return;
        }
        var facts = VideoFacts.Read(bytes);
        video.File = PublishedFile.Of(facts?.MimeType ?? "", bytes, null);
        video.Error = facts is not { MimeType: "video/mp4" or "video/quicktime", Measured: true } ? "The format is not supported"
            : bytes.Length > Rules.VideoBytes ? "The video is too large"
            : video.Kind switch
            {
                "reel" when facts.Seconds is < 3 or > 90 => "The length must be 3 to 90 seconds",
                "reel" when facts.Width < 540 || facts.Height < 960
                    || Math.Abs(((double)facts.Width / facts.Height) - (9.0 / 16)) > 0.01 => "The shape must be 9:16",
                "reel" when facts.FramesPerSecond is < 23.9 or > 60.1 => "The frame rate must be 24 to 60",
                "reel" when facts.MimeType != "video/mp4" || facts.AudioCodec is not ("" or "mp4a")
                    || facts.VideoCodec is not ("avc1" or "avc3" or "hvc1" or "hev1" or "vp09" or "av01")
                    => "The format is not supported",
                "video-story" when facts.Seconds > 60 => "The length must be at most 60 seconds",
                _ => null,
            };
    }

    private JsonObject Describe(PageVideo video)
    {
        var ready = video.IsReady(Now);
        var processing = new JsonObject { ["status"] = !ready ? video.ReadyAt is null ? "not_started" : "in_progress"
            : video.Error is null ? "complete" : "error" };
        if (ready && video.Error is not null) processing["error"] = new JsonObject { ["message"] = video.Error };
        var publishing = new JsonObject { ["status"] = video.Post is not null ? "complete"
            : video.Finish is null ? "not_started" : "in_progress" };
        if (video.Post is not null) publishing["publish_status"] = "published";
        return new JsonObject
        {
            ["id"] = video.Id,
            ["description"] = video.Finish?["description"],
            ["created_time"] = video.Post is { } post ? FacebookPosts.Time(post.CreatedAt) : null,
            ["permalink_url"] = video.Post?.Permalink,
            ["status"] = new JsonObject
            {
                ["video_status"] = video.ReadyAt is null ? "uploading" : !ready ? "processing"
                    : video.Error is null ? "ready" : "error",
                ["uploading_phase"] = new JsonObject
                {
                    ["status"] = video.ReadyAt is null ? "in_progress" : "complete",
                    ["bytes_transfered"] = video.File?.Size ?? video.Received.Count,
                },
                ["processing_phase"] = processing,
                ["publishing_phase"] = publishing,
            },
        };
    }
}
