using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Threads;

/// <summary>Containers, publishing, quota and listings of Threads.</summary>
internal sealed partial class ThreadsPosts(ThreadsNetwork network)
{
    private const string Publish = "threads_content_publish";
    private const string Basic = "threads_basic";

    private static readonly HashSet<string> ReplyControls =
        ["everyone", "accounts_you_follow", "mentioned_only", "parent_post_author_only", "followers_only"];

    private readonly ContainerBook _book = new(network.Sim);
    private readonly MetaIds _ids = new();

    private ThreadsSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/v1.0/{id}/threads", context => Own(context, Publish, CreateAsync));
        routes.On("POST", "/v1.0/{id}/threads_publish", context => Own(context, Publish, (call, grant) =>
            Task.FromResult(_book.Find(call["creation_id"], grant.Account) is { } found
                && found.CreatedAt + TimeSpan.FromSeconds(Rules.VisibleAfterSeconds) <= Now
                ? PublishNow(found) : MetaError.Of(24, "The requested resource does not exist", 4279009))));
        routes.On("GET", "/v1.0/{id}/threads_publishing_limit", context => Own(context, Basic, (_, grant) =>
            Task.FromResult(Limit(grant.Account))));
        routes.On("GET", "/v1.0/{id}/threads", context => Own(context, Basic, (call, grant) =>
            Task.FromResult(List(call, grant.Account))));
        routes.On("GET", "/v1.0/{id}", context => network.GuardAsync(context, Basic, (call, grant) =>
            Task.FromResult(Read(call, grant.Account, context.Part("id")))));
    }

    /// <summary>Characters as Threads counts them: code points, and emoji by their UTF-8 bytes.</summary>
    public static int Count(string text)
    {
        var count = 0;
        var clusters = StringInfo.GetTextElementEnumerator(text);
        while (clusters.MoveNext())
        {
            var cluster = clusters.GetTextElement();
            var emoji = cluster.EnumerateRunes().Any(rune => rune.Value is >= 0x1F000 and <= 0x1FAFF
                or (>= 0x2600 and <= 0x27BF) or 0xFE0F or 0x20E3);
            count += emoji ? Encoding.UTF8.GetByteCount(cluster) : cluster.EnumerateRunes().Count();
        }
        return count;
    }

    private Task<IResult> Own(HttpContext context, string scope, Func<MetaCall, Grant, Task<IResult>> work) =>
        network.GuardAsync(context, scope, (call, grant) => context.Part("id") is var id
            && (id == grant.Account.Id || id == "me") ? work(call, grant) : Task.FromResult(MetaError.Missing()));

    private async Task<IResult> CreateAsync(MetaCall call, Grant grant)
    {
        var account = grant.Account;
        if (account.Has("restricted")) return MetaError.Of(10, "The user is restricted", 4279013, 400);
        var type = call["media_type"];
        if (type is not ("TEXT" or "IMAGE" or "VIDEO" or "CAROUSEL"))
            return MetaError.Parameter("media_type must be TEXT, IMAGE, VIDEO or CAROUSEL");
        if (call["reply_to_id"] is { } parent)
        {
            if (!grant.Scopes.Contains("threads_manage_replies"))
                return MetaError.Of(10, "(#10) The permission threads_manage_replies is missing");
            if (network.Sim.Journal.Read().All(entry => entry.Id != parent)) return MetaError.Missing();
        }
        if (TextProblem(call, type) is { } refused) return refused;
        var container = new Container
        {
            Id = _ids.Next(),
            Owner = account,
            Kind = type,
            Call = call,
            CreatedAt = Now,
            ReadyAt = Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds),
        };
        var problem = type switch
        {
            "TEXT" => null,
            "CAROUSEL" => Gather(container),
            _ => await FetchAsync(container),
        };
        if (problem is not null) return problem;
        _book.Add(container);
        if (type != "TEXT" || !call.Is("auto_publish_text")) return Results.Json(new { id = container.Id });
        container.ReadyAt = Now;
        return PublishNow(container);
    }

    private IResult? TextProblem(MetaCall call, string type)
    {
        var text = call["text"] ?? "";
        if (type == "TEXT" && text.Length == 0) return MetaError.Parameter("text is required");
        if (Count(text) > Rules.TextLength)
            return MetaError.Parameter($"Param text must be at most {Rules.TextLength} characters long.");
        var links = LinkShape().Matches(text).Select(found => found.Value).Append(call["link_attachment"] ?? "")
            .Where(link => link.Length > 0).Distinct().Count();
        if (links > Rules.Links) return MetaError.Of(100, "THREADS_API__LINK_LIMIT_EXCEEDED");
        if (call["link_attachment"] is { } link && (type != "TEXT" || !Uri.TryCreate(link, UriKind.Absolute, out _)))
            return MetaError.Parameter("link_attachment must be a URL on a text post");
        if (call["topic_tag"] is { } tag && (tag.Length is < 1 or > 50 || tag.IndexOfAny(['.', '&']) >= 0))
            return MetaError.Parameter("topic_tag must have 1 to 50 characters without . and &");
        if (call["reply_control"] is { } control && !ReplyControls.Contains(control))
            return MetaError.Parameter("reply_control is not valid");
        return call["alt_text"] is { } alt && (type is "TEXT" or "CAROUSEL"
            || alt.EnumerateRunes().Count() > Rules.AltTextLength)
            ? MetaError.Parameter("alt_text must have at most 1000 characters and media") : null;
    }

    private IResult? Gather(Container container)
    {
        var children = (container.Call["children"] ?? "").Trim('[', ']').Split(',', StringSplitOptions.TrimEntries
            | StringSplitOptions.RemoveEmptyEntries).Select(id => _book.Find(id.Trim('"'), container.Owner)).ToList();
        if (children.Count is < 2 or > 20) return MetaError.Parameter("A carousel has 2 to 20 items");
        if (children.Any(child => child is null or { IsChild: false } || child.Status(Now) != "FINISHED"))
            return MetaError.Parameter("A child is unknown or not ready");
        container.Files.AddRange(children.SelectMany(child => child!.Files));
        return null;
    }

    private async Task<IResult?> FetchAsync(Container container)
    {
        var video = container.Kind == "VIDEO";
        var name = video ? "video_url" : "image_url";
        if (string.IsNullOrEmpty(container.Call[name])) return MetaError.Parameter($"The parameter {name} is required");
        var bytes = await Pull.GetAsync(container.Call[name], CancellationToken.None);
        if (bytes is null) container.Error = video ? "FAILED_DOWNLOADING_VIDEO" : "UNKNOWN";
        else if (video) container.Error = VideoProblem(VideoFacts.Read(bytes), bytes);
        else container.Error = ImageProblem(ImageFacts.Read(bytes), bytes);
        if (bytes is not null)
            container.Files.Add(PublishedFile.Of(VideoFacts.Read(bytes)?.MimeType ?? ImageFacts.Read(bytes)?.MimeType
                ?? "", bytes, container.Call["alt_text"]));
        return null;
    }

    private string? ImageProblem(ImageFacts? image, byte[] bytes)
    {
        if (image is not { MimeType: "image/jpeg" or "image/png" } || bytes.Length > Rules.ImageBytes) return "UNKNOWN";
        var ratio = (double)image.Width / image.Height;
        return ratio < Rules.ImageMinRatio || ratio > Rules.ImageMaxRatio ? "INVALID_ASPEC_RATIO" : null;
    }

    private string? VideoProblem(VideoFacts? video, byte[] bytes) => video switch
    {
        not { MimeType: "video/mp4" or "video/quicktime", Measured: true } => "FAILED_PROCESSING_VIDEO",
        _ when bytes.Length > Rules.VideoBytes || video.Width > 1920 => "FAILED_PROCESSING_VIDEO",
        _ when video.Seconds > Rules.VideoSeconds => "INVALID_DURATION",
        _ when video.FramesPerSecond is < 22.9 or > 60.1 => "INVALID_FRAME_RATE",
        _ => null,
    };

    private IResult PublishNow(Container container)
    {
        var (account, reply) = (container.Owner, container.Call["reply_to_id"]);
        if (container.IsChild) return MetaError.Parameter("A carousel item cannot be published by itself");
        if (account.Has("spam")) return MetaError.Of(4, "The action is restricted as spam", 2207051, 403);
        if (container.Status(Now) is "IN_PROGRESS" or "ERROR" or "EXPIRED")
            return MetaError.Parameter("The container is " + container.Status(Now));
        if (_book.Used(account, reply is not null) >= (reply is null ? Rules.PostsPerDay : Rules.RepliesPerDay))
            return MetaError.Of(9, "The daily publishing limit is reached", 2207042);
        var id = _ids.Next();
        if (!_book.Publish(container, id)) return MetaError.Parameter("The container is published already");
        network.Sim.Publish(account, reply is null ? "post" : "reply", id, container.Call["text"] ?? "",
            container.Files, ("parent", reply), ("link", container.Call["link_attachment"]),
            ("topic", container.Call["topic_tag"]), ("quote", container.Call["quote_post_id"]));
        return Results.Json(new { id });
    }

    private IResult Limit(Account account) => Results.Json(new
    {
        data = new[]
        {
            new
            {
                quota_usage = _book.Used(account),
                config = new { quota_total = Rules.PostsPerDay, quota_duration = 86400 },
                reply_quota_usage = _book.Used(account, replies: true),
                reply_config = new { quota_total = Rules.RepliesPerDay, quota_duration = 86400 },
            },
        },
    });

    private IResult List(MetaCall call, Account account)
    {
        var limit = int.TryParse(call["limit"], CultureInfo.InvariantCulture, out var asked) ? asked : 25;
        var since = long.TryParse(call["since"], CultureInfo.InvariantCulture, out var from) ? from : 0;
        var items = _book.Published(account, Rules.ListingLagSeconds)
            .Where(item => item.Call["reply_to_id"] is null && item.PublishedAt.ToUnixTimeSeconds() >= since)
            .Take(limit).Select(item => (JsonNode)call.Pick(Describe(item)));
        return Results.Json(new JsonObject { ["data"] = new JsonArray([.. items]) });
    }

    private IResult Read(MetaCall call, Account account, string id)
    {
        if (_book.Find(id, account) is { } container)
        {
            var state = new JsonObject { ["id"] = id, ["status"] = container.Status(Now) };
            if (container.Status(Now) == "ERROR") state["error_message"] = container.Error;
            return Results.Json(call.Pick(state));
        }
        return _book.FindMedia(id, account) is { } media ? Results.Json(call.Pick(Describe(media)))
            : MetaError.Missing();
    }

    private static JsonObject Describe(Container item) => new()
    {
        ["id"] = item.MediaId,
        ["text"] = item.Call["text"],
        ["permalink"] = $"https://www.threads.com/@{item.Owner.Handle}/post/{item.Shortcode}",
        ["shortcode"] = item.Shortcode,
        ["timestamp"] = item.PublishedAt.ToString("yyyy-MM-dd'T'HH:mm:ss'+0000'", CultureInfo.InvariantCulture),
        ["media_type"] = item.Kind switch { "TEXT" => "TEXT_POST", "CAROUSEL" => "CAROUSEL_ALBUM", var kind => kind },
    };

    [GeneratedRegex(@"https?://[^\s]+")]
    private static partial Regex LinkShape();
}
