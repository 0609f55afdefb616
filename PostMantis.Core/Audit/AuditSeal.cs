using System.Buffers.Binary;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Audit;

/// <summary>
/// A link of a user's audit chain: the hash over the link before it and over every entry up to <see cref="LastId"/>, all of one
/// month.
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

/// <summary>
/// What is left of a user's chain where whole months were dropped: the last link among them, and how many entries went. The
/// first link that is kept hangs on it.
/// </summary>
public sealed class AuditAnchor
{
    /// <summary>Where all of it is kept sealed: dropping cannot be pretended by who has the database alone.</summary>
    public static readonly SealedColumn Sealed = new("audit_anchors", "seal");

    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    /// <summary>The number of the last link that was dropped.</summary>
    public int Number { get; init; }

    /// <summary>The last entry that was dropped.</summary>
    public Guid LastId { get; init; }

    /// <summary>How many entries were dropped, since the first.</summary>
    public long Entries { get; init; }

    public required byte[] Hash { get; init; }

    /// <summary>Where the months that were dropped end.</summary>
    public DateTimeOffset Before { get; init; }

    public byte[] Seal { get; private set; } = [];

    /// <summary>Seals what it says.</summary>
    public AuditAnchor SealedBy(SecretVault vault)
    {
        ArgumentNullException.ThrowIfNull(vault);
        Seal = vault.Seal(Sealed.Of(Id, UserId), Content());
        return this;
    }

    /// <summary>Everything it says, as it is sealed.</summary>
    internal byte[] Content()
    {
        var content = new byte[sizeof(int) + 16 + sizeof(long) + sizeof(long) + Hash.Length];
        BinaryPrimitives.WriteInt32BigEndian(content, Number);
        LastId.TryWriteBytes(content.AsSpan(4), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(20), Entries);
        BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(28), Before.ToUnixTimeMilliseconds());
        Hash.CopyTo(content.AsSpan(36));
        return content;
    }

    internal sealed class Configuration : IEntityTypeConfiguration<AuditAnchor>
    {
        public void Configure(EntityTypeBuilder<AuditAnchor> anchor)
        {
            anchor.ToTable("audit_anchors");
            anchor.HasIndex(a => a.UserId).IsUnique();
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
