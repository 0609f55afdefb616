using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Queue;

/// <summary>One running process: its heartbeat extends all its leases in one row.</summary>
public sealed class Worker
{
    public Guid Id { get; init; }
    public required string Name { get; init; }
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>By the database's clock.</summary>
    public DateTimeOffset HeartbeatAt { get; set; }

    /// <summary>The process clock minus the database's, in milliseconds, at the last heartbeat.</summary>
    public int ClockSkewMs { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<Worker>
    {
        public void Configure(EntityTypeBuilder<Worker> worker) => worker.ToTable("workers");
    }
}
