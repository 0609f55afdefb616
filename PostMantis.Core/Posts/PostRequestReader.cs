using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using static PostMantis.Core.Posts.PostInput;

namespace PostMantis.Core.Posts;

/// <summary>Reads the create shape (contract §3) strictly; everything wrong goes into the issues, all at once.</summary>
public static class PostRequestReader
{
    /// <summary>Reads <paramref name="body"/>. The result is only meaningful while <paramref name="issues"/> stays empty.</summary>
    public static PostInput Read(JsonObject body, ICollection<Issue> issues)
    {
        var root = new ObjectReader(body, "", issues);
        var post = root.Nested("post") ?? new ObjectReader([], "/post", issues);
        var allowDuplicate = root.Boolean("allowDuplicate") ?? false;
        var content = new PostContent(
            post.String("body", max: MostText),
            Link(post),
            Thread(post),
            FirstComment(post),
            Media(root, "media"),
            ProviderOptions(root),
            Overrides(root));
        var input = new PostInput(
            content,
            post.Boolean("draft") ?? false,
            post.Time("scheduledAt"),
            (int?)post.Integer("maxLatenessSeconds", 1, MostLatenessSeconds, "seconds"),
            post.String("externalId", min: 1, max: MostExternalId),
            Metadata(post),
            Profiles(root),
            allowDuplicate);
        foreach (var profileId in content.Overrides.Keys.Where(id => !input.Profiles.Contains(id)))
        {
            issues.Add(new Issue($"/overrides/{profileId}", Rule.NotFound,
                "This override is for a profile that is not in profiles.", ProfileId: profileId));
        }
        post.Finish();
        root.Finish();
        return input;
    }

    /// <summary>One profile's override, as in <c>overrides</c> and in a retry.</summary>
    public static PostOverride ReadOverride(JsonObject source, string pointer, ICollection<Issue> issues,
        bool withMoment = true)
    {
        var reader = new ObjectReader(source, pointer, issues);
        var result = new PostOverride(
            reader.String("body", max: MostText),
            reader.Array("media", MostMedia) is null ? null : Media(reader, "media"),
            withMoment ? reader.Time("scheduledAt") : null,
            reader.Object("options"));
        reader.Finish();
        return result;
    }

    private static LinkCard? Link(ObjectReader post)
    {
        if (post.Nested("link") is not { } link) return null;
        var url = link.String("url", required: true, min: 1, max: MostUrl);
        link.Finish();
        if (url is null) return null;
        if (Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "https" or "http")
            return new LinkCard(url);
        post.Issues.Add(new Issue(link.At("url"), Rule.WrongFormat, "Must be an absolute http or https URL."));
        return null;
    }

    private static List<PartContent> Thread(ObjectReader post)
    {
        List<PartContent> parts = [];
        foreach (var (node, at) in Items(post, "thread", MostThreadParts))
            if (Part(node, at, post.Issues) is { } part) parts.Add(part);
        return parts;
    }

    private static PartContent? FirstComment(ObjectReader post) =>
        post.Object("firstComment") is { } comment ? Part(comment, post.At("firstComment"), post.Issues) : null;

    private static PartContent? Part(JsonNode? node, string at, ICollection<Issue> issues)
    {
        if (node is not JsonObject source)
        {
            issues.Add(new Issue(at, Rule.WrongType, "Must be an object."));
            return null;
        }
        var reader = new ObjectReader(source, at, issues);
        var part = new PartContent(reader.String("body", required: true, min: 1, max: MostText) ?? "",
            Media(reader, "media"));
        reader.Finish();
        return part;
    }

    private static List<MediaItem> Media(ObjectReader owner, string name)
    {
        List<MediaItem> media = [];
        foreach (var (node, at) in Items(owner, name, MostMedia))
        {
            if (node is not JsonObject source)
            {
                owner.Issues.Add(new Issue(at, Rule.WrongType, "Must be an object."));
                continue;
            }
            var item = new ObjectReader(source, at, owner.Issues);
            var artifactId = item.Id("artifactId");
            var url = item.String("url", min: 1, max: MostUrl);
            var alt = item.String("alt", max: MostAlt);
            var cover = item.Integer("coverAtMs", 0, int.MaxValue, "ms");
            var fit = item.OneOf<MediaFit>("fit");
            var namesFile = item.Has("file");
            item.Finish();
            if (namesFile)
                owner.Issues.Add(new Issue(item.At("file"), Rule.Unsupported, "Only a form brings files with it.",
                    Fix: "Send multipart/form-data with a part of this name, or upload the file and give its artifactId."));
            else if (item.Has("artifactId") == item.Has("url"))
                owner.Issues.Add(new Issue(at, Rule.Required, "Give either artifactId or url."));
            else if (url is not null)
                media.Add(new MediaItem(Guid.Empty, alt, cover, fit) { Url = url });
            else if (artifactId is { } id)
                media.Add(new MediaItem(id, alt, cover, fit));
        }
        return media;
    }

    private static Dictionary<string, JsonObject> ProviderOptions(ObjectReader root)
    {
        Dictionary<string, JsonObject> options = [];
        if (root.Object("providerOptions") is not { } source) return options;
        foreach (var (provider, node) in source)
        {
            var at = new ObjectReader(source, root.At("providerOptions"), root.Issues).At(provider);
            if (!ProviderCatalog.KnownIds.Contains(provider))
                root.Issues.Add(new Issue(at, Rule.UnknownField, "There is no such provider.",
                    Fix: $"Known providers: {string.Join(", ", ProviderCatalog.KnownIds)}."));
            else if (node is JsonObject value)
                options[provider] = (JsonObject)value.DeepClone();
            else
                root.Issues.Add(new Issue(at, Rule.WrongType, "Must be an object."));
        }
        return options;
    }

    private static Dictionary<Guid, PostOverride> Overrides(ObjectReader root)
    {
        Dictionary<Guid, PostOverride> overrides = [];
        if (root.Object("overrides") is not { } source) return overrides;
        foreach (var (key, node) in source)
        {
            var at = new ObjectReader(source, root.At("overrides"), root.Issues).At(key);
            if (!Guid.TryParseExact(key, "D", out var profileId))
                root.Issues.Add(new Issue(at, Rule.WrongFormat, "Overrides are named by profile id."));
            else if (node is not JsonObject value)
                root.Issues.Add(new Issue(at, Rule.WrongType, "Must be an object."));
            else if (!overrides.TryAdd(profileId, ReadOverride(value, at, root.Issues)))
                root.Issues.Add(new Issue(at, Rule.Duplicate, "This profile has an override already."));
        }
        return overrides;
    }

    private static Dictionary<string, string> Metadata(ObjectReader post)
    {
        Dictionary<string, string> metadata = [];
        if (post.Object("metadata") is not { } source) return metadata;
        if (source.Count > MostMetadata)
        {
            post.Issues.Add(new Issue(post.At("metadata"), Rule.TooMany, $"At most {MostMetadata} names are allowed.",
                Limit: MostMetadata, Actual: source.Count, Unit: "items"));
            return metadata;
        }
        var reader = new ObjectReader(source, post.At("metadata"), post.Issues);
        foreach (var (name, _) in source)
        {
            if (name.Length is 0 or > MostMetadataName || !ObjectReader.IsStorable(name))
                post.Issues.Add(new Issue(post.At("metadata"), name.Length == 0 ? Rule.TooShort
                        : name.Length > MostMetadataName ? Rule.TooLong : Rule.WrongFormat,
                    $"Names have 1 to {MostMetadataName} characters.", Limit: MostMetadataName, Actual: name.Length,
                    Unit: "characters"));
            else if (reader.String(name, required: true, max: MostMetadataValue) is { } value)
                metadata[name] = value;
        }
        return metadata;
    }

    private static List<Guid> Profiles(ObjectReader root)
    {
        List<Guid> profiles = [];
        foreach (var (node, at) in Items(root, "profiles", MostProfiles))
        {
            if (root.Id(node, at) is not { } id) continue;
            if (profiles.Contains(id))
                root.Issues.Add(new Issue(at, Rule.Duplicate, "Each profile can be named once.", ProfileId: id));
            else
                profiles.Add(id);
        }
        return profiles;
    }

    private static IEnumerable<(JsonNode? Node, string At)> Items(ObjectReader owner, string name, int most)
    {
        if (owner.Array(name, most) is not { } items) yield break;
        for (var i = 0; i < items.Count; i++) yield return (items[i], $"{owner.At(name)}/{i}");
    }
}
