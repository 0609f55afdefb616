using Npgsql;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>Deliveries read and written many at a time, by statements of our own.</summary>
internal static class DeliveryRow
{
    /// <summary>How many <see cref="Columns"/> there are.</summary>
    public const int Count = 27;

    /// <summary>What <see cref="Read"/> reads, of a table that is called <c>d</c>.</summary>
    public const string Columns = """
        d.id, d.post_id, d.user_id, d.profile_id, d.position, d.provider, d.profile_name, d.test_mode, d.status, d.phase,
        d.content, d.content_hash, d.parts, d.scheduled_at, d.latest_at, d.started_at, d.published_at, d.failed_at,
        d.lateness_ms, d.attempt_count, d.next_attempt_at, d.defer_reason, d.provider_post_id, d.url, d.error,
        d.created_at, d.updated_at
        """;

    private const string UpdateSql = """
        UPDATE deliveries d SET status = c.status, phase = c.phase, parts = c.parts, started_at = c.started_at,
            published_at = c.published_at, failed_at = c.failed_at, lateness_ms = c.lateness_ms,
            attempt_count = c.attempt_count, next_attempt_at = c.next_attempt_at, defer_reason = c.defer_reason,
            provider_post_id = c.provider_post_id, url = c.url, error = c.error, updated_at = c.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS c(id, status, phase, parts,
            started_at, published_at, failed_at, lateness_ms, attempt_count, next_attempt_at, defer_reason,
            provider_post_id, url, error, updated_at)
        WHERE d.id = c.id
        """;

    private const string InsertSql = """
        INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status,
            phase, content, content_hash, parts, scheduled_at, latest_at, next_attempt_at, defer_reason, attempt_count,
            created_at, updated_at)
        SELECT id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase, content,
            content_hash, parts, scheduled_at, latest_at, next_attempt_at, defer_reason, 0, created_at, updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) AS d(id,
            post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase, content,
            content_hash, parts, scheduled_at, latest_at, next_attempt_at, defer_reason, created_at, updated_at)
        """;

    public static Delivery Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        PostId = row.GetGuid(1),
        UserId = row.GetGuid(2),
        ProfileId = row.GetGuid(3),
        Position = row.GetInt32(4),
        Provider = row.GetString(5),
        ProfileName = row.GetString(6),
        TestMode = row.GetBoolean(7),
        Status = row.Enum<DeliveryStatus>(8),
        Phase = row.EnumOrNull<DeliveryPhase>(9),
        Content = row.Document<DeliveryContent>(10),
        ContentHash = row.GetFieldValue<byte[]>(11),
        Parts = row.Document<List<DeliveryPart>>(12),
        ScheduledAt = row.TimeOrNull(13),
        LatestAt = row.TimeOrNull(14),
        StartedAt = row.TimeOrNull(15),
        PublishedAt = row.TimeOrNull(16),
        FailedAt = row.TimeOrNull(17),
        LatenessMs = row.IsDBNull(18) ? null : row.GetInt64(18),
        AttemptCount = row.GetInt32(19),
        NextAttemptAt = row.TimeOrNull(20),
        DeferReason = row.Text(21),
        ProviderPostId = row.Text(22),
        Url = row.Text(23),
        Error = row.IsDBNull(24) ? null : row.Document<DeliveryError>(24),
        CreatedAt = row.Time(25),
        UpdatedAt = row.Time(26),
    };

    /// <summary>Writes where <paramref name="deliveries"/> stand; what they say and when is not touched.</summary>
    public static void Update(SqlBatch batch, IReadOnlyList<Delivery> deliveries)
    {
        if (deliveries.Count == 0) return;
        var columns = new SqlColumns<Delivery>(batch.Add(UpdateSql), deliveries);
        columns.Add(d => d.Id);
        columns.Enum(d => d.Status);
        columns.EnumOrNull(d => d.Phase);
        columns.Document(d => d.Parts);
        columns.Add(d => d.StartedAt);
        columns.Add(d => d.PublishedAt);
        columns.Add(d => d.FailedAt);
        columns.Add(d => d.LatenessMs);
        columns.Add(d => d.AttemptCount);
        columns.Add(d => d.NextAttemptAt);
        columns.Add(d => d.DeferReason);
        columns.Add(d => d.ProviderPostId);
        columns.Add(d => d.Url);
        columns.Document(d => d.Error);
        columns.Add(d => d.UpdatedAt);
    }

    /// <summary>Writes new <paramref name="deliveries"/>.</summary>
    public static void Insert(SqlBatch batch, IReadOnlyList<Delivery> deliveries)
    {
        if (deliveries.Count == 0) return;
        var columns = new SqlColumns<Delivery>(batch.Add(InsertSql), deliveries);
        columns.Add(d => d.Id);
        columns.Add(d => d.PostId);
        columns.Add(d => d.UserId);
        columns.Add(d => d.ProfileId);
        columns.Add(d => d.Position);
        columns.Add(d => d.Provider);
        columns.Add(d => d.ProfileName);
        columns.Add(d => d.TestMode);
        columns.Enum(d => d.Status);
        columns.EnumOrNull(d => d.Phase);
        columns.Document(d => d.Content);
        columns.Add(d => d.ContentHash);
        columns.Document(d => d.Parts);
        columns.Add(d => d.ScheduledAt);
        columns.Add(d => d.LatestAt);
        columns.Add(d => d.NextAttemptAt);
        columns.Add(d => d.DeferReason);
        columns.Add(d => d.CreatedAt);
        columns.Add(d => d.UpdatedAt);
    }
}
