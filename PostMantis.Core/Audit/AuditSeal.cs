using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Audit;

/// <summary>
/// A link of a user's audit chain: the hash over the link before it and over every entry up to <see cref="LastId"/>.
/// </summary>
public sealed class AuditSeal
{
    /// <summary>Where the hash is kept sealed: who can write rows but has no master key cannot make a chain that holds.</summary>
    public static readonly SealedColumn SealedHash = new("audit_seals", "seal");

    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    /// <summary>From 1, without gaps.</summary>
    public int Number { get; init; }

    /// <summary>The last entry it covers; the first is the one after the link before.</summary>
    public Guid LastId { get; init; }
    public int Entries { get; init; }
    public required byte[] Previous { get; init; }
    public required byte[] Hash { get; init; }
    public required byte[] Seal { get; init; }
    public DateTimeOffset SealedAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<AuditSeal>
    {
        public void Configure(EntityTypeBuilder<AuditSeal> seal)
        {
            seal.ToTable("audit_seals");
            seal.HasKey(s => s.Id);
            seal.HasIndex(s => new { s.UserId, s.Number }).IsUnique();
        }
    }
}

/// <summary>What is left of an erased user's chain: that it was, how long, and where it ended; not whose it was.</summary>
public sealed class AuditTombstone
{
    public Guid Id { get; init; }
    public DateTimeOffset ErasedAt { get; init; }
    public int Seals { get; init; }
    public long Entries { get; init; }
    public byte[]? Head { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<AuditTombstone>
    {
        public void Configure(EntityTypeBuilder<AuditTombstone> stone) => stone.ToTable("audit_tombstones");
    }
}
