using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>A bearer key of one user: what it may do, and the hash of its secret (never the secret).</summary>
public sealed class ApiKey
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required string Name { get; init; }

    /// <summary>The visible beginning, such as <c>pm_live_4fGk…</c>: what leak scanners and people recognise.</summary>
    public required string Prefix { get; init; }

    /// <summary>SHA-256 of the secret part: 256 random bits need no slow hash.</summary>
    public required byte[] SecretHash { get; init; }

    public bool TestMode { get; init; }
    public Permission Permission { get; init; }
    public List<Grant> Grants { get; init; } = [];
    public List<string> Providers { get; init; } = [];
    public List<Guid> BrandIds { get; init; } = [];
    public List<Guid> ProfileIds { get; init; } = [];
    public KeyRules Rules { get; init; } = KeyRules.None;
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; set; }
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>When its daily cap refused a post last.</summary>
    public DateTimeOffset? RefusedAt { get; private set; }

    /// <summary>How many posts the cap refused on the UTC day of <see cref="RefusedAt"/>.</summary>
    public int RefusedCount { get; private set; }

    internal sealed class Configuration : IEntityTypeConfiguration<ApiKey>
    {
        public void Configure(EntityTypeBuilder<ApiKey> key)
        {
            key.ToTable("api_keys");
            key.Property(k => k.Name).HasMaxLength(100);
            key.Property(k => k.Permission).HasConversion<SnakeCase<Permission>>();
            key.PrimitiveCollection(k => k.Grants).ElementType().HasConversion<SnakeCase<Grant>>();
            key.Property(k => k.Rules).AsJson();
            key.HasIndex(k => k.Prefix).IsUnique();
            key.HasIndex(k => new { k.UserId, k.CreatedAt });
            key.HasOne<User>().WithMany().HasForeignKey(k => k.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
