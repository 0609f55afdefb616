using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>A stored post in the shape it is created by, for edits by JSON Merge Patch (RFC 7396).</summary>
internal static class PostShape
{
    /// <summary>The create body that would make this post.</summary>
    public static JsonObject Of(Post post, IEnumerable<Delivery> deliveries)
    {
        var content = post.Content;
        return new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["body"] = content.Body,
                ["draft"] = post.Status == PostStatus.Draft,
                ["scheduledAt"] = post.ScheduledAt is { } at ? Exact(at) : null,
                ["link"] = Node(content.Link),
                ["thread"] = Node(content.Thread),
                ["firstComment"] = Node(content.FirstComment),
                ["maxLatenessSeconds"] = post.MaxLatenessSeconds,
                ["externalId"] = post.ExternalId,
                ["metadata"] = Node(post.Metadata),
            },
            ["profiles"] = new JsonArray(
                [.. deliveries.OrderBy(d => d.Position).Select(d => (JsonNode)d.ProfileId.ToString())]),
            ["media"] = Node(content.Media),
            ["providerOptions"] = Node(content.ProviderOptions),
            ["overrides"] = Overrides(content),
        };
    }

    /// <summary><paramref name="target"/> with <paramref name="patch"/> applied: null removes, arrays are replaced whole.</summary>
    public static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();
        var merged = target is JsonObject existing ? (JsonObject)existing.DeepClone() : [];
        foreach (var (name, value) in changes)
        {
            if (value is null) merged.Remove(name);
            else merged[name] = Merge(merged[name], value);
        }
        return merged;
    }

    private static JsonObject Overrides(PostContent content)
    {
        var overrides = new JsonObject();
        foreach (var (profileId, change) in content.Overrides)
        {
            var shown = Node(change)!.AsObject();
            foreach (var absent in shown.Where(member => member.Value is null).Select(member => member.Key).ToList())
                shown.Remove(absent);
            if (change.ScheduledAt is { } at) shown["scheduledAt"] = Exact(at);
            overrides[profileId.ToString()] = shown;
        }
        return overrides;
    }

    // The responses' milliseconds would move a moment that an edit does not touch.
    private static string Exact(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static JsonNode? Node<T>(T value) => JsonSerializer.SerializeToNode(value, Json.Options);
}
