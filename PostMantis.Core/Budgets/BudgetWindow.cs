using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace PostMantis.Core.Budgets;

/// <summary>How much of one budget is used: one row per provider, rule and whoever has the budget, shared by replicas.</summary>
public sealed class BudgetWindow
{
    public const int MostNameLength = 100;

    public required string Provider { get; init; }

    /// <summary>The rule's name.</summary>
    public required string Rule { get; init; }

    /// <summary>The profile; all zeros for the whole app.</summary>
    public Guid SubjectId { get; init; }

    /// <summary>What was used when, as <see cref="BudgetUse"/> writes it.</summary>
    public string Slots { get; set; } = "";

    internal sealed class Configuration : IEntityTypeConfiguration<BudgetWindow>
    {
        public void Configure(EntityTypeBuilder<BudgetWindow> window)
        {
            window.ToTable("budget_windows");
            window.HasKey(w => new { w.Provider, w.Rule, w.SubjectId });
            window.Property(w => w.Provider).HasMaxLength(MostNameLength);
            window.Property(w => w.Rule).HasMaxLength(MostNameLength);
        }
    }
}

/// <summary>What a network last said is left: one row per provider and whoever has the budget.</summary>
public sealed class LearnedWindow
{
    public required string Provider { get; init; }

    /// <summary>The profile; all zeros for the whole app.</summary>
    public Guid SubjectId { get; init; }
    public int Left { get; set; }
    public DateTimeOffset ResetsAt { get; set; }
    public DateTimeOffset LearnedAt { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<LearnedWindow>
    {
        public void Configure(EntityTypeBuilder<LearnedWindow> window)
        {
            window.ToTable("learned_windows");
            window.HasKey(w => new { w.Provider, w.SubjectId });
            window.Property(w => w.Provider).HasMaxLength(BudgetWindow.MostNameLength);
            window.HasIndex(w => w.ResetsAt).HasFilter("\"left\" = 0").HasDatabaseName("ix_learned_windows_exhausted");
        }
    }
}
