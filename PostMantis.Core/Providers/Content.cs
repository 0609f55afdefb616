namespace PostMantis.Core.Providers;

/// <summary>A link shown as a card where the network has cards.</summary>
public sealed record LinkCard(string Url);

/// <summary>What may be done to a picture whose shape a network does not take.</summary>
public enum MediaFit
{
    /// <summary>It is set upon a white ground of a shape that is taken; nothing of it is cut away.</summary>
    Pad,
}

/// <summary>One media file of a post, by artifact.</summary>
/// <param name="Fit">Null: a picture of the wrong shape is refused.</param>
public sealed record MediaItem(Guid ArtifactId, string? Alt = null, long? CoverAtMs = null, MediaFit? Fit = null)
{
    /// <summary>Where a request asks for it to be imported from; an artifact stands for it before anything is stored.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string? Url { get; init; }
}

/// <summary>A further part of a thread, or the first comment.</summary>
public sealed record PartContent(string Body, IReadOnlyList<MediaItem> Media);

/// <summary>Exactly what is sent to one profile: inheritance and overrides already applied.</summary>
/// <param name="Options">The provider's own options, validated against its schema.</param>
public sealed record DeliveryContent(
    string? Body,
    LinkCard? Link,
    IReadOnlyList<MediaItem> Media,
    IReadOnlyList<PartContent> Thread,
    PartContent? FirstComment,
    System.Text.Json.Nodes.JsonObject Options);

/// <summary>Which piece of a post a remote object is.</summary>
public enum PartKind
{
    Root,
    Thread,
    FirstComment,
}

/// <summary>Where one part stands.</summary>
public enum PartStatus
{
    Pending,
    Published,
    Failed,
    Unknown,
}

/// <summary>One remote object of a delivery.</summary>
public sealed record DeliveryPart(
    int Index, PartKind Kind, PartStatus Status, string? ProviderPostId = null, string? Url = null,
    DeliveryError? Error = null)
{
    /// <summary>Puts a part in its place among the others.</summary>
    internal static void Put(List<DeliveryPart> parts, DeliveryPart part)
    {
        var at = parts.FindIndex(p => p.Index == part.Index);
        if (at < 0) parts.Add(part);
        else parts[at] = part;
    }
}
