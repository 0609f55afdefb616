using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.TikTok;

/// <summary>Posts: asked for, pulled or pushed, worked on, shown; with errors that may hide in an answer of
/// 200.</summary>
internal sealed class TikTokPosts(TikTokNetwork network)
{
    private const int VideoTitle = 2200;
    private const int PhotoTitle = 90;
    private const int PhotoDescription = 4000;
    private const int MostPhotos = 35;
    private const long MostChunks = 1000;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly HttpClient Puller = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly ConcurrentDictionary<string, TikTokPost> _posts = new();
    private readonly Lock _gate = new();
    private long _lastId;

    private Simulation Sim => network.Sim;

    private TikTokSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        void Post(string path, string name, Func<int> perMinute, string scope, Func<HttpContext, Grant,
            Task<IResult>> work) =>
            routes.On("POST", path, context =>
                network.GuardAsync(context, name, perMinute(), scope, grant => work(context, grant)));
        Post("/v2/post/publish/creator_info/query", "creator", () => Rules.CreatorInfoPerMinute, "video.publish",
            (_, grant) => Task.FromResult(CreatorInfo(grant)));
        Post("/v2/post/publish/video/init", "video", () => Rules.InitPerMinute, "video.publish", async (context, grant) =>
            Video(context, await context.Request.JsonAsync(), grant, false));
        Post("/v2/post/publish/inbox/video/init", "inbox", () => Rules.InitPerMinute, "video.upload",
            async (context, grant) =>
            Video(context, await context.Request.JsonAsync(), grant, true));
        routes.On("POST", "/v2/post/publish/content/init", async context =>
        {
            var body = await context.Request.JsonAsync();
            var draft = body.Text("post_mode") == "MEDIA_UPLOAD";
            return await network.GuardAsync(context, "content", Rules.InitPerMinute,
                draft ? "video.upload" : "video.publish", grant => Task.FromResult(Photos(body, grant, draft)));
        });
        routes.On("POST", "/v2/post/publish/status/fetch", context => OwnAsync(context, "status", Status));
        routes.On("POST", "/v2/post/publish/cancel", context => OwnAsync(context, "cancel", post =>
        {
            if (!post.IsOver) post.FailReason = "publish_cancelled";
            return TikTokNetwork.Ok([]);
        }));
        Post("/v2/video/list", "list", () => Rules.ListPerMinute, "video.list", async (context, grant) =>
            List(context.Request, await context.Request.JsonAsync(), grant));
    }

    public TikTokPost? ByUpload(string id, string token) =>
        _posts.Values.FirstOrDefault(post => post.UploadToken == token
            && post.PublishId.EndsWith(id, StringComparison.Ordinal)
            && id.Length > 0);

    /// <summary>All bytes are there.</summary>
    public void Arrived(TikTokPost post, IEnumerable<byte[]> files)
    {
        post.Files.AddRange(files);
        post.ArrivedAt = Sim.Now;
    }

    /// <summary>Publishes what has been worked on long enough.</summary>
    public async Task SettleAsync()
    {
        foreach (var post in _posts.Values.Where(post => !post.IsOver).OrderBy(post => post.StartedAt))
        {
            if (post.Pull is { } pull && post.StartedAt.AddSeconds(Rules.DownloadSeconds) <= Sim.Now) await pull;
            lock (_gate)
                if (!post.IsOver && post.ArrivedAt?.AddSeconds(Rules.ProcessingSeconds) <= Sim.Now) Finish(post);
        }
    }

    private void Finish(TikTokPost post)
    {
        var account = post.Grant.Account;
        post.FailReason = post.Grant.Revoked ? "auth_removed" : Rules.FailReason is { Length: > 0 } reason ? reason
            : account.Has("banned") ? "spam_risk_user_banned_from_posting" : FileProblem(post);
        if (post.FailReason is not null) return;
        var files = post.Files.Select(file => PublishedFile.Of(
            ImageFacts.Read(file)?.MimeType ?? VideoFacts.Read(file)?.MimeType ?? "", file, null));
        post.PostId = _lastId = Math.Max(_lastId + 1, Sim.Now.ToUnixTimeSeconds() << 32);
        var kind = (post.IsPhoto ? "photos" : "video") + (post.IsDraft ? " draft" : "");
        if (post.IsDraft) post.Inbox = true;
        else post.PublishedAt = Sim.Now;
        Sim.Publish(account, kind, Number(post.PostId), post.Title, files, ("publishId", post.PublishId),
            ("description", post.Description), ("privacy", post.Privacy), ("permalink", Link(post)));
    }

    private string? FileProblem(TikTokPost post)
    {
        if (post.IsPhoto)
            return post.Files.Select(file => (Facts: ImageFacts.Read(file), file.LongLength)).Select(file =>
                file.Facts?.MimeType is not ("image/jpeg" or "image/webp") || file.Facts.Frames > 1
                    || file.LongLength > Rules.PhotoBytes
                    ? "file_format_check_failed"
                : Math.Max(file.Facts.Width, file.Facts.Height) > Rules.PhotoLongSide
                    || Math.Min(file.Facts.Width, file.Facts.Height) > Rules.PhotoShortSide
                    ? "picture_size_check_failed" : null).FirstOrDefault(problem => problem is not null);
        var video = VideoFacts.Read(post.Files[0]);
        if (video is null) return "file_format_check_failed";
        if (video.MimeType == "video/webm") return null;
        return !video.Measured || video.VideoCodec is not ("avc1" or "avc3" or "hvc1" or "hev1" or "vp08" or "vp09")
            ? "file_format_check_failed"
            : video.Seconds > LongestVideo(post.Grant.Account) ? "duration_check_failed"
            : video.FramesPerSecond is < 22.9 or > 60.1 ? "frame_rate_check_failed"
            : Math.Min(video.Width, video.Height) < 360 || Math.Max(video.Width, video.Height) > 4096
                ? "picture_size_check_failed" : null;
    }

    private IResult CreatorInfo(Grant grant)
    {
        var account = grant.Account;
        if (Stopped(account) is { } stopped) return TikTokNetwork.Error(200, stopped, "The user cannot post now.");
        return TikTokNetwork.Ok(new JsonObject
        {
            ["creator_avatar_url"] = $"https://p16.tiktokcdn.com/{account.Handle}.jpeg",
            ["creator_username"] = account.Handle,
            ["creator_nickname"] = account.Name,
            ["privacy_level_options"] = new JsonArray([.. Privacies(account).Select(one => JsonValue.Create(one))]),
            ["comment_disabled"] = account.Has("commentDisabled"),
            ["duet_disabled"] = account.Has("private") || account.Has("duetDisabled"),
            ["stitch_disabled"] = account.Has("private") || account.Has("stitchDisabled"),
            ["max_video_post_duration_sec"] = LongestVideo(account),
        });
    }

    private int LongestVideo(Account account) => account.Traits.TryGetValue("maxSeconds", out var text)
        ? int.Parse(text, CultureInfo.InvariantCulture) : Rules.DefaultVideoSeconds;

    private static string[] Privacies(Account account) =>
        [account.Has("private") ? "FOLLOWER_OF_CREATOR" : "PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"];

    private string? Stopped(Account account) => account.Has("banned") ? "spam_risk_user_banned_from_posting"
        : Rules.CreatorCapReached ? "reached_active_user_cap"
        : Recent(account, false) >= Rules.PostsPerDay ? "spam_risk_too_many_posts" : null;

    private int Recent(Account account, bool drafts) => _posts.Values.Count(post => post.Grant.Account == account
        && post.IsDraft == drafts && post.FailReason is null && post.StartedAt > Sim.Now - Day);

    private IResult Video(HttpContext context, JsonObject? body, Grant grant, bool draft)
    {
        var info = body?["post_info"];
        if (!draft && Info(info, "title", VideoTitle) is { } wrong) return Invalid(wrong);
        var source = body?["source_info"];
        var pull = source.Text("source") == "PULL_FROM_URL";
        if (!pull && source.Text("source") != "FILE_UPLOAD") return Invalid("source_info.source is invalid");
        if ((pull ? Source(source.Text("video_url")) : Chunks(source)) is { } refused) return refused;
        if (Refused(grant.Account, info, draft) is { } stopped) return stopped;
        return Start(context.Request.Origin(), pull ? "v_pub_url" : "v_pub_file", grant, draft, false, info,
            pull ? [source.Text("video_url")!] : [], source);
    }

    private IResult Photos(JsonObject? body, Grant grant, bool draft)
    {
        var info = body?["post_info"];
        if (body.Text("media_type") != "PHOTO" || (!draft && body.Text("post_mode") != "DIRECT_POST"))
            return Invalid("media_type or post_mode is invalid");
        if ((draft ? null : Info(info, "title", PhotoTitle)) is { } wrong) return Invalid(wrong);
        if ((info.Text("title")?.Length ?? 0) > PhotoTitle
            || (info.Text("description")?.Length ?? 0) > PhotoDescription)
            return Invalid("post_info.description is too long");
        var source = body?["source_info"];
        var photos = source.Texts("photo_images");
        if (source.Text("source") != "PULL_FROM_URL" || photos is null or { Count: < 1 or > MostPhotos }
            || (source.Number("photo_cover_index") ?? 0) is var cover && (cover < 0 || cover >= photos.Count))
            return Invalid("source_info is invalid");
        if (photos.Select(Source).FirstOrDefault(problem => problem is not null) is { } refused) return refused;
        return Refused(grant.Account, info, draft)
            ?? Start("", "p_pub_url", grant, draft, true, info, photos, source);
    }

    private static string? Info(JsonNode? info, string title, int most) =>
        info is null ? "post_info is required"
        : (info.Text(title)?.Length ?? 0) > most ? $"post_info.{title} is too long"
        : info.Text("privacy_level") is null ? "post_info.privacy_level is required"
        : info.Flag("brand_content_toggle") is null || info.Flag("brand_organic_toggle") is null
            ? "post_info needs brand_content_toggle and brand_organic_toggle"
        : info.Flag("brand_content_toggle") == true && info.Text("privacy_level") == "SELF_ONLY"
            ? "branded content cannot be private" : null;

    private IResult? Refused(Account account, JsonNode? info, bool draft)
    {
        if (draft)
            return Recent(account, true) >= Rules.PendingDrafts
                ? TikTokNetwork.Error(403, "spam_risk_too_many_pending_share", "Too many pending drafts.") : null;
        if (Stopped(account) is { } stopped) return TikTokNetwork.Error(403, stopped, "The user cannot post now.");
        var privacy = info.Text("privacy_level")!;
        if (!Rules.Audited && (privacy != "SELF_ONLY" || !account.Has("private")))
            return TikTokNetwork.Error(403, "unaudited_client_can_only_post_to_private_accounts",
                "Unaudited clients post privately, to private accounts.");
        return Privacies(account).Contains(privacy) ? null : TikTokNetwork.Error(403, "privacy_level_option_mismatch",
            "privacy_level is none of the options of the creator.");
    }

    private IResult? Chunks(JsonNode? source)
    {
        var (size, chunk, count) = (source.Number("video_size"), source.Number("chunk_size"),
            source.Number("total_chunk_count"));
        if (size is null or < 1 || chunk is null or < 1 || count is null or < 1 or > MostChunks
            || size > Rules.VideoBytes)
            return Invalid("source_info sizes are invalid");
        var whole = chunk == size && count == 1;
        if (size < Rules.SmallestChunk) return whole ? null : Invalid("The chunk size is invalid");
        if (chunk < Rules.SmallestChunk || chunk > Rules.LargestChunk) return Invalid("The chunk size is invalid");
        if (count != size / chunk) return Invalid("The total chunk count is invalid");
        return size - chunk * (count - 1) > Rules.LargestLastChunk ? Invalid("The chunk size is invalid") : null;
    }

    private IResult? Source(string? url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri)) return Invalid("The address is invalid");
        if (Rules.PullFromAnywhere) return null;
        if (uri.Scheme != "https" || IPAddress.TryParse(uri.Host.Trim('[', ']'), out _))
            return Invalid("The address must be https with a domain");
        return Rules.OwnedSources.Length == 0 || Rules.OwnedSources.Any(owned =>
            owned.Contains("://", StringComparison.Ordinal) ? url!.StartsWith(owned, StringComparison.Ordinal)
            : uri.Host == owned || uri.Host.EndsWith("." + owned, StringComparison.OrdinalIgnoreCase))
            ? null : TikTokNetwork.Error(403, "url_ownership_unverified", "Please review our URL ownership rules.");
    }

    private IResult Start(string origin, string prefix, Grant grant, bool draft, bool photo, JsonNode? info,
        List<string> sources, JsonNode? source)
    {
        var id = Grants.Secret(9);
        var token = sources.Count == 0 ? Grants.Secret() : null;
        var post = new TikTokPost
        {
            PublishId = $"{(draft ? prefix.Replace("pub", "inbox", StringComparison.Ordinal) : prefix)}~v2-1.{id}",
            Grant = grant,
            IsDraft = draft,
            IsPhoto = photo,
            Title = info.Text("title") ?? "",
            Description = info.Text("description") ?? "",
            Privacy = info.Text("privacy_level") ?? "",
            StartedAt = Sim.Now,
            Sources = sources,
            UploadToken = token,
            Size = source.Number("video_size") ?? 0,
            ChunkSize = source.Number("chunk_size") ?? 0,
            Chunks = source.Number("total_chunk_count") ?? 0,
        };
        _posts[post.PublishId] = post;
        var data = new JsonObject { ["publish_id"] = post.PublishId };
        if (token is null) post.Pull = PullAsync(post);
        else data["upload_url"] = $"{origin}/video/?upload_id={id}&upload_token={token}";
        return TikTokNetwork.Ok(data);
    }

    private async Task PullAsync(TikTokPost post)
    {
        try
        {
            var files = new List<byte[]>();
            foreach (var source in post.Sources)
            {
                using var answer = await Puller.GetAsync(source);
                if (answer.StatusCode != HttpStatusCode.OK)
                {
                    post.FailReason = post.IsPhoto ? "photo_pull_failed" : "video_pull_failed";
                    return;
                }
                files.Add(await answer.Content.ReadAsByteArrayAsync());
            }
            Arrived(post, files);
        }
        catch (HttpRequestException)
        {
            post.FailReason = post.IsPhoto ? "photo_pull_failed" : "video_pull_failed";
        }
    }

    private async Task<IResult> OwnAsync(HttpContext context, string name, Func<TikTokPost, IResult> work)
    {
        var body = await context.Request.JsonAsync();
        var post = _posts.GetValueOrDefault(body.Text("publish_id") ?? "");
        var scope = post?.IsDraft == true ? "video.upload" : "video.publish";
        return await network.GuardAsync(context, name, Rules.StatusPerMinute, scope, grant => Task.FromResult(
            post is null ? TikTokNetwork.Error(400, "invalid_publish_id", "The publish_id does not exist.")
            : post.Grant.Account != grant.Account
                ? TikTokNetwork.Error(400, "token_not_authorized_for_specified_publish_id", "The token cannot see it.")
            : work(post)));
    }

    private IResult Status(TikTokPost post)
    {
        var data = new JsonObject
        {
            ["status"] = post.FailReason is not null ? "FAILED" : post.Inbox ? "SEND_TO_USER_INBOX"
                : post.PublishedAt is not null ? "PUBLISH_COMPLETE"
                : post.Pull is null ? "PROCESSING_UPLOAD" : "PROCESSING_DOWNLOAD",
            ["uploaded_bytes"] = post.Received.Length,
            ["downloaded_bytes"] = post.Pull is null ? 0 : post.Files.Sum(file => file.LongLength),
        };
        if (post.FailReason is not null) data["fail_reason"] = post.FailReason;
        if (post.PublishedAt is not null)
            data["publicaly_available_post_id"] = IsPublic(post) ? new JsonArray(post.PostId) : new JsonArray();
        return TikTokNetwork.Ok(data);
    }

    private bool IsPublic(TikTokPost post) => post.Privacy == "PUBLIC_TO_EVERYONE"
        && post.PublishedAt?.AddSeconds(Rules.ModerationSeconds) <= Sim.Now;

    private IResult List(HttpRequest request, JsonObject? body, Grant grant)
    {
        var fields = request.Query["fields"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries);
        var count = body.Number("max_count") ?? 10;
        if (fields.Length == 0 || count is < 1 or > 20)
            return TikTokNetwork.Error(400, "invalid_params", "fields or max_count is invalid.");
        var before = body.Number("cursor") ?? long.MaxValue;
        var posts = _posts.Values.Where(post => post.Grant.Account == grant.Account && IsPublic(post)
                && post.PublishedAt!.Value.ToUnixTimeMilliseconds() < before)
            .OrderByDescending(post => post.PostId).ToList();
        var page = posts.Take((int)count).ToList();
        return TikTokNetwork.Ok(new JsonObject
        {
            ["videos"] = new JsonArray([.. page.Select(post => Row(post, fields))]),
            ["cursor"] = page.Count == 0 ? 0 : page[^1].PublishedAt!.Value.ToUnixTimeMilliseconds(),
            ["has_more"] = posts.Count > page.Count,
        });
    }

    private static JsonObject Row(TikTokPost post, string[] fields)
    {
        var row = new JsonObject();
        foreach (var field in fields)
            row[field] = field switch
            {
                "id" => Number(post.PostId),
                "create_time" => post.PublishedAt!.Value.ToUnixTimeSeconds(),
                "title" => post.Title.Length > 150 ? post.Title[..150] : post.Title,
                "video_description" => post.IsPhoto ? post.Description : post.Title,
                "share_url" => Link(post),
                _ => null,
            };
        return row;
    }

    private static string Link(TikTokPost post) =>
        $"https://www.tiktok.com/@{post.Grant.Account.Handle}/{(post.IsPhoto ? "photo" : "video")}/{Number(post.PostId)}";

    private static string Number(long id) => id.ToString(CultureInfo.InvariantCulture);

    private static IResult Invalid(string message) => TikTokNetwork.Error(400, "invalid_param", message);
}
