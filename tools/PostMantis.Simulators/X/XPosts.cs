using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.X;

/// <summary>A post as X keeps it.</summary>
internal sealed record XPost(
    long Id, Account Author, string Text, string Shown, JsonArray Links, IReadOnlyList<XFile> Files, long? ReplyTo,
    DateTimeOffset At)
{
    public bool IsLong { get; init; }
}

/// <summary>Posts: the weighted count, duplicates, replies, and the timeline with rewritten links.</summary>
internal sealed class XPosts(XNetwork network)
{
    private const long Epoch = 1_288_834_974_657;
    private const int FastReads = 900;

    private static readonly HashSet<string> Fields =
    [
        "text", "media", "reply", "poll", "reply_settings", "made_with_ai", "paid_partnership", "community_id",
        "quote_tweet_id", "edit_options", "direct_message_deep_link", "for_super_followers_only", "geo", "nullcast",
        "share_with_followers", "card_uri",
    ];

    private readonly Lock _gate = new();
    private readonly List<XPost> _posts = [];
    private long _lastId;

    private XSettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET", "/2/users/me", context => network.GuardAsync(context, "me", 75, null, "users.read", grant =>
            Task.FromResult(Me(context.Request, grant))));
        routes.On("POST", "/2/tweets", context =>
            network.GuardAsync(context, "tweets", Rules.PostsPerWindow, Rules.PostsPerDay,
            "tweet.write", async grant => Create(await context.Request.JsonAsync(), grant)));
        routes.On("GET", "/2/users/{id}/tweets", context =>
            network.GuardAsync(context, "timeline", FastReads, null, "tweet.read", _ =>
            Task.FromResult(Timeline(context.Request, context.Part("id")))));
    }

    /// <summary>An id that grows with time, as a snowflake does.</summary>
    public long NextId()
    {
        lock (_gate)
            return _lastId = Math.Max(_lastId + 1, (Sim.Now.ToUnixTimeMilliseconds() - Epoch) << 22);
    }

    /// <summary>Somebody else writes; for replies that a test needs.</summary>
    public XPost Write(Account author, string text)
    {
        var post = New(author, text, [], null);
        lock (_gate) _posts.Add(post);
        return post;
    }

    private static IResult Me(HttpRequest request, Grant grant)
    {
        var account = grant.Account;
        var data = new JsonObject { ["id"] = account.Id, ["name"] = account.Name, ["username"] = account.Handle };
        foreach (var field in request.Query["user.fields"].ToString().Split(','))
            data[field] = field switch
            {
                "profile_image_url" => $"https://pbs.twimg.com/profile_images/{account.Id}/normal.jpg",
                "verified" => account.Has("subscription"),
                "verified_type" => account.Has("subscription") ? "blue" : "none",
                "subscription_type" => Subscription(account),
                "protected" => account.Has("protected"),
                _ => data[field]?.DeepClone(),
            };
        data.Remove("");
        return Results.Json(new JsonObject { ["data"] = data });
    }

    private static string Subscription(Account account) => account.Traits.GetValueOrDefault("subscription", "None");

    private IResult Create(JsonObject? body, Grant grant)
    {
        if (body is null) return XNetwork.Invalid("One or more parameters to your request was invalid.");
        if (body.Select(pair => pair.Key).FirstOrDefault(name => !Fields.Contains(name)) is { } unknown)
            return XNetwork.Invalid($"$.{unknown}: is not defined in the schema and the schema does not allow additional"
                + " properties", unknown);
        var text = body.Text("text") ?? "";
        var author = grant.Account;
        if (body["media"] is { } media && MediaProblem(media, grant) is { } wrong)
            return XNetwork.Invalid(wrong, "media.media_ids");
        var files = (body["media"].Texts("media_ids") ?? []).Select(id => network.Media.Find(id, grant)!).ToList();
        if (text.Trim().Length == 0 && files.Count == 0)
            return XNetwork.Invalid("Either text or media must be present", "text");
        if (WeightedText.HasInvalid(text)) return XNetwork.Invalid("The text has invalid characters", "text");
        if (Shape(body, files.Count > 0) is { } misshapen) return misshapen;
        if (author.Has("suspended")) return XNetwork.Forbidden("You are not permitted to perform this action.");
        var weight = WeightedText.Count(text);
        var most = Rules.LongTextFor.Contains(Subscription(author)) ? Rules.LongTextLimit : Rules.TextLimit;
        if (weight > most) return XNetwork.Forbidden("You are not permitted to perform this action.");
        if (Rules.SelfServe && WeightedText.Cashtags(text) > 1)
            return XNetwork.Forbidden("You are not permitted to perform this action.");
        return Keep(body, text, weight, files, author);
    }

    private IResult Keep(JsonObject body, string text, int weight, List<XFile> files, Account author)
    {
        var replyTo = long.TryParse(body["reply"].Text("in_reply_to_tweet_id"), CultureInfo.InvariantCulture,
            out var id)
            ? id : (long?)null;
        if (replyTo is not null && !MayReply(author, replyTo.Value))
            return XNetwork.Forbidden("Reply to this conversation is not allowed because you have not been mentioned or"
                + " otherwise engaged by the author of the post you are replying to.");
        var post = New(author, text, files, replyTo) with { IsLong = weight > Rules.TextLimit };
        lock (_gate)
        {
            if (text.Length > 0 && _posts.Any(other => other.Author == author && other.Text == text
                && other.At > Sim.Now - TimeSpan.FromHours(Rules.DuplicateHours)))
                return XNetwork.Forbidden("You are not allowed to create a Tweet with duplicate content.");
            _posts.Add(post);
        }
        var number = XNetwork.Text(post.Id);
        Sim.Publish(author, replyTo is null ? "post" : "reply", number, text,
            files.Select(file => PublishedFile.Of(TypeOf(file), file.Bytes!, file.AltText)),
            ("replyTo", replyTo is null ? null : XNetwork.Text(replyTo.Value)),
            ("replySettings", body.Text("reply_settings")), ("shown", post.Shown),
            ("priceUsd", post.Links.Count > 0 ? "0.200" : "0.015"),
            ("permalink", $"https://x.com/{author.Handle}/status/{number}"));
        return Results.Json(new JsonObject
        {
            ["data"] = new JsonObject
            {
                ["id"] = number,
                ["text"] = post.Shown,
                ["edit_history_post_ids"] = new JsonArray(number),
            },
        }, statusCode: 201);
    }

    private static string TypeOf(XFile file) =>
        ImageFacts.Read(file.Bytes)?.MimeType ?? VideoFacts.Read(file.Bytes)?.MimeType ?? file.MimeType;

    private string? MediaProblem(JsonNode media, Grant grant)
    {
        var ids = media.Texts("media_ids");
        if (ids is null or { Count: < 1 or > 4 }) return "media_ids must have 1 to 4 items";
        if (media.Texts("tagged_user_ids") is { Count: > 10 }) return "tagged_user_ids must have at most 10 items";
        var files = ids.Select(id => network.Media.Find(id, grant)).ToList();
        if (files.Any(file => file?.IsReady(Sim.Now) != true)) return "Your media IDs are invalid.";
        return files.Count > 1 && files.Any(file => !file!.IsImage)
            ? "You may attach up to 4 photos, 1 animated GIF or 1 video" : null;
    }

    private IResult? Shape(JsonObject body, bool hasMedia)
    {
        if (body["reply_settings"] is not null
            && body.Text("reply_settings") is not ("following" or "mentionedUsers" or "subscribers" or "verified"))
            return XNetwork.Invalid("reply_settings is not valid", "reply_settings");
        if (body["poll"] is { } poll)
        {
            var options = poll.Texts("options");
            if (hasMedia || options is null or { Count: < 2 or > 4 }
                || options.Any(option => option.Length is < 1 or > 25)
                || poll.Number("duration_minutes") is null or < 5 or > 10_080)
                return XNetwork.Invalid("poll must have 2 to 4 options of 1 to 25 characters and last 5 to 10080 minutes",
                    "poll");
        }
        foreach (var name in (string[])["made_with_ai", "paid_partnership"])
            if (body[name] is not null
                && body.Flag(name) is null) return XNetwork.Invalid(name + " must be a boolean", name);
        if (body["quote_tweet_id"] is not null && Rules.SelfServe)
            return XNetwork.Forbidden("You are not permitted to perform this action.");
        return null;
    }

    private bool MayReply(Account author, long to)
    {
        XPost? target;
        lock (_gate) target = _posts.FirstOrDefault(post => post.Id == to);
        if (target is null) return false;
        if (!Rules.SelfServe) return true;
        return target.Author == author
            ? Rules.OwnThreads
            : WeightedText.Mentions(target.Text).Contains(author.Handle, StringComparer.OrdinalIgnoreCase);
    }

    private XPost New(Account author, string text, IReadOnlyList<XFile> files, long? replyTo)
    {
        var id = NextId();
        var (shown, links, from) = (new StringBuilder(), new JsonArray(), 0);
        foreach (var link in WeightedText.Links(text))
        {
            shown.Append(text, from, link.Index - from);
            var shortened = $"https://t.co/{id % 100_000_000:x}{links.Count:x4}";
            var full = link.Value.Contains("://", StringComparison.Ordinal) ? link.Value : "http://" + link.Value;
            links.Add(new JsonObject
            {
                ["start"] = shown.Length,
                ["end"] = shown.Length + shortened.Length,
                ["url"] = shortened,
                ["expanded_url"] = full,
                ["display_url"] = full[(full.IndexOf("://", StringComparison.Ordinal) + 3)..],
            });
            shown.Append(shortened);
            from = link.Index + link.Length;
        }
        shown.Append(text, from, text.Length - from);
        return new XPost(id, author, text, shown.ToString(), links, files, replyTo, Sim.Now);
    }

    private IResult Timeline(HttpRequest request, string userId)
    {
        var query = request.Query;
        var count = 10;
        if (query["max_results"].ToString() is { Length: > 0 } asked
            && (!int.TryParse(asked, CultureInfo.InvariantCulture, out count) || count is < 5 or > 100))
            return XNetwork.Invalid("The `max_results` query parameter value is not between 5 and 100", "max_results");
        var floor = long.TryParse(query["since_id"], CultureInfo.InvariantCulture, out var since) ? since : 0;
        var from = DateTimeOffset.TryParse(query["start_time"], CultureInfo.InvariantCulture, out var start)
            ? start : DateTimeOffset.MinValue;
        var seen = Sim.Now - TimeSpan.FromSeconds(Rules.TimelineLagSeconds);
        List<XPost> posts;
        lock (_gate)
            posts = [.. _posts.Where(post => post.Author.Id == userId && post.Id > floor && post.At >= from
                && post.At <= seen).OrderByDescending(post => post.Id).Take(count)];
        var fields = query["tweet.fields"].ToString().Split(',');
        var answer = new JsonObject { ["meta"] = new JsonObject { ["result_count"] = posts.Count } };
        if (posts.Count > 0) answer["data"] = new JsonArray([.. posts.Select(post => Row(post, fields))]);
        return Results.Json(answer);
    }

    private static JsonObject Row(XPost post, string[] fields)
    {
        var id = XNetwork.Text(post.Id);
        var row = new JsonObject
        {
            ["id"] = id,
            ["text"] = post.IsLong ? post.Shown[..Math.Min(post.Shown.Length, 275)] + "…" : post.Shown,
            ["edit_history_post_ids"] = new JsonArray(id),
        };
        if (fields.Contains("created_at")) row["created_at"] = post.At.ToString("yyyy-MM-ddTHH:mm:ss.fffZ",
            CultureInfo.InvariantCulture);
        if (fields.Contains("entities") && post.Links.Count > 0 && !post.IsLong)
            row["entities"] = new JsonObject { ["urls"] = post.Links.DeepClone() };
        if (fields.Contains("attachments") && post.Files.Count > 0)
            row["attachments"] = new JsonObject
            {
                ["media_keys"] = new JsonArray([.. post.Files.Select(file => JsonValue.Create(file.Key))]),
            };
        if (fields.Contains("note_tweet") && post.IsLong)
            row["note_tweet"] = new JsonObject
            {
                ["text"] = post.Shown,
                ["entities"] = new JsonObject { ["urls"] = post.Links.DeepClone() },
            };
        return row;
    }
}
