using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Access;

/// <summary>One browser in which a person is signed in: what its cookie names must be here, or it opens nothing.</summary>
public sealed class UserSession
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The last page, to the minute.</summary>
    public DateTimeOffset LastSeenAt { get; init; }

    /// <summary>Moves on with every page; beyond it the session is over.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How long it lasts without a page.</summary>
    public TimeSpan Lifetime { get; init; }

    /// <summary>Where it was seen last.</summary>
    public string? Address { get; init; }

    /// <summary>The program it was started in, as it called itself.</summary>
    public string? UserAgent { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<UserSession>
    {
        public void Configure(EntityTypeBuilder<UserSession> session)
        {
            session.ToTable("sessions");
            session.HasIndex(s => s.UserId);
            session.HasIndex(s => s.ExpiresAt);
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
