using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Profiles;

/// <summary>A profile as callers read it.</summary>
/// <param name="Status">active; reauthRequired: connect the account again; disconnected: its tokens are erased.</param>
/// <param name="PausedAt">Set: nothing is published to it until it is resumed.</param>
public sealed record ProfileResource(
    string Object,
    Guid Id,
    string Provider,
    string Name,
    string? Handle,
    string? PictureUrl,
    ProfileStatus Status,
    DateTimeOffset? PausedAt,
    Guid? BrandId,
    string? ExternalId,
    bool TestMode,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? DisconnectedAt)
{
    public const string Kind = "profile";

    public static ProfileResource From(Profile profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        return new ProfileResource(Kind, profile.Id, profile.Provider, profile.Name, profile.Handle, profile.PictureUrl,
            profile.Status, profile.PausedAt, profile.BrandId, profile.ExternalId, profile.TestMode, profile.CreatedAt,
            profile.UpdatedAt, profile.DisconnectedAt);
    }

    /// <summary>As in the API's JSON.</summary>
    public JsonNode ToJson() => JsonSerializer.SerializeToNode(this, Json.Options)!;
}
