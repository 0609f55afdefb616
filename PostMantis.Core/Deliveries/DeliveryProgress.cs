using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Shows deliveries as publishing while a worker is at them, many in one statement. Guarded by the lease of the work item,
/// so what was settled meanwhile stays as it was settled. Only a display: who may change a delivery is decided by the lease.
/// </summary>
internal sealed partial class DeliveryProgress
{
    private const int MostPerGroup = 500;
    private readonly NpgsqlDataSource _source;
    private readonly PostChanges _changes;
    private readonly TimeProvider _time;
    private readonly ILogger<DeliveryProgress> _logger;
    private readonly Grouped<WorkLease, bool> _shown;

    public DeliveryProgress(NpgsqlDataSource source, PostChanges changes, TimeProvider time,
        ILogger<DeliveryProgress> logger)
    {
        (_source, _changes, _time, _logger) = (source, changes, time, logger);
        _shown = new Grouped<WorkLease, bool>(MostPerGroup, WriteAsync);
    }

    /// <summary>Ends when it can be seen, or could not be shown, which harms nothing.</summary>
    public async Task ShowAsync(ClaimedDelivery claimed)
    {
        try
        {
            await _shown.AddAsync(claimed.Lease);
        }
        catch (NpgsqlException e)
        {
            LogNotShown(_logger, claimed.Delivery.Id, e);
        }
    }

    private async Task<IReadOnlyList<bool>> WriteAsync(IReadOnlyList<WorkLease> leases)
    {
        await using var command = _source.CreateCommand("""
            WITH mine AS MATERIALIZED (
                SELECT w.key FROM work_items w JOIN unnest($1, $2) AS s(id, token) ON w.id = s.id AND w.lease_token = s.token
                ORDER BY w.id FOR UPDATE OF w),
            held AS MATERIALIZED (
                SELECT d.id FROM deliveries d JOIN mine m ON m.key = d.id WHERE d.status = 'pending'
                ORDER BY d.id FOR UPDATE OF d),
            shown AS (
                UPDATE deliveries d SET phase = 'publishing', started_at = coalesce(d.started_at, $3),
                    next_attempt_at = NULL, defer_reason = NULL, updated_at = $3
                FROM held h WHERE d.id = h.id RETURNING d.post_id),
            posts_held AS MATERIALIZED (
                SELECT p.id FROM posts p WHERE p.id IN (SELECT post_id FROM shown) ORDER BY p.id FOR UPDATE)
            UPDATE posts p SET status = CASE p.status WHEN 'scheduled' THEN 'publishing' ELSE p.status END,
                revision = p.revision + 1, updated_at = $3
            FROM posts_held h WHERE p.id = h.id RETURNING p.user_id, p.id
            """);
        command.Parameters.AddWithValue(leases.Select(l => l.Id).ToArray());
        command.Parameters.AddWithValue(leases.Select(l => l.LeaseToken).ToArray());
        command.Parameters.AddWithValue(_time.GetUtcNow());
        List<(Guid UserId, Guid PostId)> shown = [];
        await using (var row = await command.ExecuteReaderAsync())
            while (await row.ReadAsync()) shown.Add((row.GetGuid(0), row.GetGuid(1)));
        foreach (var (userId, postId) in shown) _changes.Publish(userId, postId);
        return new bool[leases.Count];
    }

    [LoggerMessage(LogLevel.Warning, "Delivery {DeliveryId} could not be shown as publishing.")]
    private static partial void LogNotShown(ILogger logger, Guid deliveryId, Exception exception);
}
