using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.YouTube;

/// <summary>What YouTube refuses in the words that come with a film.</summary>
internal static class VideoMetadata
{
    private const int TitleLength = 100;
    private const int DescriptionBytes = 5000;
    private const int TagsLength = 500;

    private static readonly HashSet<string> Categories =
    [
        "1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29",
    ];

    /// <summary>The first thing wrong; null when the film may come.</summary>
    public static IResult? Problem(JsonObject resource, string part, DateTimeOffset now)
    {
        var parts = part.Split(',');
        if (resource.Select(pair => pair.Key).Any(name => name is "snippet" or "status" && !parts.Contains(name)))
            return YouTubeNetwork.Error(400, "unexpectedPart", "The part parameter does not name every part.");
        var snippet = resource["snippet"];
        var title = snippet.Text("title");
        if (string.IsNullOrWhiteSpace(title) || title.Length > TitleLength || HasAngles(title))
            return YouTubeNetwork.Error(400, "invalidTitle",
                "The request metadata specifies an invalid or empty video title.");
        var description = snippet.Text("description") ?? "";
        if (Encoding.UTF8.GetByteCount(description) > DescriptionBytes || HasAngles(description))
            return YouTubeNetwork.Error(400, "invalidDescription",
                "The request metadata specifies an invalid video description.");
        if (snippet?["tags"] is not null && (snippet.Texts("tags") is not { } tags || TagsCount(tags) > TagsLength
            || tags.Any(HasAngles)))
            return YouTubeNetwork.Error(400, "invalidTags", "The request metadata specifies invalid video keywords.");
        if (snippet.Text("categoryId") is { } category && !Categories.Contains(category))
            return YouTubeNetwork.Error(400, "invalidCategoryId",
                "The snippet.categoryId property specifies an invalid category ID.");
        return StatusProblem(resource["status"], now);
    }

    /// <summary>The length of all tags: commas count, and a tag with a space is quoted.</summary>
    public static int TagsCount(IReadOnlyCollection<string> tags) => tags.Count == 0 ? 0
        : tags.Sum(tag => tag.Length + (tag.Contains(' ', StringComparison.Ordinal) ? 2 : 0)) + tags.Count - 1;

    private static IResult? StatusProblem(JsonNode? status, DateTimeOffset now)
    {
        var privacy = status.Text("privacyStatus") ?? "public";
        if (privacy is not ("public" or "unlisted" or "private"))
            return YouTubeNetwork.Error(403, "forbiddenPrivacySetting", "The privacy setting is not valid.");
        if (status.Text("license") is not (null or "youtube" or "creativeCommon"))
            return YouTubeNetwork.Error(403, "forbiddenLicenseSetting", "The license is not valid.");
        if (status.Text("publishAt") is not { } publish) return null;
        return privacy == "private" && DateTimeOffset.TryParse(publish, CultureInfo.InvariantCulture, out var at)
            && at > now
            ? null : YouTubeNetwork.Error(400, "invalidPublishAt", "The publishing time is invalid.");
    }

    private static bool HasAngles(string text) => text.AsSpan().IndexOfAny('<', '>') >= 0;
}
