using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Profiles;

/// <summary>Whether we may publish to a profile.</summary>
public enum ProfileStatus
{
    /// <summary>Left by a definite auth error (reauthRequired) or by disconnecting.</summary>
    Active,

    /// <summary>Left by reconnecting the same account (active) or by disconnecting.</summary>
    ReauthRequired,

    /// <summary>Left by reconnecting the same account, which revives the same id.</summary>
    Disconnected,
}

/// <summary>One publishable destination: an X account, a Facebook Page, a Pinterest board.</summary>
public sealed class Profile
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public Guid ConnectionId { get; set; }
    public required string Provider { get; init; }

    /// <summary>The network's own id of the destination.</summary>
    public required string ProviderProfileId { get; init; }
    public required string Name { get; set; }
    public string? Handle { get; set; }
    public string? PictureUrl { get; set; }
    public ProfileStatus Status { get; private set; } = ProfileStatus.Active;
    public Guid? BrandId { get; set; }
    public string? ExternalId { get; set; }
    public bool TestMode { get; init; }

    /// <summary>What the adapter must know about the destination, such as its settlement mode.</summary>
    public Dictionary<string, string> Facts { get; set; } = [];
    public DateTimeOffset? PausedAt { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }
    public DateTimeOffset? DisconnectedAt { get; private set; }

    public void RequireReauth(DateTimeOffset now) => MoveTo(ProfileStatus.ReauthRequired, now);

    public void Disconnect(DateTimeOffset now)
    {
        MoveTo(ProfileStatus.Disconnected, now);
        DisconnectedAt = now;
    }

    /// <summary>The same account was connected again: the profile lives on under its id.</summary>
    public void Revive(Guid connectionId, DateTimeOffset now)
    {
        ConnectionId = connectionId;
        Status = ProfileStatus.Active;
        DisconnectedAt = null;
        UpdatedAt = now;
    }

    /// <summary>As it was read, for those who only look at it.</summary>
    internal Profile Standing(ProfileStatus status)
    {
        Status = status;
        return this;
    }

    private void MoveTo(ProfileStatus next, DateTimeOffset now)
    {
        var legal = (Status, next) is
            (ProfileStatus.Active, ProfileStatus.ReauthRequired or ProfileStatus.Disconnected) or
            (ProfileStatus.ReauthRequired, ProfileStatus.Disconnected);
        if (!legal) throw new IllegalMoveException(nameof(Profile), Status, next);
        (Status, UpdatedAt) = (next, now);
    }

    internal sealed class Configuration : IEntityTypeConfiguration<Profile>
    {
        public void Configure(EntityTypeBuilder<Profile> profile)
        {
            profile.ToTable("profiles", t => t.HasCheckConstraint("ck_profiles_disconnected",
                "(status = 'disconnected') = (disconnected_at IS NOT NULL)"));
            profile.Property(p => p.Status).HasConversion<SnakeCase<ProfileStatus>>();
            profile.Property(p => p.Facts).AsJson();
            profile.HasIndex(p => new { p.UserId, p.Provider, p.ProviderProfileId }).IsUnique();
            profile.HasIndex(p => new { p.UserId, p.CreatedAt, p.Id });
            profile.HasIndex(p => p.ConnectionId);
            profile.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
            profile.HasOne<Brand>().WithMany().HasForeignKey(p => p.BrandId).OnDelete(DeleteBehavior.SetNull);
        }
    }
}
