using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Facebook;

/// <summary>A photo of a Page, public or waiting to be attached.</summary>
internal sealed class Photo
{
    public required string Id { get; init; }
    public required string Page { get; init; }
    public required PublishedFile File { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The post that shows it; null while it waits.</summary>
    public string? Post { get; set; }
}

/// <summary>Something a Page shows.</summary>
internal sealed record PagePost(
    string Id, string Page, string Kind, string Message, string? Link, IReadOnlyList<string> Media,
    DateTimeOffset CreatedAt, string Permalink);

/// <summary>Text, links and photos of Pages, photo stories, and the listings of all posts.</summary>
internal sealed class FacebookPosts(FacebookNetwork network)
{
    private const string Manage = "pages_manage_posts";
    private const string Engagement = "pages_read_engagement";
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private readonly ConcurrentDictionary<string, Photo> _photos = new();
    private readonly Lock _gate = new();
    private readonly List<PagePost> _posts = [];

    private FacebookSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/{v}/{id}/feed", context => network.PageAsync(context, Manage, (call, page) =>
            Task.FromResult(Feed(call, page))));
        routes.On("POST", "/{v}/{id}/photos", context => network.PageAsync(context, Manage, PhotoAsync));
        routes.On("POST", "/{v}/{id}/photo_stories", context => network.PageAsync(context, Manage, (call, page) =>
            Task.FromResult(Story(call, page))));
        routes.On("GET", "/{v}/{id}/published_posts", context => network.PageAsync(context, Engagement, (call, page) =>
            Task.FromResult(FacebookLogin.List(context, call, Listed(call, page)
                .Where(post => !IsStory(post)).Select(Describe)))));
        routes.On("GET", "/{v}/{id}/stories", context => network.PageAsync(context, Engagement, (call, page) =>
            Task.FromResult(FacebookLogin.List(context, call, Listed(call, page)
                .Where(post => IsStory(post) && post.CreatedAt > Now - Day).Select(DescribeStory)))));
    }

    /// <summary>Shows something on a Page, and writes it to the journal.</summary>
    public PagePost Show(Page page, string kind, string message, string? link, IReadOnlyList<string> media,
        IEnumerable<PublishedFile> files, string? title = null)
    {
        var number = network.Ids.Next();
        var post = new PagePost(page.Id + "_" + number, page.Id, kind, message, link, media, Now, kind switch
        {
            "reel" => $"/reel/{media[0]}/",
            "video" => $"/{page.Id}/videos/{media[0]}/",
            _ => $"https://www.facebook.com/{page.Id}/posts/{number}",
        });
        lock (_gate) _posts.Add(post);
        network.Sim.Publish(page.Owner, kind, post.Id, message, files, ("page", page.Id), ("link", link), ("title", title),
            ("media", string.Join(',', media)));
        return post;
    }

    /// <summary>What a Page shows, the newest first, as listings know it.</summary>
    public IEnumerable<PagePost> Listed(MetaCall call, Page page)
    {
        var since = long.TryParse(call["since"], CultureInfo.InvariantCulture, out var from) ? from : 0;
        lock (_gate)
        {
            return [.. _posts.Where(post => post.Page == page.Id && post.CreatedAt.ToUnixTimeSeconds() >= since
                && post.CreatedAt + TimeSpan.FromSeconds(Rules.ListingLagSeconds) <= Now)
                .OrderByDescending(post => post.CreatedAt).ThenByDescending(post => post.Id)];
        }
    }

    /// <summary>A post or photo by id; null when it is neither, or of another Page.</summary>
    public IResult? Read(MetaCall call, Grant grant, string id)
    {
        lock (_gate)
        {
            if (_posts.Find(post => post.Id == id && post.Page == grant.Bound) is { } found)
                return Results.Json(call.Pick(Describe(found)));
        }
        return _photos.TryGetValue(id, out var photo) && photo.Page == grant.Bound
            ? Results.Json(call.Pick(new JsonObject { ["id"] = id, ["permalink_url"] = $"/photo.php?fbid={id}" })) : null;
    }

    private IResult Feed(MetaCall call, Page page)
    {
        var (message, link) = (call["message"] ?? "", call["link"]);
        var attached = Attached(call);
        if (call["published"] is "false" or "0" || attached is null) return MetaError.Parameter("Invalid parameter");
        if (message.Length == 0 && link is null && attached.Count == 0)
            return MetaError.Parameter("message, link or attached_media is required");
        if (MessageProblem(message) is { } tooLong) return tooLong;
        if (link is not null && LinkProblem(link) is { } refused) return refused;
        if (attached.Count > Rules.PhotosPerPost) return MetaError.Parameter("Too many photos");
        lock (_gate)
        {
            var last = _posts.LastOrDefault(post => post.Page == page.Id && !IsStory(post));
            if (attached.Count == 0 && last is { Kind: "post" or "link" } && last.Message == message && last.Link == link)
                return MetaError.Of(506, "(#506) Duplicate status message");
        }
        if (Take(attached, page) is not { } photos)
            return MetaError.Of(100, "(#100) Photos were posted already or are gone", 1366051);
        var post = Show(page, photos.Count > 0 ? "photos" : link is null ? "post" : "link", message, link, attached,
            photos.Select(photo => photo.File));
        foreach (var photo in photos) photo.Post = post.Id;
        return Results.Json(call.Pick(Describe(post)));
    }

    private async Task<IResult> PhotoAsync(MetaCall call, Page page)
    {
        if (call["alt_text_custom"] is { } alt && alt.Length > Rules.AltTextLength)
            return MetaError.Parameter("alt_text_custom is too long");
        if (MessageProblem(call["caption"] ?? "") is { } tooLong) return tooLong;
        if (call.Source is null && !Uri.TryCreate(call["url"], UriKind.Absolute, out _))
            return MetaError.Of(100, "(#100) url should represent a valid URL", 2061006);
        var bytes = call.Source ?? await Pull.GetAsync(call["url"], CancellationToken.None);
        if (bytes is null) return MetaError.Of(324, "(#324) Missing or invalid image file", 2069019);
        if (TypeOf(bytes) is not { } type) return MetaError.Of(324, "(#324) The format is not supported", 1349125);
        if (bytes.Length > Rules.PhotoBytes) return MetaError.Of(324, "(#324) The photo is too large", 1366046);
        var photo = new Photo
        {
            Id = network.Ids.Next(),
            Page = page.Id,
            File = PublishedFile.Of(type, bytes, call["alt_text_custom"]),
            CreatedAt = Now,
        };
        _photos[photo.Id] = photo;
        if (call["published"] is "false" or "0") return Results.Json(new { id = photo.Id });
        var post = Show(page, "photo", call["caption"] ?? "", null, [photo.Id], [photo.File]);
        photo.Post = post.Id;
        return Results.Json(new { id = photo.Id, post_id = post.Id });
    }

    private IResult Story(MetaCall call, Page page)
    {
        if (Take([call["photo_id"] ?? ""], page) is not { } photos)
            return MetaError.Of(100, "(#100) The photo was used already or is gone", 1366051);
        var post = Show(page, "photo-story", "", null, [photos[0].Id], [photos[0].File]);
        photos[0].Post = post.Id;
        return Results.Json(new { success = true, post_id = post.Id.Split('_')[1] });
    }

    private IResult? MessageProblem(string message) => message.EnumerateRunes().Count() > Rules.MessageLength
        ? MetaError.Parameter("message is too long") : null;

    private IResult? LinkProblem(string link)
    {
        if (!Uri.TryCreate(link, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return MetaError.Of(100, "(#100) link should represent a valid URL", 2061006);
        if (url.Host is "facebook.com" or "www.facebook.com")
            return MetaError.Of(100, "(#100) Links to facebook.com cannot be shared", 1609008);
        return Rules.UnreadableLinks.Contains(link)
            ? MetaError.Of(1609005, "The link could not be scraped") : null;
    }

    // Takes waiting photos together or not at all.
    private List<Photo>? Take(List<string> ids, Page page)
    {
        lock (_gate)
        {
            var photos = ids.Select(id => _photos.GetValueOrDefault(id)).ToList();
            if (ids.Distinct().Count() != ids.Count || photos.Any(photo => photo is not { Post: null }
                || photo.Page != page.Id || photo.CreatedAt + Day <= Now)) return null;
            foreach (var photo in photos) photo!.Post = "taken";
            return [.. photos.Select(photo => photo!)];
        }
    }

    private static List<string>? Attached(MetaCall call)
    {
        var raw = call.Names.Where(name => name.StartsWith("attached_media[", StringComparison.Ordinal))
            .OrderBy(name => name.Length).ThenBy(name => name, StringComparer.Ordinal).Select(name => call[name]!).ToList();
        try
        {
            var media = call["attached_media"] is { } list ? JsonNode.Parse(list)!.AsArray().ToList()
                : raw.Select(item => JsonNode.Parse(item)).ToList();
            return media.All(item => item.Text("media_fbid") is not null)
                ? [.. media.Select(item => item.Text("media_fbid")!)] : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? TypeOf(byte[] bytes) => ImageFacts.Read(bytes)?.MimeType switch
    {
        "image/webp" => null,
        { } known => known,
        _ when bytes.AsSpan().StartsWith("BM"u8) => "image/bmp",
        _ when bytes.AsSpan().StartsWith("II*\0"u8) || bytes.AsSpan().StartsWith("MM\0*"u8) => "image/tiff",
        _ => null,
    };

    private static bool IsStory(PagePost post) => post.Kind is "photo-story" or "video-story";

    private static JsonObject Describe(PagePost post) => new()
    {
        ["id"] = post.Id,
        ["message"] = post.Message.Length > 0 ? post.Message : null,
        ["created_time"] = Time(post.CreatedAt),
        ["permalink_url"] = post.Permalink,
        ["status_type"] = post.Kind switch { "photo" or "photos" => "added_photos", "video" or "reel" => "added_video",
            "link" => "shared_story", _ => "mobile_status_update" },
        ["attachments"] = post.Media.Count == 0 ? null : new JsonObject
        {
            ["data"] = new JsonArray(new JsonObject
            {
                ["media_type"] = post.Kind is "photos" ? "album" : post.Kind is "photo" ? "photo" : "video",
                ["target"] = new JsonObject { ["id"] = post.Media[0] },
            }),
        },
    };

    private static JsonObject DescribeStory(PagePost post) => new()
    {
        ["id"] = post.Id.Split('_')[1],
        ["post_id"] = post.Id.Split('_')[1],
        ["status"] = "published",
        ["creation_time"] = post.CreatedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        ["media_type"] = post.Kind == "photo-story" ? "photo" : "video",
        ["media_id"] = post.Media[0],
        ["url"] = "https://www.facebook.com/stories/" + post.Id.Split('_')[1],
    };

    public static string Time(DateTimeOffset at) =>
        at.ToString("yyyy-MM-dd'T'HH:mm:ss'+0000'", CultureInfo.InvariantCulture);
}
