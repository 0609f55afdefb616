using Npgsql;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Posts held and moved on many at a time; their content is not read.</summary>
internal static class PostRow
{
    /// <summary>Holds posts in id order; the rows are for <see cref="Read"/>.</summary>
    public const string HoldSql = """
        SELECT id, user_id, status, outcome, needs_attention, revision, test_mode, external_id, metadata, open_deliveries,
            traceparent, scheduled_at, completed_at, canceled_at
        FROM posts WHERE id = ANY($1) ORDER BY id FOR UPDATE
        """;

    private const string UpdateSql = """
        UPDATE posts p SET status = c.status, outcome = c.outcome, needs_attention = c.needs_attention,
            revision = c.revision, open_deliveries = c.open_deliveries, completed_at = c.completed_at,
            canceled_at = c.canceled_at, updated_at = c.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS c(id, status, outcome, needs_attention, revision,
            open_deliveries, completed_at, canceled_at, updated_at)
        WHERE p.id = c.id
        """;

    private const string InsertSql = """
        INSERT INTO posts (id, user_id, status, needs_attention, revision, test_mode, content, scheduled_at,
            max_lateness_seconds, external_id, metadata, issues, open_deliveries, created_by_type, created_by_id, accepted_at,
            accepted_by_id, is_capped, traceparent, created_at, updated_at)
        SELECT id, user_id, status, false, revision, test_mode, content, scheduled_at, max_lateness_seconds, external_id,
            metadata, issues, open_deliveries, created_by_type, created_by_id, accepted_at, accepted_by_id, is_capped,
            traceparent, created_at, updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) AS p(id,
            user_id, status, revision, test_mode, content, scheduled_at, max_lateness_seconds, external_id, metadata, issues,
            open_deliveries, created_by_type, created_by_id, accepted_at, accepted_by_id, is_capped, traceparent, created_at,
            updated_at)
        """;

    public static Post Read(NpgsqlDataReader row) => new Post
    {
        Id = row.GetGuid(0),
        UserId = row.GetGuid(1),
        NeedsAttention = row.GetBoolean(4),
        Revision = row.GetInt32(5),
        TestMode = row.GetBoolean(6),
        ExternalId = row.Text(7),
        Metadata = row.Document<Dictionary<string, string>>(8),
        OpenDeliveries = row.GetInt32(9),
        Traceparent = row.Text(10),
        ScheduledAt = row.TimeOrNull(11),
    }.Standing(row.Enum<PostStatus>(2), row.EnumOrNull<PostOutcome>(3), row.TimeOrNull(12), row.TimeOrNull(13));

    /// <summary>Writes new <paramref name="posts"/>.</summary>
    public static void Insert(SqlBatch batch, IReadOnlyList<Post> posts)
    {
        var columns = new SqlColumns<Post>(batch.Add(InsertSql), posts);
        columns.Add(p => p.Id);
        columns.Add(p => p.UserId);
        columns.Enum(p => p.Status);
        columns.Add(p => p.Revision);
        columns.Add(p => p.TestMode);
        columns.Document(p => p.Content);
        columns.Add(p => p.ScheduledAt);
        columns.Add(p => p.MaxLatenessSeconds);
        columns.Add(p => p.ExternalId);
        columns.Document(p => p.Metadata);
        columns.Document(p => p.Issues);
        columns.Add(p => p.OpenDeliveries);
        columns.Enum(p => p.CreatedByType);
        columns.Add(p => p.CreatedById);
        columns.Add(p => p.AcceptedAt);
        columns.Add(p => p.AcceptedById);
        columns.Add(p => p.IsCapped);
        columns.Add(p => p.Traceparent);
        columns.Add(p => p.CreatedAt);
        columns.Add(p => p.UpdatedAt);
    }

    /// <summary>Writes where <paramref name="posts"/> stand.</summary>
    public static void Update(SqlBatch batch, IReadOnlyList<Post> posts)
    {
        if (posts.Count == 0) return;
        var columns = new SqlColumns<Post>(batch.Add(UpdateSql), posts);
        columns.Add(p => p.Id);
        columns.Enum(p => p.Status);
        columns.EnumOrNull(p => p.Outcome);
        columns.Add(p => p.NeedsAttention);
        columns.Add(p => p.Revision);
        columns.Add(p => p.OpenDeliveries);
        columns.Add(p => p.CompletedAt);
        columns.Add(p => p.CanceledAt);
        columns.Add(p => p.UpdatedAt);
    }
}

/// <summary>Where one delivery of a post stands.</summary>
internal readonly record struct DeliveryStanding(Guid PostId, Guid Id, DeliveryStatus Status, DeliveryPhase? Phase)
{
    public static DeliveryStanding Of(Delivery delivery) => new(delivery.PostId, delivery.Id, delivery.Status, delivery.Phase);
}
