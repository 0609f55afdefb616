using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>Whether the grant still opens doors.</summary>
public enum ConnectionStatus
{
    /// <summary>Left by a definite auth error or by disconnecting its last profile.</summary>
    Active,

    /// <summary>Left by connecting the same account again.</summary>
    ReauthRequired,

    /// <summary>Tokens erased; left by connecting the same account again.</summary>
    Disconnected,
}

/// <summary>One consent grant at a provider. Its tokens are sealed; only the vault's users open them.</summary>
public sealed class Connection
{
    /// <summary>Where <see cref="Credential"/> is sealed for.</summary>
    public static readonly SealedColumn SealedCredential = new("connections", "credential");

    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required string Provider { get; init; }

    /// <summary>The network's own id of the account that consented.</summary>
    public required string ProviderAccountId { get; init; }
    public required string AccountName { get; set; }
    public List<string> Scopes { get; set; } = [];
    public ConnectionStatus Status { get; set; } = ConnectionStatus.Active;

    /// <summary>Sealed <c>GrantTokens</c> as JSON; null once disconnected.</summary>
    public byte[]? Credential { get; set; }

    /// <summary>Rises with each stored pair, so that a late refresh cannot overwrite a newer one.</summary>
    public int CredentialVersion { get; set; }
    /// <summary>Whether the grant holds something to renew it with; if not, it ends with its access token.</summary>
    public bool CanRenew { get; set; } = true;
    public DateTimeOffset? AccessTokenExpiresAt { get; set; }
    public DateTimeOffset? RefreshTokenExpiresAt { get; set; }
    public DateTimeOffset? RefreshedAt { get; set; }

    /// <summary>When a person has to consent again; null: never, as far as is known.</summary>
    public DateTimeOffset? EndsAt => CanRenew ? RefreshTokenExpiresAt : AccessTokenExpiresAt;

    /// <summary>Code of the last refresh failure, such as <c>refreshLost</c>.</summary>
    public string? LastRefreshError { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<Connection>
    {
        public void Configure(EntityTypeBuilder<Connection> connection)
        {
            connection.ToTable("connections", t => t.HasCheckConstraint("ck_connections_credential",
                "(status = 'disconnected') = (credential IS NULL)"));
            connection.Property(c => c.Status).HasConversion<SnakeCase<ConnectionStatus>>();
            connection.Property(c => c.CanRenew).HasDefaultValue(true);
            connection.Ignore(c => c.EndsAt);
            connection.HasIndex(c => new { c.UserId, c.Provider, c.ProviderAccountId }).IsUnique();
            connection.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
