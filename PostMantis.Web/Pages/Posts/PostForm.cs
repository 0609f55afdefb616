using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>The composer's fields: read from a form or a post, written as the API's create shape.</summary>
internal sealed class PostForm
{
    public const string Now = "now";
    public const string At = "at";
    public const string Draft = "draft";

    public string Body { get; private set; } = "";
    public string FirstComment { get; private set; } = "";
    public HashSet<Guid> Profiles { get; private set; } = [];
    public Dictionary<Guid, string> Overrides { get; private set; } = [];
    public string When { get; private set; } = Now;
    public string Moment { get; private set; } = "";
    public string Zone { get; private set; } = "UTC";
    public string ExternalId { get; private set; } = "";
    public bool AllowDuplicate { get; private set; }

    /// <summary>Artifacts in their order, each with what it shows.</summary>
    public List<(Guid Id, string Alt)> Media { get; private set; } = [];

    /// <summary>The fields as a browser sent them.</summary>
    public static PostForm Read(IFormCollection form)
    {
        var read = new PostForm
        {
            Body = Lines(form["body"].ToString()),
            FirstComment = Lines(form["firstComment"].ToString()),
            When = form["when"].ToString() is At or Draft ? form["when"].ToString() : Now,
            Moment = form["moment"].ToString(),
            Zone = form["zone"].ToString() is { Length: > 0 } zone ? zone : "UTC",
            ExternalId = form["externalId"].ToString().Trim(),
            AllowDuplicate = form["allowDuplicate"] == "true",
        };
        foreach (var text in form["profiles"])
            if (Guid.TryParseExact(text, "D", out var id)) read.Profiles.Add(id);
        var dropped = form["drop"].ToHashSet();
        foreach (var text in form["media"].Where(text => !dropped.Contains(text)))
            if (Guid.TryParseExact(text, "D", out var id)) read.Media.Add((id, Lines(form[$"alt-{text}"].ToString()).Trim()));
        foreach (var name in form.Keys.Where(k => k.StartsWith("override-", StringComparison.Ordinal)))
        {
            if (Guid.TryParseExact(name["override-".Length..], "D", out var id) && form[name].ToString() is { Length: > 0 } text)
                read.Overrides[id] = Lines(text);
        }
        return read;
    }

    /// <summary>The fields of a post that is edited.</summary>
    public static PostForm Of(PostResource post) => new()
    {
        Body = post.Body ?? "",
        FirstComment = post.FirstComment?.Body ?? "",
        Profiles = [.. post.Deliveries.Select(d => d.ProfileId)],
        Overrides = post.Overrides.Where(o => o.Value.Body is not null).ToDictionary(o => o.Key, o => o.Value.Body!),
        When = post.Status == Core.Posts.PostStatus.Draft ? Draft : At,
        Moment = post.ScheduledAt?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture) ?? "",
        ExternalId = post.ExternalId ?? "",
        Media = [.. post.Media.Select(item => (item.ArtifactId, item.Alt ?? ""))],
    };

    /// <summary>The create body; what cannot be said in it goes to <paramref name="errors"/>.</summary>
    public JsonObject ToBody(FormErrors errors) => new()
    {
        ["post"] = new JsonObject
        {
            ["body"] = Body.Length > 0 ? Body : null,
            ["draft"] = When == Draft,
            ["scheduledAt"] = Scheduled(errors),
            ["firstComment"] = Comment(),
            ["externalId"] = ExternalId.Length > 0 ? ExternalId : null,
        },
        ["profiles"] = ProfileArray(),
        ["media"] = MediaArray([]),
        ["overrides"] = new JsonObject(Overrides.Where(o => Profiles.Contains(o.Key))
            .Select(o => KeyValuePair.Create(o.Key.ToString(), (JsonNode?)new JsonObject { ["body"] = o.Value }))),
        ["allowDuplicate"] = AllowDuplicate,
    };

    /// <summary>A merge patch that makes <paramref name="before"/> say what the form says; other fields stay.</summary>
    public JsonObject ToPatch(PostResource before, FormErrors errors)
    {
        var overrides = new JsonObject();
        foreach (var id in before.Overrides.Keys.Union(Overrides.Keys))
        {
            if (!Profiles.Contains(id)) overrides[id.ToString()] = null;
            else overrides[id.ToString()] = new JsonObject { ["body"] = Overrides.GetValueOrDefault(id) };
        }
        var post = new JsonObject
        {
            ["body"] = Body.Length > 0 ? Body : null,
            ["firstComment"] = Comment(),
            ["externalId"] = ExternalId.Length > 0 ? ExternalId : null,
        };
        if (Moment != Of(before).Moment || Zone != "UTC") post["scheduledAt"] = Scheduled(errors);
        return new JsonObject
        {
            ["post"] = post,
            ["profiles"] = ProfileArray(),
            ["media"] = MediaArray(before.Media),
            ["overrides"] = overrides,
            ["allowDuplicate"] = AllowDuplicate,
        };
    }

    /// <summary>Where each issue of an operation is shown.</summary>
    public static (string Pointer, string Field)[] Fields(IEnumerable<ProfileResource> profiles) =>
    [
        .. profiles.Select(p => ($"/overrides/{p.Id}", $"override-{p.Id}")),
        ("/post/body", "body"), ("/post/scheduledAt", "moment"), ("/post/firstComment", "firstComment"),
        ("/post/externalId", "externalId"), ("/profiles", "profiles"), ("/media", "media"),
    ];

    private JsonArray ProfileArray() => new([.. Profiles.Select(id => (JsonNode)id.ToString())]);

    // What the form has no field for stays as it was.
    private JsonArray MediaArray(IReadOnlyList<MediaItem> before) => new([.. Media.Select(item => (JsonNode)new JsonObject
    {
        ["artifactId"] = item.Id.ToString(),
        ["alt"] = item.Alt.Length > 0 ? item.Alt : null,
        ["coverAtMs"] = before.FirstOrDefault(known => known.ArtifactId == item.Id)?.CoverAtMs,
    })]);

    private JsonObject? Comment() => FirstComment.Length > 0 ? new JsonObject { ["body"] = FirstComment } : null;

    private string? Scheduled(FormErrors errors)
    {
        if (When == Now || (When == Draft && Moment.Length == 0)) return null;
        if (!DateTime.TryParseExact(Moment, ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss"], CultureInfo.InvariantCulture,
                DateTimeStyles.None, out var local))
        {
            errors.Add("moment", "Choose a day and a time.");
            return null;
        }
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(Zone, out var zone))
        {
            errors.Add("moment", "There is no such time zone.");
            return null;
        }
        if (zone.IsInvalidTime(local))
        {
            errors.Add("moment", "Clocks skip this time on that day.");
            return null;
        }
        return UtcMillisecondsConverter.Format(new DateTimeOffset(local, zone.GetUtcOffset(local)));
    }

    // Browsers send line ends as CRLF; networks count them, people do not.
    private static string Lines(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal);
}
