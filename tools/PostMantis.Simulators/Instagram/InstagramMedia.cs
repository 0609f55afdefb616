using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Instagram;

/// <summary>Containers, publishing, quota and listings of Instagram.</summary>
internal sealed partial class InstagramMedia(InstagramNetwork network)
{
    private const string Publish = "instagram_business_content_publish";
    private const string Basic = "instagram_business_basic";
    private readonly ContainerBook _book = new(network.Sim);
    private readonly MetaIds _ids = new();

    private InstagramSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/{v}/{id}/media", context => Own(context, Publish, CreateAsync));
        routes.On("POST", "/{v}/{id}/media_publish", context => Own(context, Publish, (call, account) =>
            Task.FromResult(PublishNow(call, account))));
        routes.On("GET", "/{v}/{id}/content_publishing_limit", context => Own(context, Publish, (_, account) =>
            Task.FromResult(Results.Json(new { data = new[] { new { quota_usage = _book.Used(account), config =
                new { quota_total = Rules.PostsPerDay, quota_duration = 86400 } } } }))));
        routes.On("GET", "/{v}/{id}/media", context => Own(context, Basic, (call, account) =>
            Task.FromResult(List(call, account, stories: false))));
        routes.On("GET", "/{v}/{id}/stories", context => Own(context, Basic, (call, account) =>
            Task.FromResult(List(call, account, stories: true))));
        routes.On("GET", "/{v}/{id}", context => network.GuardAsync(context, Basic, (call, account) =>
            Task.FromResult(Read(call, account, context.Part("id")))));
    }

    private Task<IResult> Own(HttpContext context, string scope, Func<MetaCall, Account, Task<IResult>> work) =>
        network.GuardAsync(context, scope, (call, account) => context.Part("id") is var id
            && (id == account.Id || id == "me") ? work(call, account) : Task.FromResult(MetaError.Missing()));

    private async Task<IResult> CreateAsync(MetaCall call, Account account)
    {
        if (account.Has("restricted")) return MetaError.Of(25, "The account is restricted", 2207050);
        if (_book.Created(account) >= Rules.ContainersPerDay)
            return MetaError.Of(9, "Application request limit reached: containers", 2207042);
        var type = call["media_type"] ?? "IMAGE";
        if (type is not ("IMAGE" or "REELS" or "VIDEO" or "CAROUSEL" or "STORIES")
            || (type == "VIDEO" && !call.Is("is_carousel_item")))
            return MetaError.Of(100, "Unknown media_type", 2207023);
        if (CaptionProblem(call) is { } refused) return refused;
        var container = new Container
        {
            Id = _ids.Next(),
            Owner = account,
            Kind = type,
            Call = call,
            CreatedAt = Now,
            ReadyAt = Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds),
        };
        var problem = type == "CAROUSEL" ? Gather(container) : await FetchAsync(container);
        if (problem is not null) return problem;
        _book.Add(container);
        return Results.Json(new { id = container.Id });
    }

    private IResult? CaptionProblem(MetaCall call)
    {
        var caption = call["caption"] ?? "";
        if (caption.EnumerateRunes().Count() > Rules.CaptionLength)
            return MetaError.Of(36004, "The caption is too long", 2207010);
        if (HashtagShape().Count(caption) > Rules.Hashtags || MentionShape().Count(caption) > Rules.Mentions)
            return MetaError.Of(100, "Too many tags in the caption", 2207040);
        if (call["collaborators"] is { } people && people.Split(',').Length > 3)
            return MetaError.Parameter("At most 3 collaborators");
        return call["alt_text"] is { } alt && (call["image_url"] is null
            || alt.EnumerateRunes().Count() > Rules.AltTextLength)
            ? MetaError.Parameter("alt_text must have at most 1000 characters and an image") : null;
    }

    private IResult? Gather(Container container)
    {
        var children = (container.Call["children"] ?? "").Trim('[', ']').Split(',', StringSplitOptions.TrimEntries
            | StringSplitOptions.RemoveEmptyEntries).Select(id => _book.Find(id.Trim('"'), container.Owner)).ToList();
        if (children.Count is < 2 or > 10) return MetaError.Of(100, "A carousel has 2 to 10 items", 2207028);
        if (children.Any(child => child is null or { IsChild: false }))
            return MetaError.Of(24, "A child is unknown", 2207006);
        if (children.Any(child => child!.Status(Now) != "FINISHED"))
            return MetaError.Of(9007, "A child is not ready", 2207027);
        container.Files.AddRange(children.SelectMany(child => child!.Files));
        return null;
    }

    private async Task<IResult?> FetchAsync(Container container)
    {
        var (call, kind) = (container.Call, container.Kind);
        var video = kind is "REELS" or "VIDEO" || (kind == "STORIES" && call["image_url"] is null);
        var url = call[video ? "video_url" : "image_url"];
        if (string.IsNullOrEmpty(url))
            return MetaError.Parameter($"The parameter {(video ? "video_url" : "image_url")} is required");
        var bytes = await Pull.GetAsync(url, CancellationToken.None);
        if (bytes is null)
        {
            if (!video) return MetaError.Of(9004, "The media could not be fetched from this URI", 2207052);
            container.Error = "Error: Media download has failed: 2207052";
            return null;
        }
        if (video)
        {
            var facts = VideoFacts.Read(bytes);
            container.Error = VideoProblem(facts, bytes, kind == "STORIES");
            container.Files.Add(PublishedFile.Of(facts?.MimeType ?? "", bytes, null));
            return null;
        }
        var image = ImageFacts.Read(bytes);
        if (image?.MimeType != "image/jpeg") return MetaError.Of(36001, "The image format is not supported", 2207005);
        if (bytes.Length > Rules.ImageBytes) return MetaError.Of(36000, "The image is too large", 2207004);
        var ratio = (double)image.Width / image.Height;
        if (kind != "STORIES" && (ratio < Rules.ImageMinRatio || ratio > Rules.ImageMaxRatio + 0.005))
            return MetaError.Of(36003, "The aspect ratio is not supported", 2207009);
        container.Files.Add(PublishedFile.Of(image.MimeType, bytes, call["alt_text"]));
        return null;
    }

    private string? VideoProblem(VideoFacts? facts, byte[] bytes, bool story)
    {
        const string Format = "Error: Unsupported video format: 2207026";
        if (facts is not { MimeType: "video/mp4" or "video/quicktime", Measured: true }
            || facts.VideoCodec is not ("avc1" or "avc3" or "hvc1" or "hev1")
            || facts.AudioCodec is not ("" or "mp4a") || !Pull.IndexFirst(bytes))
            return Format;
        var ratio = (double)facts.Width / facts.Height;
        var most = story ? 60 : 900;
        return facts.Seconds < 3 || facts.Seconds > most || facts.Width > 1920
            || facts.FramesPerSecond is < 22.9 or > 60.1 || ratio is < 0.01 or > 10
            || bytes.Length > (story ? Rules.StoryBytes : Rules.ReelBytes)
            || bytes.Length * 8 / facts.Seconds > 25_000_000 ? Format : null;
    }

    private IResult PublishNow(MetaCall call, Account account)
    {
        if (_book.Find(call["creation_id"], account) is not { } container || container.Status(Now) == "EXPIRED")
            return MetaError.Of(24, "The requested resource does not exist", 2207008);
        if (container.IsChild) return MetaError.Parameter("A carousel item cannot be published by itself");
        if (account.Has("spam")) return MetaError.Of(4, "The action is restricted as spam", 2207051, 403);
        if (container.Status(Now) is "IN_PROGRESS") return MetaError.Of(9007, "Media ID is not available", 2207027);
        if (container.Status(Now) is "ERROR") return MetaError.Of(-2, "The container failed", 2207020);
        if (_book.Used(account) >= Rules.PostsPerDay)
            return MetaError.Of(9, "The daily publishing limit is reached", 2207042);
        var id = _ids.Next();
        if (!_book.Publish(container, id)) return MetaError.Of(-1, "The container is published already", 2207032);
        var kind = container.Kind switch { "STORIES" => "story", "REELS" => "reel", "CAROUSEL" => "carousel",
            _ => "image" };
        network.Sim.Publish(account, kind, id, container.Call["caption"] ?? "", container.Files);
        return Results.Json(new { id });
    }

    private IResult List(MetaCall call, Account account, bool stories)
    {
        var limit = int.TryParse(call["limit"], CultureInfo.InvariantCulture, out var asked) ? asked : 25;
        var items = _book.Published(account, Rules.ListingLagSeconds)
            .Where(item => item.Kind == "STORIES" == stories
                && (!stories || item.PublishedAt > Now - TimeSpan.FromHours(24)))
            .Take(limit).Select(item => (JsonNode)call.Pick(Describe(item)));
        return Results.Json(new JsonObject { ["data"] = new JsonArray([.. items]) });
    }

    private IResult Read(MetaCall call, Account account, string id)
    {
        if (_book.Find(id, account) is { } container)
        {
            var state = new JsonObject { ["id"] = id, ["status_code"] = container.Status(Now) };
            state["status"] = container.Status(Now) == "ERROR" ? container.Error : container.Status(Now);
            return Results.Json(call.Pick(state));
        }
        return _book.FindMedia(id, account) is { } media ? Results.Json(call.Pick(Describe(media)))
            : MetaError.Missing();
    }

    private static JsonObject Describe(Container item) => new()
    {
        ["id"] = item.MediaId,
        ["caption"] = item.Call["caption"],
        ["permalink"] = $"https://www.instagram.com/{(item.Kind == "REELS" ? "reel" : "p")}/{item.Shortcode}/",
        ["shortcode"] = item.Shortcode,
        ["timestamp"] = item.PublishedAt.ToString("yyyy-MM-dd'T'HH:mm:ss'+0000'", CultureInfo.InvariantCulture),
        ["media_type"] = item.Kind == "CAROUSEL" ? "CAROUSEL_ALBUM"
            : item.Files[0].MimeType.StartsWith("video/", StringComparison.Ordinal) ? "VIDEO" : "IMAGE",
        ["media_product_type"] = item.Kind switch { "REELS" => "REELS", "STORIES" => "STORY", _ => "FEED" },
    };

    [GeneratedRegex(@"#[\p{L}\p{N}_]+")]
    private static partial Regex HashtagShape();

    [GeneratedRegex(@"(?<![\w.])@[\w.]+")]
    private static partial Regex MentionShape();
}
