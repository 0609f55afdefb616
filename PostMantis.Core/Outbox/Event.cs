using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Outbox;

/// <summary>
/// Something that happened, saved with the change that caused it and never changed: its number is a row of its own. Months
/// are ranges of ids, and partitions.
/// </summary>
public sealed class Event
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    /// <summary>One of <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    public bool TestMode { get; init; }
    public Guid? PostId { get; init; }
    public Guid? DeliveryId { get; init; }
    public Guid? ProfileId { get; init; }
    public string? Provider { get; init; }

    /// <summary>The state at that moment, under 20 kB.</summary>
    public required JsonObject Data { get; init; }
    public string? Traceparent { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<Event>
    {
        public void Configure(EntityTypeBuilder<Event> e)
        {
            e.ToTable("events");

            // As it was written: nothing looks into it, and it is sent as it is.
            e.Property(x => x.Data).AsJson().HasColumnType("json");
            e.HasIndex(x => new { x.PostId, x.Id }).HasFilter("post_id IS NOT NULL");
        }
    }
}

/// <summary>An event that has no number yet: written with it, deleted by the sequencer.</summary>
public sealed class UnnumberedEvent
{
    /// <summary>
    /// Given by Postgres while the writer holds the row it changed: it tells the order in which changes of one thing were
    /// committed.
    /// </summary>
    public long Position { get; private init; }
    public Guid EventId { get; init; }
    public Guid UserId { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<UnnumberedEvent>
    {
        public void Configure(EntityTypeBuilder<UnnumberedEvent> unnumbered)
        {
            unnumbered.ToTable("unnumbered_events");
            unnumbered.HasKey(u => u.Position);
            unnumbered.Property(u => u.Position).UseIdentityAlwaysColumn();
        }
    }
}

/// <summary>The place of an event in its user's feed.</summary>
public sealed class EventNumber
{
    public Guid UserId { get; init; }

    /// <summary>From 1, rising per user.</summary>
    public long Sequence { get; init; }
    public Guid EventId { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<EventNumber>
    {
        public void Configure(EntityTypeBuilder<EventNumber> number)
        {
            number.ToTable("event_numbers");
            number.HasKey(n => new { n.UserId, n.Sequence });
        }
    }
}

/// <summary>The last number given to a user's events; locked by the sequencer alone.</summary>
public sealed class EventSequence
{
    public Guid UserId { get; init; }
    public long Last { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<EventSequence>
    {
        public void Configure(EntityTypeBuilder<EventSequence> sequence)
        {
            sequence.ToTable("event_sequences");
            sequence.HasKey(s => s.UserId);
        }
    }
}
