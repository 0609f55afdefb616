using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace PostMantis.Core.Queue;

/// <summary>
/// Knows the database again. A restored backup and a promoted standby may have forgotten what was sent last: they are told
/// from the one that was known by the cluster's identifier, the place of our one row, and the timeline of its log. Then the
/// instance is held. The claim looks at the timeline by itself, so nothing is sent between a promotion and this check.
/// </summary>
public sealed partial class InstanceLineage(
    NpgsqlDataSource source, IOptions<QueueOptions> options, ILogger<InstanceLineage> logger)
{
    // The row is written every few seconds, so that a copy of the database says until when it knows everything.
    private const string CheckSql = """
        WITH here AS MATERIALIZED (
            SELECT (SELECT system_identifier::text FROM pg_control_system()) || ':'
                || (SELECT oid FROM pg_database WHERE datname = current_database()) || ':'
                || 'instance_state'::regclass::oid AS cluster,
                left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline),
        found AS MATERIALIZED (
            SELECT h.*, s.seen_at,
                CASE WHEN s.cluster <> h.cluster THEN 'restored'
                    WHEN s.timeline <> h.timeline AND $1 THEN 'promoted' END AS reason,
                s.cluster IS DISTINCT FROM h.cluster OR s.timeline IS DISTINCT FROM h.timeline AS is_other
            FROM here h, (SELECT * FROM instance_state FOR UPDATE) s)
        UPDATE instance_state s SET cluster = f.cluster, timeline = f.timeline, seen_at = clock_timestamp(),
            known_until = CASE WHEN f.reason IS NOT NULL AND s.held_at IS NULL THEN f.seen_at ELSE s.known_until END,
            hold_reason = coalesce(CASE WHEN s.held_at IS NULL THEN f.reason END, s.hold_reason),
            held_at = coalesce(s.held_at, CASE WHEN f.reason IS NOT NULL THEN clock_timestamp() END)
        FROM found f
        WHERE f.is_other OR s.seen_at IS NULL OR s.seen_at < clock_timestamp() - interval '3 seconds'
        RETURNING f.reason, s.known_until
        """;

    // Missing, forbidden, not offered: some managed servers do not tell.
    private static readonly string[] _untold =
        [PostgresErrorCodes.UndefinedFunction, PostgresErrorCodes.InsufficientPrivilege, PostgresErrorCodes.FeatureNotSupported];

    private volatile bool _isUntold;

    /// <summary>Compares, remembers, and holds the instance when this is not the database that was known.</summary>
    /// <returns>Whether it was held by this look.</returns>
    public async Task<bool> CheckAsync(CancellationToken ct)
    {
        if (_isUntold) return false;
        try
        {
            await using var command = source.CreateCommand(CheckSql);
            command.Parameters.AddWithValue(options.Value.HoldAfterPromotion);
            await using var row = await command.ExecuteReaderAsync(ct);
            if (!await row.ReadAsync(ct) || row.IsDBNull(0)) return false;
            LogHeld(row.GetString(0), row.IsDBNull(1) ? null : row.GetFieldValue<DateTimeOffset>(1));
            return true;
        }
        catch (PostgresException e) when (_untold.Contains(e.SqlState))
        {
            _isUntold = true;
            LogUntold(e.MessageText);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Error,
        "The database was {Reason}: publishing is held. What was due since {KnownUntil} is looked for; 'queue resume' goes on.")]
    private partial void LogHeld(string reason, DateTimeOffset? knownUntil);

    [LoggerMessage(LogLevel.Warning,
        "This database does not tell whether it was restored or promoted ({Words}); hold publishing by hand after either.")]
    private partial void LogUntold(string words);
}
