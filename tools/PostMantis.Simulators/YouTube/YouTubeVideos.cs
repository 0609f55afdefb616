using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.YouTube;

/// <summary>A film on a channel.</summary>
internal sealed class YouTubeVideo
{
    public required string Id { get; init; }
    public required Account Owner { get; init; }
    public required JsonObject Resource { get; init; }
    public required byte[] Bytes { get; init; }
    public required DateTimeOffset At { get; init; }
    public string? FailureReason { get; init; }
    public bool IsShort { get; init; }
}

/// <summary>Films after the upload: processing, thumbnails, comments, and the list of uploads.</summary>
internal sealed class YouTubeVideos(YouTubeNetwork network)
{
    private const double LongestShort = 180;
    private const int LongestComment = 10_000;
    private readonly Lock _gate = new();
    private readonly List<YouTubeVideo> _videos = [];

    private static readonly string[] Reading = [GoogleConsent.ReadOnly, GoogleConsent.All, GoogleConsent.ForceSsl];
    private static readonly string[] Writing = [GoogleConsent.Upload, GoogleConsent.All, GoogleConsent.ForceSsl];
    private static readonly string[] Speaking = [GoogleConsent.ForceSsl];

    private YouTubeSettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET", "/youtube/v3/channels", context => network.GuardAsync(context, 1, Reading,
            grant => Task.FromResult(Channels(grant.Account))));
        routes.On("GET", "/youtube/v3/videos", context => network.GuardAsync(context, 1, Reading,
            grant => Task.FromResult(List(context.Request, grant.Account))));
        routes.On("GET", "/youtube/v3/playlistItems", context => network.GuardAsync(context, 1, Reading,
            grant => Task.FromResult(Uploads(context.Request, grant.Account))));
        routes.On("POST", "/upload/youtube/v3/thumbnails/set", context => network.GuardAsync(context, 50, Writing,
            grant => ThumbnailAsync(context.Request, grant.Account)));
        routes.On("POST", "/youtube/v3/commentThreads", context => network.GuardAsync(context, 50, Speaking,
            async grant => Comment(await context.Request.JsonAsync(), grant.Account)));
    }

    /// <summary>Puts a film on the channel; processing starts.</summary>
    public JsonObject Insert(Account owner, JsonObject resource, byte[] bytes)
    {
        var facts = VideoFacts.Read(bytes);
        var video = new YouTubeVideo
        {
            Id = Convert.ToBase64String(RandomNumberGenerator.GetBytes(9))[..11].Replace('+', '-').Replace('/', '_'),
            Owner = owner,
            Resource = resource,
            Bytes = bytes,
            At = Sim.Now,
            FailureReason = facts is null ? "invalidFile"
                : facts.MimeType != "video/webm" && !facts.Measured ? "codec"
                : !owner.Has("phone") && facts.Seconds > Rules.UnverifiedSeconds ? "length" : null,
            IsShort = facts is { Measured: true } && facts.Height >= facts.Width && facts.Seconds <= LongestShort,
        };
        lock (_gate) _videos.Add(video);
        var title = resource["snippet"].Text("title") ?? "";
        Sim.Publish(owner, video.IsShort ? "short" : "video", video.Id, title,
            [PublishedFile.Of(facts?.MimeType ?? "application/octet-stream", bytes, null)],
            ("description", resource["snippet"].Text("description")), ("privacy", Privacy(video)),
            ("tags", string.Join(',', resource["snippet"].Texts("tags") ?? [])),
            ("permalink", "https://www.youtube.com/watch?v=" + video.Id));
        return Show(video, ["snippet", "status"]);
    }

    private static string Privacy(YouTubeVideo video) => video.Resource["status"].Text("privacyStatus") ?? "public";

    private static IResult Channels(Account account)
    {
        var items = new JsonArray();
        if (!account.Has("noChannel"))
            items.Add(new JsonObject
            {
                ["kind"] = "youtube#channel",
                ["id"] = account.Id,
                ["snippet"] = new JsonObject
                {
                    ["title"] = account.Name,
                    ["customUrl"] = "@" + account.Handle,
                    ["thumbnails"] = new JsonObject
                    {
                        ["default"] = new JsonObject { ["url"] = $"https://yt3.ggpht.com/{account.Handle}" },
                    },
                },
                ["contentDetails"] = new JsonObject
                {
                    ["relatedPlaylists"] = new JsonObject { ["uploads"] = Playlist(account) },
                },
            });
        return Results.Json(new JsonObject { ["kind"] = "youtube#channelListResponse", ["items"] = items });
    }

    private static string Playlist(Account account) => "UU" + account.Id[2..];

    private IResult List(HttpRequest request, Account account)
    {
        var ids = request.Query["id"].ToString().Split(',');
        var parts = request.Query["part"].ToString().Split(',');
        lock (_gate)
            return Results.Json(new JsonObject
            {
                ["kind"] = "youtube#videoListResponse",
                ["items"] = new JsonArray([.. _videos.Where(video => ids.Contains(video.Id)
                    && (video.Owner == account || Privacy(video) != "private")).Select(video => Show(video, parts))]),
            });
    }

    private JsonObject Show(YouTubeVideo video, string[] parts)
    {
        var shown = new JsonObject { ["kind"] = "youtube#video", ["id"] = video.Id };
        if (parts.Contains("snippet"))
        {
            shown["snippet"] = video.Resource["snippet"]!.DeepClone();
            shown["snippet"]!["publishedAt"] = Moment(video.At);
            shown["snippet"]!["channelId"] = video.Owner.Id;
        }
        var done = video.At.AddSeconds(Rules.ProcessingSeconds) <= Sim.Now;
        var rejected = done && video.FailureReason is null && Rules.RejectionReason is { Length: > 0 }
            && video.At.AddSeconds(Rules.ProcessingSeconds + Rules.RejectionSeconds) <= Sim.Now;
        if (parts.Contains("status"))
        {
            var status = video.Resource["status"]?.DeepClone() as JsonObject ?? [];
            status["privacyStatus"] = Privacy(video);
            var tooLong = video.FailureReason == "length";
            status["uploadStatus"] = !done ? "uploaded" : rejected || tooLong ? "rejected"
                : video.FailureReason is not null ? "failed" : "processed";
            if (done && video.FailureReason is not null && !tooLong) status["failureReason"] = video.FailureReason;
            if (done && (rejected || tooLong)) status["rejectionReason"] = tooLong ? "length" : Rules.RejectionReason;
            shown["status"] = status;
        }
        if (parts.Contains("processingDetails"))
        {
            var left = Math.Max(0, (video.At.AddSeconds(Rules.ProcessingSeconds) - Sim.Now).TotalMilliseconds);
            shown["processingDetails"] = new JsonObject
            {
                ["processingStatus"] = !done ? "processing" : video.FailureReason is null ? "succeeded" : "failed",
                ["processingProgress"] = new JsonObject
                {
                    ["partsTotal"] = "1",
                    ["partsProcessed"] = done ? "1" : "0",
                    ["timeLeftMs"] = ((long)left).ToString(CultureInfo.InvariantCulture),
                },
            };
        }
        return shown;
    }

    private IResult Uploads(HttpRequest request, Account account)
    {
        if (request.Query["playlistId"] != Playlist(account))
            return YouTubeNetwork.Error(404, "playlistNotFound", "The playlist cannot be found.",
                "youtube.playlistItem");
        var most = int.TryParse(request.Query["maxResults"], CultureInfo.InvariantCulture, out var asked) ? asked : 5;
        if (most is < 0 or > 50)
            return YouTubeNetwork.Error(400, "invalidParameter", "maxResults must be 0 to 50.", "youtube.parameter");
        var from = int.TryParse(request.Query["pageToken"], CultureInfo.InvariantCulture, out var page) ? page : 0;
        List<YouTubeVideo> all;
        lock (_gate) all = [.. _videos.Where(video => video.Owner == account).Reverse()];
        var answer = new JsonObject
        {
            ["kind"] = "youtube#playlistItemListResponse",
            ["items"] = new JsonArray([.. all.Skip(from).Take(most).Select(video => new JsonObject
            {
                ["snippet"] = new JsonObject
                {
                    ["title"] = video.Resource["snippet"].Text("title"),
                    ["description"] = video.Resource["snippet"].Text("description"),
                    ["publishedAt"] = Moment(video.At),
                },
                ["contentDetails"] = new JsonObject
                {
                    ["videoId"] = video.Id,
                    ["videoPublishedAt"] = Moment(video.At),
                },
            })]),
            ["pageInfo"] = new JsonObject { ["totalResults"] = all.Count, ["resultsPerPage"] = most },
        };
        if (all.Count > from + most) answer["nextPageToken"] = (from + most).ToString(CultureInfo.InvariantCulture);
        return Results.Json(answer);
    }

    private async Task<IResult> ThumbnailAsync(HttpRequest request, Account account)
    {
        var video = Own(request.Query["videoId"].ToString(), account);
        if (video is null)
            return YouTubeNetwork.Error(404, "videoNotFound", "The video cannot be found.", "youtube.thumbnail");
        if (!account.Has("phone"))
            return YouTubeNetwork.Error(403, "forbidden", "The channel may not set thumbnails.", "youtube.thumbnail");
        if (video.IsShort && video.At.AddSeconds(Rules.ProcessingSeconds) > Sim.Now)
            return YouTubeNetwork.Error(403, "forbidden", "The short is still processed.", "youtube.thumbnail");
        var bytes = await request.Body.BytesAsync();
        if (bytes.LongLength > Rules.ThumbnailBytes)
            return YouTubeNetwork.Error(413, "mediaTooLarge", "Media is larger than the limit.", "global");
        var image = ImageFacts.Read(bytes);
        if (image is null) return YouTubeNetwork.Error(400, "invalidImage", "The image is invalid.",
            "youtube.thumbnail");
        if (image.MimeType is not ("image/jpeg" or "image/png"))
            return YouTubeNetwork.Error(400, "imageFormatUnsupported", "The format is unsupported.",
                "youtube.thumbnail");
        Sim.Publish(account, "thumbnail", video.Id, "", [PublishedFile.Of(image.MimeType, bytes, null)]);
        return Results.Json(new JsonObject
        {
            ["kind"] = "youtube#thumbnailSetResponse",
            ["items"] = new JsonArray(new JsonObject
            {
                ["default"] = new JsonObject { ["url"] = $"https://i.ytimg.com/vi/{video.Id}/default.jpg" },
            }),
        });
    }

    private IResult Comment(JsonObject? body, Account account)
    {
        var snippet = body?["snippet"];
        var text = snippet?["topLevelComment"]?["snippet"].Text("textOriginal");
        if (string.IsNullOrWhiteSpace(text))
            return YouTubeNetwork.Error(400, "commentTextRequired", "The text is missing.", "youtube.commentThread");
        if (text.Length > LongestComment)
            return YouTubeNetwork.Error(400, "commentTextTooLong", "The text is too long.", "youtube.commentThread");
        YouTubeVideo? video;
        lock (_gate) video = _videos.FirstOrDefault(one => one.Id == snippet.Text("videoId"));
        if (video is null)
            return YouTubeNetwork.Error(404, "videoNotFound", "The video cannot be found.", "youtube.commentThread");
        var id = "Ug" + Grants.Secret(12);
        Sim.Publish(account, "comment", id, text, null, ("videoId", video.Id));
        return Results.Json(new JsonObject { ["kind"] = "youtube#commentThread", ["id"] = id,
            ["snippet"] = snippet!.DeepClone() });
    }

    private YouTubeVideo? Own(string id, Account account)
    {
        lock (_gate) return _videos.FirstOrDefault(video => video.Id == id && video.Owner == account);
    }

    private static string Moment(DateTimeOffset at) =>
        at.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
