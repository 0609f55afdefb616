using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Audit;

/// <summary>Who did what to which thing, from where: written in the transaction of the change itself.</summary>
public sealed class AuditEntry
{
    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public ActorType ActorType { get; init; }
    public Guid? ActorId { get; init; }

    /// <summary>IP address of the request, or null for the system.</summary>
    public string? Address { get; init; }

    /// <summary>The program the request came from, as it called itself.</summary>
    public string? UserAgent { get; init; }

    /// <summary>A dotted verb, such as <c>apiKey.created</c> or <c>delivery.published</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The kind of thing changed, as the API's <c>object</c> names it.</summary>
    public required string SubjectType { get; init; }

    public Guid SubjectId { get; init; }

    /// <summary>The post the subject belongs to, if any: the post page reads by it.</summary>
    public Guid? PostId { get; init; }

    /// <summary>Facts of the change; never a secret, never post text.</summary>
    public JsonObject? Detail { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    internal const int MostUserAgentLength = 300;

    internal sealed class Configuration : IEntityTypeConfiguration<AuditEntry>
    {
        public void Configure(EntityTypeBuilder<AuditEntry> entry)
        {
            entry.ToTable("audit_entries");
            entry.Property(e => e.ActorType).HasConversion<SnakeCase<ActorType>>();
            entry.Property(e => e.UserAgent).HasMaxLength(MostUserAgentLength);
            entry.Property(e => e.Detail).AsJson();
            entry.HasKey(e => new { e.UserId, e.Id });
            entry.HasIndex(e => new { e.PostId, e.Id }).HasFilter("post_id IS NOT NULL");
        }
    }
}
