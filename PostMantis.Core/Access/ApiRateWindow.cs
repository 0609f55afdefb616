using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Access;

/// <summary>How much of a key's minute its replicas have taken out: one row per key and bucket.</summary>
public sealed class ApiRateWindow
{
    public Guid KeyId { get; init; }
    public required string Bucket { get; init; }
    public DateTimeOffset WindowStart { get; set; }
    public int Leased { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<ApiRateWindow>
    {
        public void Configure(EntityTypeBuilder<ApiRateWindow> window)
        {
            window.ToTable("api_rate_windows");
            window.HasKey(w => new { w.KeyId, w.Bucket });
            window.Property(w => w.Bucket).HasMaxLength(20);
            window.HasOne<ApiKey>().WithMany().HasForeignKey(w => w.KeyId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
