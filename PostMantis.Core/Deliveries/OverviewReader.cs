using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Deliveries;

/// <summary>How far back an overview looks.</summary>
public enum OverviewRange
{
    /// <summary>24 hours, one by one.</summary>
    Day,

    /// <summary>7 days, in quarters.</summary>
    Week,

    /// <summary>30 days, one by one.</summary>
    Month,
}

/// <summary>What a person sees first.</summary>
public sealed record Overview
{
    public int DueToday { get; init; }
    public int PublishedLastDay { get; init; }
    public int FailedLastWeek { get; init; }

    /// <summary>Posts at which a person has to look.</summary>
    public int NeedAttention { get; init; }
    public int AwaitingApproval { get; init; }
    public int Profiles { get; init; }
    public int Keys { get; init; }

    /// <summary>Oldest first, without gaps.</summary>
    public IReadOnlyList<OverviewSlot> Slots { get; init; } = [];

    /// <summary>Profiles whose consent is over or ends soon, the first to end first.</summary>
    public IReadOnlyList<EndingConsent> Ending { get; init; } = [];
}

/// <summary>What one stretch of time came to.</summary>
/// <param name="Lateness">Of the middle delivery: first public call minus the moment; null: nothing was published.</param>
/// <param name="MostLateness">95 of 100 deliveries were no later.</param>
public sealed record OverviewSlot(
    DateTimeOffset From, DateTimeOffset Until, int Published, int Failed, TimeSpan? Lateness, TimeSpan? MostLateness);

/// <summary>A profile that needs its account's consent again, now or soon.</summary>
/// <param name="EndsAt">When the consent ends; null: it is over.</param>
/// <param name="AtRisk">Deliveries that are due after that; exact to <see cref="OverviewReader.MostCounted"/>.</param>
/// <param name="FirstAtRisk">The moment of the first of them.</param>
public sealed record EndingConsent(Guid ProfileId, string Name, string Provider, ProfileStatus Status, DateTimeOffset? EndsAt,
    int AtRisk, DateTimeOffset? FirstAtRisk);

/// <summary>Counts and measures what a person sees first, in one round trip.</summary>
public sealed class OverviewReader(PostMantisDb db, IOptions<ConnectionOptions> connections, TimeProvider time)
{
    /// <summary>Deliveries at risk are counted up to here.</summary>
    public const int MostCounted = 1000;

    private const int MostEnding = 20;

    // What is pending hangs on an index of its own by profile; what is settled is found by when it changed last, which is
    // never before it was published or failed.
    private const string CountsSql = """
        WITH mine AS MATERIALIZED (
            SELECT id, status FROM profiles WHERE user_id = $1 AND ($2 IS NULL OR brand_id = $2))
        SELECT
          (SELECT coalesce(sum(due.n), 0)::int FROM mine m CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM deliveries d JOIN posts p ON p.id = d.post_id
            WHERE d.profile_id = m.id AND d.status = 'pending' AND d.scheduled_at < $3
                AND p.status IN ('scheduled', 'publishing')) due),
          (SELECT count(*)::int FROM deliveries WHERE user_id = $1 AND status IN ('published', 'incomplete')
            AND updated_at >= $4 AND published_at >= $4 AND ($2 IS NULL OR profile_id IN (SELECT id FROM mine))),
          (SELECT count(*)::int FROM deliveries WHERE user_id = $1 AND status = 'failed' AND updated_at >= $5
            AND failed_at >= $5 AND ($2 IS NULL OR profile_id IN (SELECT id FROM mine))),
          (SELECT count(*)::int FROM posts p WHERE user_id = $1 AND needs_attention AND ($2 IS NULL OR EXISTS (
            SELECT FROM deliveries d WHERE d.post_id = p.id AND d.profile_id IN (SELECT id FROM mine)))),
          (SELECT count(*)::int FROM posts p WHERE user_id = $1 AND status = 'awaiting_approval' AND ($2 IS NULL OR EXISTS (
            SELECT FROM deliveries d WHERE d.post_id = p.id AND d.profile_id IN (SELECT id FROM mine)))),
          (SELECT count(*)::int FROM mine WHERE status <> 'disconnected'),
          (SELECT count(*)::int FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL)
        """;

    private const string SlotsSql = """
        SELECT date_bin($4, coalesce(published_at, failed_at), $3) AS slot,
            (count(*) FILTER (WHERE status <> 'failed'))::int, (count(*) FILTER (WHERE status = 'failed'))::int,
            percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY lateness_ms) FILTER (WHERE status <> 'failed')
        FROM deliveries
        WHERE user_id = $1 AND status IN ('published', 'incomplete', 'failed') AND updated_at >= $3
            AND coalesce(published_at, failed_at) >= $3
            AND ($2 IS NULL OR profile_id IN (SELECT id FROM profiles WHERE user_id = $1 AND brand_id = $2))
        GROUP BY slot ORDER BY slot
        """;

    private const string EndingSql = """
        SELECT p.id, p.name, p.provider, p.status, e.ends_at, r.at_risk, r.first_at_risk
        FROM profiles p JOIN connections c ON c.id = p.connection_id
        CROSS JOIN LATERAL (SELECT CASE WHEN p.status = 'active' THEN
            CASE WHEN c.can_renew THEN c.refresh_token_expires_at ELSE c.access_token_expires_at END END AS ends_at) e
        CROSS JOIN LATERAL (SELECT count(*)::int AS at_risk, min(d.scheduled_at) AS first_at_risk FROM (
            SELECT d.scheduled_at FROM deliveries d JOIN posts o ON o.id = d.post_id
            WHERE d.profile_id = p.id AND d.status = 'pending' AND o.accepted_at IS NOT NULL
                AND (e.ends_at IS NULL OR d.scheduled_at >= e.ends_at)
            ORDER BY d.scheduled_at LIMIT $4) d) r
        WHERE p.user_id = $1 AND ($2 IS NULL OR p.brand_id = $2)
            AND (p.status = 'reauth_required' OR (p.status = 'active' AND e.ends_at < $3))
        ORDER BY e.ends_at NULLS FIRST, p.id LIMIT $5
        """;

    /// <summary>The caller's overview.</summary>
    /// <param name="brandId">Only what belongs to the profiles of this brand.</param>
    public async Task<Overview> GetAsync(Caller caller, OverviewRange range, Guid? brandId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var now = time.GetUtcNow();
        var midnight = new DateTimeOffset(now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        var (length, count) = range switch
        {
            OverviewRange.Day => (TimeSpan.FromHours(1), 24),
            OverviewRange.Week => (TimeSpan.FromHours(6), 28),
            _ => (TimeSpan.FromDays(1), 30),
        };

        // The last stretch is the one that runs.
        var end = new DateTimeOffset((now.UtcTicks / length.Ticks + 1) * length.Ticks, TimeSpan.Zero);
        var from = end - length * count;
        await using var batch = new SqlBatch(db);
        Add(batch, CountsSql, caller.UserId, brandId, midnight, now.AddDays(-1), now.AddDays(-7));
        Add(batch, SlotsSql, caller.UserId, brandId, from, length);
        Add(batch, EndingSql, caller.UserId, brandId, now + connections.Value.ExpiringAhead, MostCounted, MostEnding);
        await using var rows = await batch.ReadAsync(ct);
        await rows.ReadAsync(ct);
        var overview = new Overview
        {
            DueToday = rows.GetInt32(0),
            PublishedLastDay = rows.GetInt32(1),
            FailedLastWeek = rows.GetInt32(2),
            NeedAttention = rows.GetInt32(3),
            AwaitingApproval = rows.GetInt32(4),
            Profiles = rows.GetInt32(5),
            Keys = rows.GetInt32(6),
        };
        await rows.NextResultAsync(ct);
        var slots = new OverviewSlot[count];
        for (var i = 0; i < count; i++) slots[i] = new(from + length * i, from + length * (i + 1), 0, 0, null, null);
        while (await rows.ReadAsync(ct))
        {
            // A clock of another replica may be ahead of ours.
            var i = Math.Min((int)((rows.TimeOrNull(0)!.Value - from) / length), count - 1);
            var lateness = rows.IsDBNull(3) ? [] : await rows.GetFieldValueAsync<long?[]>(3, ct);
            slots[i] = slots[i] with
            {
                Published = rows.GetInt32(1), Failed = rows.GetInt32(2), Lateness = Span(lateness, 0), MostLateness = Span(lateness, 1),
            };
        }
        await rows.NextResultAsync(ct);
        List<EndingConsent> ending = [];
        while (await rows.ReadAsync(ct))
            ending.Add(new(rows.GetGuid(0), rows.GetString(1), rows.GetString(2), rows.Enum<ProfileStatus>(3),
                rows.TimeOrNull(4), rows.GetInt32(5), rows.TimeOrNull(6)));
        return overview with { Slots = slots, Ending = ending };
    }

    private static void Add(SqlBatch batch, string sql, Guid userId, Guid? brandId, params ReadOnlySpan<object> more)
    {
        var parameters = batch.Add(sql).Parameters;
        parameters.AddWithValue(userId);
        parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Uuid, Value = brandId is { } id ? id : DBNull.Value });
        foreach (var value in more) parameters.AddWithValue(value);
    }

    private static TimeSpan? Span(long?[] lateness, int which) =>
        lateness.Length > which && lateness[which] is { } ms ? TimeSpan.FromMilliseconds(ms) : null;
}
