using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Media;

/// <summary>Where an artifact stands (contract §4).</summary>
public enum ArtifactStatus
{
    /// <summary>Its bytes are being sent; left by completion, or by time.</summary>
    Reserved,

    /// <summary>Its bytes are being fetched; left by the import's end.</summary>
    Importing,

    /// <summary>Final: its content was read and is what the facts say.</summary>
    Verified,

    /// <summary>Final: its content is refused, or could not be fetched.</summary>
    Failed,

    /// <summary>Final: its bytes did not come in time.</summary>
    Expired,
}

/// <summary>Why an artifact failed.</summary>
/// <param name="Code">Stable; one of inspection's codes, <c>notReachable</c>, <c>notAllowed</c> or <c>sizeMismatch</c>.</param>
public sealed record ArtifactError(string Code, string Message, double? Limit = null, double? Actual = null, string? Unit = null);

/// <summary>One media file of a user, uploaded or imported.</summary>
public sealed class Artifact
{
    public const string Kind = "artifact";

    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    /// <summary>Made by a test key; such keys see no others.</summary>
    public bool TestMode { get; init; }
    public ArtifactStatus Status { get; private set; } = ArtifactStatus.Reserved;

    /// <summary>As its sender called it; for people.</summary>
    public required string FileName { get; init; }

    /// <summary>As its sender said; null for an import.</summary>
    public string? ClaimedType { get; init; }

    /// <summary>Bytes as announced; 0 for an import, whose size nobody knows yet.</summary>
    public long ClaimedBytes { get; init; }

    /// <summary>Where an import comes from; gone when it ends, for addresses may carry secrets.</summary>
    public string? SourceUrl { get; private set; }

    /// <summary>What its content says; null until verified.</summary>
    public MediaFacts? Facts { get; private set; }
    public ArtifactError? Error { get; private set; }

    /// <summary>Bytes kept; 0 until verified.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>When a reservation ends.</summary>
    public DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; private set; }

    /// <summary>Where the store has its bytes.</summary>
    public string Key => Facts is { MetadataRemoved: true } ? CleanKeyOf(Id) : KeyOf(Id);

    /// <summary>The store's key of an artifact as it was sent.</summary>
    public static string KeyOf(Guid id) => id.ToString("N");

    /// <summary>The store's key of an artifact whose metadata were removed.</summary>
    public static string CleanKeyOf(Guid id) => $"{KeyOf(id)}-clean";

    /// <summary>The artifact to which a key of the store belongs; null for a key of nobody.</summary>
    public static Guid? OwnerOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Length >= 32 && Guid.TryParseExact(key[..32], "N", out var id) ? id : null;
    }

    /// <summary>A place for bytes that will be sent.</summary>
    public static Artifact Reserve(Guid id, Guid userId, bool testMode, string fileName, string claimedType,
        long claimedBytes, DateTimeOffset now, TimeSpan within) => new()
        {
            Id = id,
            UserId = userId,
            TestMode = testMode,
            FileName = fileName,
            ClaimedType = claimedType,
            ClaimedBytes = claimedBytes,
            ExpiresAt = now + within,
            CreatedAt = now,
            UpdatedAt = now,
        };

    /// <summary>A file that will be fetched from <paramref name="source"/>.</summary>
    public static Artifact Import(Guid id, Guid userId, bool testMode, Uri source, string fileName, DateTimeOffset now,
        TimeSpan within) => new()
        {
            Id = id,
            UserId = userId,
            TestMode = testMode,
            FileName = fileName,
            SourceUrl = source.AbsoluteUri,
            Status = ArtifactStatus.Importing,
            ExpiresAt = now + within,
            CreatedAt = now,
            UpdatedAt = now,
        };

    /// <summary>Its content was read and taken.</summary>
    public void Verify(MediaFacts facts, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(facts);
        MoveTo(ArtifactStatus.Verified, now);
        (Facts, SizeBytes) = (facts, facts.SizeBytes);
    }

    /// <summary>Its content is refused, or could not be fetched.</summary>
    public void Fail(ArtifactError error, DateTimeOffset now)
    {
        MoveTo(ArtifactStatus.Failed, now);
        Error = error;
    }

    /// <summary>Its bytes did not come in time.</summary>
    public void Expire(DateTimeOffset now) => MoveTo(ArtifactStatus.Expired, now);

    private void MoveTo(ArtifactStatus next, DateTimeOffset now)
    {
        if (!ArtifactMoves.IsLegal(Status, next)) throw new IllegalMoveException(nameof(Artifact), Status, next);
        (Status, UpdatedAt, SourceUrl) = (next, now, null);
    }

    internal sealed class Configuration : IEntityTypeConfiguration<Artifact>
    {
        public void Configure(EntityTypeBuilder<Artifact> artifact)
        {
            artifact.ToTable("artifacts", t =>
            {
                t.HasCheckConstraint("ck_artifacts_verified", "(status = 'verified') = (facts IS NOT NULL)");
                t.HasCheckConstraint("ck_artifacts_failed", "(status = 'failed') = (error IS NOT NULL)");
                t.HasCheckConstraint("ck_artifacts_importing", "(status = 'importing') = (source_url IS NOT NULL)");
                t.HasCheckConstraint("ck_artifacts_bytes", "claimed_bytes >= 0 AND size_bytes >= 0");
            });
            artifact.Property(a => a.Status).HasConversion<SnakeCase<ArtifactStatus>>();
            artifact.Property(a => a.Facts).AsJson();
            artifact.Property(a => a.Error).AsJson();
            artifact.HasIndex(a => new { a.UserId, a.Id });
            artifact.HasIndex(a => a.ExpiresAt).HasFilter("status IN ('reserved', 'importing')");
            artifact.HasOne<User>().WithMany().HasForeignKey(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>A post that names an artifact: as long as it does, the artifact is kept.</summary>
public sealed class ArtifactUse
{
    public Guid ArtifactId { get; init; }
    public Guid PostId { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<ArtifactUse>
    {
        public void Configure(EntityTypeBuilder<ArtifactUse> use)
        {
            use.ToTable("artifact_uses");
            use.HasKey(u => new { u.ArtifactId, u.PostId });
            use.HasIndex(u => u.PostId);
            use.HasOne<Artifact>().WithMany().HasForeignKey(u => u.ArtifactId).OnDelete(DeleteBehavior.Cascade);
            use.HasOne<Post>().WithMany().HasForeignKey(u => u.PostId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
