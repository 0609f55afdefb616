using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Commits marks, grouped over deliveries: the fence between "provably not called" and "may have been called". A mark is
/// guarded by the lease's token, so a worker that lost its lease cannot pass.
/// </summary>
internal sealed class CallMarker
{
    private const int MostPerGroup = 200;
    private readonly NpgsqlDataSource _source;
    private readonly TimeProvider _time;
    private readonly Grouped<(Guid AttemptId, Guid LeaseToken), bool> _marks;
    private readonly TimeSpan _window;

    public CallMarker(NpgsqlDataSource source, TimeProvider time, IOptions<DeliveryOptions> options)
    {
        (_source, _time, _window) = (source, time, options.Value.CallWindow);
        _marks = new Grouped<(Guid AttemptId, Guid LeaseToken), bool>(MostPerGroup, WriteAsync);
    }

    /// <exception cref="LeaseLostException">Another worker owns the attempt now.</exception>
    public async Task<CallWindow> MarkAsync(Guid attemptId, Guid leaseToken)
    {
        // Counted from before the commit: the window can only be shorter than promised.
        var before = _time.GetTimestamp();
        if (!await _marks.AddAsync((attemptId, leaseToken))) throw new LeaseLostException();
        return new CallWindow(_time, before, _window);
    }

    private async Task<IReadOnlyList<bool>> WriteAsync(IReadOnlyList<(Guid AttemptId, Guid LeaseToken)> marks)
    {
        await using var command = _source.CreateCommand("""
            WITH mine AS MATERIALIZED (
                SELECT a.id FROM attempts a JOIN unnest($1, $2) AS m(id, token)
                    ON a.id = m.id AND a.lease_token = m.token
                WHERE a.finished_at IS NULL
                ORDER BY a.id FOR UPDATE OF a)
            UPDATE attempts a SET called_at = coalesce(a.called_at, $3) FROM mine WHERE a.id = mine.id RETURNING a.id
            """);
        command.Parameters.AddWithValue(marks.Select(m => m.AttemptId).ToArray());
        command.Parameters.AddWithValue(marks.Select(m => m.LeaseToken).ToArray());
        command.Parameters.AddWithValue(_time.GetUtcNow());
        var marked = new HashSet<Guid>();
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync()) marked.Add(reader.GetGuid(0));
        return [.. marks.Select(m => marked.Contains(m.AttemptId))];
    }
}
