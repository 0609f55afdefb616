using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media;

/// <summary>An artifact as callers read it (contract §3).</summary>
/// <param name="Object">Always <c>artifact</c>.</param>
/// <param name="MimeType">By content; null until verified.</param>
/// <param name="Width">Pixels as shown.</param>
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
        artifact.Facts?.Height, artifact.Facts?.DurationMs, url?.AbsoluteUri, urlExpiresAt, artifact.Error,
        artifact.ExpiresAt, artifact.CreatedAt, artifact.UpdatedAt);

    /// <summary>For events: signed addresses do not outlive their moment, so none is told.</summary>
    internal static JsonObject ToJson(Artifact artifact) =>
        JsonSerializer.SerializeToNode(From(artifact, null, null), Json.Options)!.AsObject();
}

/// <summary>Where to send the bytes of a reserved artifact.</summary>
/// <param name="RequiredHeaders">Sent exactly as given.</param>
public sealed record UploadTicket(
    Guid ArtifactId, string UploadUrl, string UploadMethod, IReadOnlyDictionary<string, string> RequiredHeaders,
    DateTimeOffset ExpiresAt);
