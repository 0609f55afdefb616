using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media;

/// <summary>An artifact as callers read it (contract §3).</summary>
/// <param name="Object">Always <c>artifact</c>.</param>
/// <param name="MimeType">By content; null until verified.</param>
/// <param name="Width">Pixels as shown.</param>
/// <param name="SizeBytes">Of what is kept, as is the digest.</param>
/// <param name="Verification">What its content says beyond that; null until verified.</param>
/// <param name="Url">Signed address of the bytes, until <paramref name="UrlExpiresAt"/>; null until verified.</param>
/// <param name="Error">Why it failed.</param>
public sealed record ArtifactResource(
    string Object,
    Guid Id,
    ArtifactStatus Status,
    bool TestMode,
    string FileName,
    MediaKind? Kind,
    string? MimeType,
    long? SizeBytes,
    string? Sha256,
    int? Width,
    int? Height,
    long? DurationMs,
    ArtifactVerification? Verification,
    string? Url,
    DateTimeOffset? UrlExpiresAt,
    ArtifactError? Error,
    DateTimeOffset ExpiresAt,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    internal static ArtifactResource From(Artifact artifact, Uri? url, DateTimeOffset? urlExpiresAt) => new(
        Artifact.Kind, artifact.Id, artifact.Status, artifact.TestMode, artifact.FileName, artifact.Facts?.Kind,
        artifact.Facts?.MimeType, artifact.Facts?.SizeBytes, artifact.Facts?.Sha256, artifact.Facts?.Width,
        artifact.Facts?.Height, artifact.Facts?.DurationMs, ArtifactVerification.Of(artifact.Facts), url?.AbsoluteUri, urlExpiresAt, artifact.Error,
        artifact.ExpiresAt, artifact.CreatedAt, artifact.UpdatedAt);

    /// <summary>For events: signed addresses do not outlive their moment, so none is told.</summary>
    internal static JsonObject ToJson(Artifact artifact) =>
        JsonSerializer.SerializeToNode(From(artifact, null, null), Json.Options)!.AsObject();
}

/// <summary>What the content of a file says.</summary>
/// <param name="IsComplete">Whether the whole content was decoded or probed.</param>
/// <param name="NotVerified">Why not, such as a missing ffprobe.</param>
/// <param name="MetadataRemoved">Whether position, camera, comments and appended files were taken out before it was kept.</param>
/// <param name="Orientation">EXIF orientation, 1–8; width and height of the artifact are as shown.</param>
/// <param name="Frames">Pictures of an animation; 1 for a still one.</param>
/// <param name="BitRate">Bits in a second.</param>
public sealed record ArtifactVerification(
    bool IsComplete,
    string? NotVerified,
    bool MetadataRemoved,
    int Orientation,
    bool IsAnimated,
    int Frames,
    bool HasAlpha,
    ColourModel? Colour,
    string? Container,
    string? VideoCodec,
    string? AudioCodec,
    double? Fps,
    long? BitRate,
    int? Pages)
{
    internal static ArtifactVerification? Of(MediaFacts? facts) => facts is null
        ? null
        : new ArtifactVerification(facts.IsVerified, facts.NotVerified, facts.MetadataRemoved, facts.Orientation,
            facts.IsAnimated, facts.Frames, facts.HasAlpha, facts.Colour, facts.Container, facts.VideoCodec, facts.AudioCodec,
            facts.Fps, facts.BitRate, facts.Pages);
}

/// <summary>Where to send the bytes of a reserved artifact.</summary>
/// <param name="RequiredHeaders">Sent exactly as given.</param>
public sealed record UploadTicket(
    Guid ArtifactId, string UploadUrl, string UploadMethod, IReadOnlyDictionary<string, string> RequiredHeaders,
    DateTimeOffset ExpiresAt);
