using System.Text.Json.Nodes;
using PostMantis.Core.Deliveries;

namespace PostMantis.Api.V1.Posts;

// These shapes describe the requests in the API's document. The bodies themselves are read by the operations, which
// report everything wrong at once; a test holds both to the same members.

/// <summary>What to say, where and when. Only <c>profiles</c> and one of body, media are needed.</summary>
/// <param name="Profiles">1–50 profiles, each once.</param>
/// <param name="Media">At most 20.</param>
/// <param name="ProviderOptions">By provider, in the schema of its limits.</param>
/// <param name="Overrides">By profile id: a member absent inherits, empty clears.</param>
/// <param name="AllowDuplicate">Publish although the same content goes to the same profile within 24 hours.</param>
internal sealed record CreatePostRequest(
    PostBody Post,
    IReadOnlyList<Guid> Profiles,
    IReadOnlyList<MediaRequest>? Media,
    Dictionary<string, JsonObject>? ProviderOptions,
    Dictionary<string, OverrideRequest>? Overrides,
    bool? AllowDuplicate);

/// <summary>As a post is created by; with <c>postId</c>, an edit of that post.</summary>
/// <param name="PostId">The post that the rest would be an edit of.</param>
internal sealed record ValidatePostRequest(
    Guid? PostId,
    PostBody? Post,
    IReadOnlyList<Guid>? Profiles,
    IReadOnlyList<MediaRequest>? Media,
    Dictionary<string, JsonObject>? ProviderOptions,
    Dictionary<string, OverrideRequest>? Overrides,
    bool? AllowDuplicate);

/// <summary>The post itself.</summary>
/// <param name="Draft">True stores it without publishing.</param>
/// <param name="ScheduledAt">RFC 3339 with Z or an offset; absent is now; at most 2 years ahead.</param>
/// <param name="MaxLatenessSeconds">Beyond the moment plus this, a delivery fails with tooLate.</param>
/// <param name="ExternalId">Your own id, 1–200 characters.</param>
/// <param name="Metadata">50 names of 40 characters with values of 500; never sent to a network.</param>
internal sealed record PostBody(
    string? Body,
    bool? Draft,
    DateTimeOffset? ScheduledAt,
    LinkRequest? Link,
    IReadOnlyList<PartRequest>? Thread,
    PartRequest? FirstComment,
    int? MaxLatenessSeconds,
    string? ExternalId,
    Dictionary<string, string>? Metadata);

/// <summary>A link shown as a card.</summary>
internal sealed record LinkRequest(string Url);

/// <summary>A further part of a thread, or the first comment.</summary>
internal sealed record PartRequest(string Body, IReadOnlyList<MediaRequest>? Media);

/// <summary>One media file: either an artifact or a URL to import.</summary>
internal sealed record MediaRequest(Guid? ArtifactId, string? Url, string? Alt, int? CoverAtMs);

/// <summary>What one profile gets instead.</summary>
internal sealed record OverrideRequest(
    string? Body, IReadOnlyList<MediaRequest>? Media, DateTimeOffset? ScheduledAt, JsonObject? Options);

/// <summary>When to publish; absent is now.</summary>
internal sealed record PublishPostRequest(DateTimeOffset? ScheduledAt, bool? AllowDuplicate);

/// <summary>What the profile gets instead this time.</summary>
/// <param name="AllowDuplicate">Send it although another post said the same to the profile within 24 hours.</param>
internal sealed record RetryDeliveryRequest(RetryOverrideRequest? Override, bool? AllowDuplicate);

/// <summary>As an override, without a moment: a retry goes out now.</summary>
internal sealed record RetryOverrideRequest(string? Body, IReadOnlyList<MediaRequest>? Media, JsonObject? Options);

/// <summary>What a person found out.</summary>
/// <param name="As">published or failed.</param>
internal sealed record ResolveDeliveryRequest(DeliveryStatus As, string? ProviderPostId, string? Url);
