using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Queue;

/// <summary>The one row that says whether this instance publishes.</summary>
public sealed class InstanceState
{
    public const short OnlyId = 1;

    public short Id { get; init; } = OnlyId;

    /// <summary>An operator paused publishing.</summary>
    public DateTimeOffset? PausedAt { get; set; }

    /// <summary>Restored or promoted: publishing resumes by command after reconciling.</summary>
    public DateTimeOffset? HeldAt { get; set; }

    /// <summary>
    /// The migration a version must know to run on this schema: what it took away was last used before that one. Null:
    /// nothing has been taken away.
    /// </summary>
    public string? LeastMigration { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<InstanceState>
    {
        public void Configure(EntityTypeBuilder<InstanceState> state)
        {
            state.ToTable("instance_state", t => t.HasCheckConstraint("ck_instance_state_only", "id = 1"));
            state.Property(s => s.Id).ValueGeneratedNever();
            state.HasData(new InstanceState());
        }
    }
}
