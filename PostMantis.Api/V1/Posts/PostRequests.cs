using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Api.V1.Posts;

// These shapes describe the requests in the API's document. The bodies themselves are read by the operations, which
// report everything wrong at once; a test holds both to the same members and limits.

/// <summary>
/// What to say, where and when. Only <c>profiles</c> and one of body, media are needed; a draft needs nothing, and an edit (a
/// JSON Merge Patch in this shape) only what it changes.
/// </summary>
/// <param name="Profiles">1–50 profiles, each once.</param>
/// <param name="Media">At most 20.</param>
/// <param name="ProviderOptions">By provider, in the schema of its limits.</param>
/// <param name="Overrides">By profile id: a member absent inherits, empty clears.</param>
/// <param name="AllowDuplicate">Publish although the same content goes to the same profile within 24 hours.</param>
internal sealed record CreatePostRequest(
    PostBody? Post,
    [property: MaxLength(PostInput.MostProfiles)] IReadOnlyList<Guid>? Profiles,
    [property: MaxLength(PostInput.MostMedia)] IReadOnlyList<MediaRequest>? Media,
    ProviderOptionsRequest? ProviderOptions,
    Dictionary<string, OverrideRequest>? Overrides,
    bool? AllowDuplicate);

/// <summary>As a post is created by; with <c>postId</c>, an edit of that post.</summary>
/// <param name="PostId">The post that the rest would be an edit of.</param>
/// <param name="Profiles">1–50 profiles, each once.</param>
/// <param name="Media">At most 20.</param>
/// <param name="ProviderOptions">By provider, in the schema of its limits.</param>
/// <param name="Overrides">By profile id: a member absent inherits, empty clears.</param>
/// <param name="AllowDuplicate">Say nothing about the same content going to the same profile within 24 hours.</param>
internal sealed record ValidatePostRequest(
    Guid? PostId,
    PostBody? Post,
    [property: MaxLength(PostInput.MostProfiles)] IReadOnlyList<Guid>? Profiles,
    [property: MaxLength(PostInput.MostMedia)] IReadOnlyList<MediaRequest>? Media,
    ProviderOptionsRequest? ProviderOptions,
    Dictionary<string, OverrideRequest>? Overrides,
    bool? AllowDuplicate);

/// <summary>Options by provider, each in its own schema.</summary>
internal sealed record ProviderOptionsRequest;

/// <summary>The post itself.</summary>
/// <param name="Draft">True stores it without publishing.</param>
/// <param name="ScheduledAt">RFC 3339 with Z or an offset; absent is now; at most 2 years ahead.</param>
/// <param name="Thread">Further parts, in order.</param>
/// <param name="MaxLatenessSeconds">Beyond the moment plus this, a delivery fails with tooLate.</param>
/// <param name="ExternalId">Your own id.</param>
/// <param name="Metadata">50 names of 40 characters with values of 500; never sent to a network.</param>
internal sealed record PostBody(
    [property: MaxLength(PostInput.MostText)] string? Body,
    bool? Draft,
    DateTimeOffset? ScheduledAt,
    LinkRequest? Link,
    [property: MaxLength(PostInput.MostThreadParts)] IReadOnlyList<PartRequest>? Thread,
    PartRequest? FirstComment,
    [property: Range(1, PostInput.MostLatenessSeconds)] int? MaxLatenessSeconds,
    [property: StringLength(PostInput.MostExternalId, MinimumLength = 1)] string? ExternalId,
    Dictionary<string, string>? Metadata);

/// <summary>A link shown as a card.</summary>
/// <param name="Url">Absolute, http or https.</param>
internal sealed record LinkRequest([property: StringLength(PostInput.MostUrl, MinimumLength = 1)] string Url);

/// <summary>A further part of a thread, or the first comment.</summary>
internal sealed record PartRequest(
    [property: StringLength(PostInput.MostText, MinimumLength = 1)] string Body,
    [property: MaxLength(PostInput.MostMedia)] IReadOnlyList<MediaRequest>? Media);

/// <summary>One media file: an artifact, a URL to import, or a file of the form.</summary>
/// <param name="File">In multipart/form-data alone: the name of the part that is the file.</param>
/// <param name="Alt">What it shows, for those who do not see it.</param>
/// <param name="CoverAtMs">Where in a video its cover is taken.</param>
/// <param name="Fit">For a picture whose shape a network does not take: pad sets it upon white. Absent: it is refused.</param>
internal sealed record MediaRequest(
    Guid? ArtifactId,
    [property: StringLength(PostInput.MostUrl, MinimumLength = 1)] string? Url,
    [property: StringLength(PostFormReader.MostName, MinimumLength = 1)] string? File,
    [property: MaxLength(PostInput.MostAlt)] string? Alt,
    [property: Range(0, int.MaxValue)] int? CoverAtMs,
    MediaFit? Fit);

/// <summary>What one profile gets instead.</summary>
/// <param name="Options">Merged over <c>providerOptions</c> of its provider.</param>
internal sealed record OverrideRequest(
    [property: MaxLength(PostInput.MostText)] string? Body,
    [property: MaxLength(PostInput.MostMedia)] IReadOnlyList<MediaRequest>? Media,
    DateTimeOffset? ScheduledAt,
    JsonObject? Options);

/// <summary>When to publish; absent is now.</summary>
/// <param name="ScheduledAt">RFC 3339 with Z or an offset; at most 2 years ahead.</param>
/// <param name="AllowDuplicate">Publish although the same content goes to the same profile within 24 hours.</param>
internal sealed record PublishPostRequest(DateTimeOffset? ScheduledAt, bool? AllowDuplicate);

/// <summary>What the profile gets instead this time.</summary>
/// <param name="AllowDuplicate">Send it although another post said the same to the profile within 24 hours.</param>
internal sealed record RetryDeliveryRequest(RetryOverrideRequest? Override, bool? AllowDuplicate);

/// <summary>As an override, without a moment: a retry goes out now.</summary>
/// <param name="Options">Merged over the options it had.</param>
internal sealed record RetryOverrideRequest(
    [property: MaxLength(PostInput.MostText)] string? Body,
    [property: MaxLength(PostInput.MostMedia)] IReadOnlyList<MediaRequest>? Media,
    JsonObject? Options);

/// <summary>What a person found out.</summary>
/// <param name="ProviderPostId">The network's id of it, if published.</param>
/// <param name="Url">Where it is, if published.</param>
internal sealed record ResolveDeliveryRequest(
    Resolution As,
    [property: StringLength(200, MinimumLength = 1)] string? ProviderPostId,
    [property: StringLength(PostInput.MostUrl, MinimumLength = 1)] string? Url);

/// <summary>What became of it.</summary>
internal enum Resolution
{
    Published,
    Failed,
}
