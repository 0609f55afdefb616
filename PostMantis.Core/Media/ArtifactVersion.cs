using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>An artifact converted by a recipe: made once, sent to every network whose plan has the same recipe.</summary>
public sealed class ArtifactVersion
{
    public const int RecipeLength = 32;

    public Guid Id { get; init; }
    public Guid ArtifactId { get; init; }

    /// <summary>The key of the recipe.</summary>
    public required string Recipe { get; init; }

    /// <summary>What was written, as it was inspected.</summary>
    public required MediaFacts Facts { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Where the store has its bytes: the artifact's key comes first, by which strays are found.</summary>
    public string Key => KeyOf(ArtifactId, Id);

    /// <summary>The store's key of a version.</summary>
    public static string KeyOf(Guid artifactId, Guid id) => $"{Artifact.KeyOf(artifactId)}-{id:N}";

    internal sealed class Configuration : IEntityTypeConfiguration<ArtifactVersion>
    {
        public void Configure(EntityTypeBuilder<ArtifactVersion> version)
        {
            version.ToTable("artifact_versions");
            version.Property(v => v.Recipe).HasMaxLength(RecipeLength);
            version.Property(v => v.Facts).AsJson();
            version.HasIndex(v => new { v.ArtifactId, v.Recipe }).IsUnique();
            version.HasIndex(v => v.CreatedAt);
            version.HasOne<Artifact>().WithMany().HasForeignKey(v => v.ArtifactId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
