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
