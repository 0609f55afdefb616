using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Outbox;

/// <summary>Something that happened, saved with the change that caused it and numbered afterwards.</summary>
public sealed class Event
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }

    /// <summary>One of <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    /// <summary>Rises per user; null until the sequencer numbered the committed row.</summary>
    public long? Sequence { get; init; }
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
        // The column position is Postgres' alone: an identity, given while the writer holds the row it changed, so that it
        // tells the order in which changes of one thing were committed. Only the sequencer reads it.
        public void Configure(EntityTypeBuilder<Event> e)
        {
            e.ToTable("events");
            e.Property(x => x.Data).AsJson();
            e.HasIndex(x => new { x.UserId, x.Sequence }).IsUnique().HasFilter("sequence IS NOT NULL");
            e.HasIndex(x => new { x.PostId, x.Id }).HasFilter("post_id IS NOT NULL");
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
