using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Posts;

/// <summary>A media file where a post names it.</summary>
/// <param name="Pointer">Into the create shape, such as <c>/media/0</c>.</param>
public readonly record struct NamedMedia(string Pointer, MediaItem Item);

/// <summary>What becomes of one media file of a post for one profile.</summary>
/// <param name="Pointer">Into the create shape, such as <c>/media/0</c>.</param>
/// <param name="Plan">Null while nobody knows: it is being imported.</param>
public sealed record PlannedMedia(string Pointer, MediaItem Item, MediaPlanItem? Plan);

/// <summary>Walks the media of a post: its own, those of its parts and those of its overrides.</summary>
public static class PostMedia
{
    /// <summary>Every place where a post names media, an artifact as often as it is named.</summary>
    public static IEnumerable<NamedMedia> Of(PostContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        foreach (var named in At(PostInput.Pointers.Media, content.Media)) yield return named;
        for (var part = 0; part < content.Thread.Count; part++)
            foreach (var named in At(PostInput.Pointers.ThreadMedia(part), content.Thread[part].Media)) yield return named;
        foreach (var named in At(PostInput.Pointers.CommentMedia, content.FirstComment?.Media ?? [])) yield return named;
        foreach (var (profileId, change) in content.Overrides)
            foreach (var named in At(PostInput.Pointers.Override(profileId, "media"), change.Media ?? []))
                yield return named;
    }

    /// <summary>Whether a post names any media.</summary>
    public static bool IsIn(PostContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        return content.Media.Count > 0 || content.FirstComment is { Media.Count: > 0 }
            || (content.Thread.Count > 0 && content.Thread.Any(part => part.Media.Count > 0))
            || (content.Overrides.Count > 0 && content.Overrides.Values.Any(change => change.Media is { Count: > 0 }));
    }

    /// <summary>Whether one profile is sent any media.</summary>
    public static bool IsIn(DeliveryContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        return content.Media.Count > 0 || (content.Thread.Count > 0 && content.Thread.Any(part => part.Media.Count > 0));
    }

    /// <summary>What one profile is sent, in order.</summary>
    public static IEnumerable<MediaItem> Of(DeliveryContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        return content.Media.Concat(content.Thread.SelectMany(part => part.Media));
    }

    /// <summary>The same content with every media item exchanged.</summary>
    public static PostContent Exchange(PostContent content, Func<MediaItem, MediaItem> exchange)
    {
        ArgumentNullException.ThrowIfNull(content);
        return content with
        {
            Media = All(content.Media),
            Thread = [.. content.Thread.Select(Part)],
            FirstComment = content.FirstComment is { } comment ? Part(comment) : null,
            Overrides = content.Overrides.ToDictionary(o => o.Key,
                o => o.Value.Media is { } media ? o.Value with { Media = All(media) } : o.Value),
        };

        MediaItem[] All(IReadOnlyList<MediaItem> items) => [.. items.Select(exchange)];
        PartContent Part(PartContent part) => part with { Media = All(part.Media) };
    }

    private static IEnumerable<NamedMedia> At(string list, IReadOnlyList<MediaItem> items) =>
        items.Select((item, i) => new NamedMedia($"{list}/{i}", item));
}
