using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;

namespace PostMantis.Core.Idempotency;

/// <summary>A key and the first successful answer to it, committed together with the effect.</summary>
public sealed class IdempotencyKey
{
    public Guid UserId { get; init; }

    /// <summary>1–255 printable ASCII characters, without the quotes it may have come in.</summary>
    public required string Key { get; init; }

    /// <summary>SHA-256 of method, path and canonical body.</summary>
    public required byte[] Fingerprint { get; init; }
    public int StatusCode { get; init; }
    public string? Location { get; init; }

    /// <summary>The body of the answer as it was sent; null for 204.</summary>
    public string? Body { get; init; }

    /// <summary>What the answer was about: permission and scope are checked again on replay.</summary>
    public Guid? ResourceId { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<IdempotencyKey>
    {
        public void Configure(EntityTypeBuilder<IdempotencyKey> key)
        {
            key.ToTable("idempotency_keys");
            key.HasKey(k => new { k.UserId, k.Key });
            key.Property(k => k.Key).HasMaxLength(255);
            key.HasIndex(k => k.ExpiresAt);
            key.HasOne<User>().WithMany().HasForeignKey(k => k.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
