using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;

namespace PostMantis.Core.Profiles;

/// <summary>A named group of profiles: a label inside the user, such as an agency's client.</summary>
public sealed class Brand
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required string Name { get; set; }
    public DateTimeOffset CreatedAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<Brand>
    {
        public void Configure(EntityTypeBuilder<Brand> brand)
        {
            brand.ToTable("brands");
            brand.Property(b => b.Name).HasMaxLength(100);
            brand.HasIndex(b => new { b.UserId, b.Name }).IsUnique();
            brand.HasOne<User>().WithMany().HasForeignKey(b => b.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
