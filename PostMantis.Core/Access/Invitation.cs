using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Access;

/// <summary>A single-use right to sign up while sign-up is by invitation.</summary>
public sealed class Invitation
{
    public Guid Id { get; init; }
    public required string Email { get; init; }
    public required byte[] TokenHash { get; init; }
    public Guid? InvitedBy { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? AcceptedAt { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<Invitation>
    {
        public void Configure(EntityTypeBuilder<Invitation> invitation)
        {
            invitation.ToTable("invitations");
            invitation.Property(i => i.Email).HasMaxLength(256);
            invitation.HasIndex(i => i.TokenHash).IsUnique();
        }
    }
}
