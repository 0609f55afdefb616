using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Access;

/// <summary>The owner of everything below; every query starts from the user.</summary>
public sealed class User : IdentityUser<Guid>
{
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>The first user of the instance may invite others.</summary>
    public bool IsAdministrator { get; set; }

    /// <summary>The operator closed the account: no sign-in, no session and no key of it holds.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>IANA id of the zone times are shown in; null: UTC.</summary>
    public string? TimeZone { get; set; }

    /// <summary>When everything of the user is erased, once they asked for it; until then they may take it back.</summary>
    public DateTimeOffset? EraseAt { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<User>
    {
        public void Configure(EntityTypeBuilder<User> user)
        {
            user.ToTable("users");
            user.Property(u => u.TimeZone).HasMaxLength(64);
            user.HasIndex(u => u.EraseAt).HasFilter("erase_at IS NOT NULL");
            user.HasIndex(u => u.IsAdministrator).IsUnique().HasFilter("is_administrator");
        }
    }
}
