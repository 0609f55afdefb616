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

    /// <summary>Why it is held: <c>restored</c>, <c>promoted</c>, <c>operator</c>.</summary>
    public string? HoldReason { get; set; }

    /// <summary>What was sent after this may have been forgotten; set while held.</summary>
    public DateTimeOffset? KnownUntil { get; set; }

    /// <summary>The cluster, database and table this row was last seen in; a copy is somewhere else.</summary>
    public string? Cluster { get; set; }

    /// <summary>The timeline of the log it was last seen on; a promoted standby begins another. Null: nobody can tell.</summary>
    public string? Timeline { get; set; }

    /// <summary>When a process last looked, by the database's clock: a copy knows everything until then.</summary>
    public DateTimeOffset? SeenAt { get; set; }

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
