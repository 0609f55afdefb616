using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.LinkedIn;

/// <summary>A post that is public.</summary>
internal sealed record LinkedInPost(string Urn, string Author, JsonObject Body, string Content, DateTimeOffset At);

/// <summary>Posts and comments: their words, what hangs on them, who may see them listed.</summary>
internal sealed class LinkedInPosts(LinkedInNetwork network)
{
    private const int MostImages = 20;
    private readonly ConcurrentDictionary<string, LinkedInPost> _posts = new();
    private readonly Lock _gate = new();
    private long _last = 7_300_000_000_000_000_000;

    private LinkedInSettings Rules => network.Rules;

    private DateTimeOffset Now => network.Sim.Now;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/rest/posts", context => network.GuardAsync(context, async grant =>
            Create(context, grant, await context.Request.JsonAsync() ?? [])));
        routes.On("GET", "/rest/posts", context => network.GuardAsync(context, grant =>
            Task.FromResult(List(context.Request, grant))));
        routes.On("GET", "/rest/posts/{urn}", context => network.GuardAsync(context, grant =>
            Task.FromResult(Show(context.Part("urn"), grant))));
        routes.On("DELETE", "/rest/posts/{urn}", context => network.GuardAsync(context, grant =>
        {
            if (_posts.TryGetValue(context.Part("urn"), out var post) && !network.MayWrite(grant, post.Author))
                return Task.FromResult(LinkedInNetwork.Denied("posts.DELETE.NO_VERSION"));
            _posts.TryRemove(context.Part("urn"), out _);
            return Task.FromResult(Results.NoContent());
        }));
        routes.On("POST", "/rest/socialActions/{urn}/comments", context => network.GuardAsync(context, async grant =>
            Comment(context, grant, await context.Request.JsonAsync() ?? [])));
        routes.On("GET", "/rest/socialActions/{urn}/comments", context => network.GuardAsync(context, grant =>
            Task.FromResult(Comments(context, grant))));
    }

    private IResult Create(HttpContext context, Grant grant, JsonObject body)
    {
        if (body.Text("author") is not { } author) return Missing("author");
        if (!network.MayWrite(grant, author)) return LinkedInNetwork.Denied("posts.CREATE.NO_VERSION");
        if (FormProblem(body, author) is { } wrong) return wrong;
        var written = body.Text("commentary") ?? "";
        var (shown, broken) = LittleText.Read(written);
        if (broken && Rules.UnescapedRefused) return Invalid("commentary", "cannot be read");
        var counted = Rules.EscapesCount ? written : shown;
        if ((Rules.CodePoints ? counted.EnumerateRunes().Count() : counted.Length) > Rules.TextLength)
            return LinkedInNetwork.Error(400, "FIELD_LENGTH_TOO_LONG",
                $"commentary must be at most {Rules.TextLength} characters");
        var files = new List<PublishedFile>();
        var (kind, problem) = ReadContent(body["content"], author, files);
        if (problem is not null) return problem;
        if (kind == "text" && string.IsNullOrWhiteSpace(shown))
            return LinkedInNetwork.Error(400, "INVALID_VALUE_BLANK_FIELD", "commentary is blank");
        var content = written + "\n" + body["content"]?.ToJsonString();
        LinkedInPost post;
        lock (_gate)
        {
            if (Rules.DuplicateGuard && _posts.Values.Where(one => one.Author == author && one.Content == content
                && one.At + TimeSpan.FromSeconds(Rules.DuplicateSeconds) > Now).MinBy(one => one.At) is { } first)
                return LinkedInNetwork.Error(422, Rules.DuplicateCode, "Content is a duplicate of " + first.Urn);
            var number = (++_last).ToString(CultureInfo.InvariantCulture);
            post = new LinkedInPost($"urn:li:{(kind == "video" ? "ugcPost" : "share")}:{number}", author, body, content, Now);
            _posts[post.Urn] = post;
        }
        network.Sim.Publish(grant.Account, kind, post.Urn, shown, files, ("author", author),
            ("visibility", body.Text("visibility")), ("commentary", written),
            ("link", body["content"]?["article"].Text("source")),
            ("title", body["content"]?["article"].Text("title") ?? body["content"]?["media"].Text("title")));
        if (!Rules.IdWithheld) context.Response.Headers["x-restli-id"] = post.Urn;
        return Results.StatusCode(201);
    }

    private static IResult? FormProblem(JsonObject body, string author)
    {
        if (body.Text("commentary") is null && body["commentary"] is not null) return Invalid("commentary", "is no text");
        if (body.Text("visibility") is not { } visibility) return Missing("visibility");
        var isMember = author.StartsWith("urn:li:person:", StringComparison.Ordinal);
        if (visibility is not ("PUBLIC" or "LOGGED_IN") && !(visibility == "CONNECTIONS" && isMember))
            return Invalid("visibility", "is not valid for this author");
        if (body["distribution"].Text("feedDistribution") is not { } feed) return Missing("distribution.feedDistribution");
        if (feed is not ("MAIN_FEED" or "NONE")) return Invalid("distribution.feedDistribution", "is not valid");
        if (body.Text("lifecycleState") is not { } state) return Missing("lifecycleState");
        return state == "PUBLISHED" ? null : Invalid("lifecycleState", "must be PUBLISHED");
    }

    private (string Kind, IResult? Problem) ReadContent(JsonNode? content, string author, List<PublishedFile> files)
    {
        if (content is null) return ("text", null);
        if (content is not JsonObject { Count: 1 } only) return ("", Invalid("content", "must have one member"));
        var (name, value) = only.First();
        switch (name)
        {
            case "article":
                if (!Uri.TryCreate(value.Text("source"), UriKind.Absolute, out var source)
                    || source.Scheme is not ("http" or "https"))
                    return ("", Invalid("content.article.source", "is no address"));
                if (string.IsNullOrWhiteSpace(value.Text("title"))) return ("", Missing("content.article.title"));
                return ("article", value.Text("thumbnail") is { } thumbnail
                    ? Use(thumbnail, author, ["image"], null, []) : null);
            case "media":
                var problem = Use(value.Text("id"), author, ["image", "video", "document"], value.Text("altText"), files);
                var kind = network.Assets.Find(value.Text("id"))?.Kind ?? "";
                return (kind, problem ?? (kind == "document" && string.IsNullOrWhiteSpace(value.Text("title"))
                    ? Missing("content.media.title") : null));
            case "multiImage":
                if (value?["images"] is not JsonArray { Count: >= 2 and <= MostImages } images)
                    return ("", Invalid("content.multiImage.images", $"must have 2 to {MostImages} entries"));
                return ("multiImage", images.Select(image => Use(image.Text("id"), author, ["image"],
                    image.Text("altText"), files)).FirstOrDefault(wrong => wrong is not null));
            default:
                return ("", Invalid("content", "must be article, media or multiImage"));
        }
    }

    private IResult? Use(string? urn, string author, string[] kinds, string? alt, List<PublishedFile> files)
    {
        if (network.Assets.Find(urn) is not { } asset) return LinkedInNetwork.Error(400, "INVALID_URN_ID",
            "The media does not exist: " + urn);
        if (!kinds.Contains(asset.Kind)) return LinkedInNetwork.Error(400, "INVALID_URN_TYPE", "The media is of another kind");
        if (asset.Owner != author)
            return LinkedInNetwork.Error(400, "INVALID_URN_ID", "The media is not owned by the author");
        if (alt?.Length > Rules.AltLength)
            return LinkedInNetwork.Error(400, "FIELD_LENGTH_TOO_LONG", $"altText must be at most {Rules.AltLength} characters");
        switch (network.Assets.Status(asset))
        {
            case "PROCESSING_FAILED":
                return LinkedInNetwork.Error(400, "MEDIA_ASSET_PROCESSING_FAILED", "The media could not be processed");
            case not "AVAILABLE":
                return LinkedInNetwork.Error(400, "MEDIA_ASSET_WAITING_UPLOAD", "The media is not there yet");
        }
        files.Add(PublishedFile.Of(asset.MimeType, asset.Bytes!, alt));
        return null;
    }

    private IResult List(HttpRequest request, Grant grant)
    {
        var author = request.Query["author"].ToString();
        if (request.Headers["X-RestLi-Method"] != "FINDER" || request.Query["q"] != "author")
            return LinkedInNetwork.Error(400, "MISSING_FIELD", "The finder is not named");
        if (!MayRead(grant, author)) return LinkedInNetwork.Denied("posts.FINDER-author.NO_VERSION");
        var (start, count) = LinkedInNetwork.Page(request, 10);
        var all = _posts.Values.Where(post => post.Author == author
            && post.At + TimeSpan.FromSeconds(Rules.ListingLagSeconds) <= Now).OrderByDescending(post => post.At)
            .ThenByDescending(post => post.Urn, StringComparer.Ordinal).ToList();
        return Results.Json(new JsonObject
        {
            ["elements"] = new JsonArray([.. all.Skip(start).Take(count).Select(Row)]),
            ["paging"] = new JsonObject { ["start"] = start, ["count"] = count, ["links"] = new JsonArray() },
        });
    }

    private IResult Show(string urn, Grant grant) => !_posts.TryGetValue(urn, out var post)
        ? LinkedInNetwork.Error(404, "NOT_FOUND", "Could not find entity")
        : MayRead(grant, post.Author) ? Results.Json(Row(post)) : LinkedInNetwork.Denied("posts.GET.NO_VERSION");

    // Posts of members are listed for nobody: that scope is closed.
    private bool MayRead(Grant grant, string author) => grant.Scopes.Contains("r_organization_social")
        && network.FindOrganization(author) is { } page && page.Roles.ContainsKey(grant.Account.Handle);

    private static JsonObject Row(LinkedInPost post)
    {
        var row = new JsonObject
        {
            ["id"] = post.Urn,
            ["author"] = post.Author,
            ["createdAt"] = post.At.ToUnixTimeMilliseconds(),
            ["publishedAt"] = post.At.ToUnixTimeMilliseconds(),
            ["lastModifiedAt"] = post.At.ToUnixTimeMilliseconds(),
            ["lifecycleState"] = "PUBLISHED",
        };
        foreach (var name in (string[])["commentary", "visibility", "content"]) row[name] = post.Body[name]?.DeepClone();
        return row;
    }

    private IResult Comment(HttpContext context, Grant grant, JsonObject body)
    {
        if (!network.MayWrite(grant, body.Text("actor"))) return LinkedInNetwork.Denied("socialActions.CREATE.NO_VERSION");
        if (!_posts.TryGetValue(context.Part("urn"), out var post) || body.Text("object") != post.Urn)
            return LinkedInNetwork.Error(404, "NOT_FOUND", "Could not find entity");
        var text = body["message"].Text("text");
        if (string.IsNullOrWhiteSpace(text)) return LinkedInNetwork.Error(400, "INVALID_VALUE_BLANK_FIELD", "message is blank");
        if (text.Length > Rules.CommentLength)
            return LinkedInNetwork.Error(400, "FIELD_LENGTH_TOO_LONG", "message is too long");
        var id = (Interlocked.Increment(ref _last)).ToString(CultureInfo.InvariantCulture);
        network.Sim.Publish(grant.Account, "comment", id, text, null, ("on", post.Urn), ("author", body.Text("actor")));
        context.Response.Headers["x-restli-id"] = id;
        return Results.Json(new JsonObject { ["id"] = id, ["object"] = post.Urn }, statusCode: 201);
    }

    private IResult Comments(HttpContext context, Grant grant)
    {
        if (!_posts.TryGetValue(context.Part("urn"), out var post))
            return LinkedInNetwork.Error(404, "NOT_FOUND", "Could not find entity");
        if (!MayRead(grant, post.Author)) return LinkedInNetwork.Denied("socialActions.GET_ALL.NO_VERSION");
        var (start, count) = LinkedInNetwork.Page(context.Request, 10);
        var below = network.Sim.Journal.Read().Where(entry => entry.Kind == "comment" && entry.Details["on"] == post.Urn);
        return Results.Json(new JsonObject
        {
            ["elements"] = new JsonArray([.. below.Skip(start).Take(count).Select(entry => new JsonObject
            {
                ["id"] = entry.Id,
                ["actor"] = entry.Details["author"],
                ["object"] = post.Urn,
                ["message"] = new JsonObject { ["text"] = entry.Text },
                ["created"] = new JsonObject { ["time"] = entry.At.ToUnixTimeMilliseconds() },
            })]),
            ["paging"] = new JsonObject { ["start"] = start, ["count"] = count, ["links"] = new JsonArray() },
        });
    }

    private static IResult Missing(string field) => LinkedInNetwork.Error(400, "MISSING_FIELD", field + " is required");

    private static IResult Invalid(string field, string why) =>
        LinkedInNetwork.Error(400, "INVALID_VALUE_FOR_FIELD", $"{field} {why}");
}
