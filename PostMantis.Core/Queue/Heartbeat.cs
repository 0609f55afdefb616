using Microsoft.Extensions.Options;
using Npgsql;

namespace PostMantis.Core.Queue;

/// <summary>
/// Says in one row that this process lives, which extends all its leases at once, and learns from the answer how far its
/// clock is from the database's and whether other replicas exist.
/// </summary>
public sealed class Heartbeat(
    NpgsqlDataSource source, WorkerIdentity worker, TimeProvider time, IOptions<QueueOptions> options)
{
    private readonly Lock _gate = new();
    private long? _last;
    private long _since;

    /// <summary>This clock minus the database's, at the last beat.</summary>
    public TimeSpan ClockSkew { get; private set; }

    /// <summary>Whether other processes beat too.</summary>
    public bool HasPeers { get; private set; }

    /// <summary>Whether no other process beat when this one last did, a lease ago at most.</summary>
    public bool IsAlone
    {
        get
        {
            lock (_gate) return _last is { } last && time.GetElapsedTime(last) < options.Value.Lease && !HasPeers;
        }
    }

    /// <summary>Longest wait for work before looking by oneself.</summary>
    public TimeSpan Poll => HasPeers ? options.Value.PollShared : options.Value.PollAlone;

    /// <summary>
    /// True once this process has beaten for a whole lease without a gap. After a restart or an outage nobody could
    /// beat, so nobody's silence means anything until then.
    /// </summary>
    public bool MayJudge
    {
        get
        {
            lock (_gate)
            {
                return _last is { } last && time.GetElapsedTime(last) < options.Value.Lease
                    && time.GetElapsedTime(_since) >= options.Value.Lease;
            }
        }
    }

    public async Task BeatAsync(CancellationToken ct)
    {
        var asked = time.GetUtcNow();
        var monotonic = time.GetTimestamp();
        await using var command = source.CreateCommand("""
            WITH beat AS (
                INSERT INTO workers (id, name, started_at, heartbeat_at, clock_skew_ms)
                VALUES ($1, $2, $3, clock_timestamp(), $4)
                ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp(), clock_skew_ms = $4)
            SELECT clock_timestamp(), EXISTS (
                SELECT 1 FROM workers WHERE id <> $1 AND heartbeat_at > clock_timestamp() - $5)
            """);
        command.Parameters.AddWithValue(worker.Id);
        command.Parameters.AddWithValue(worker.Name);
        command.Parameters.AddWithValue(asked);
        command.Parameters.AddWithValue((int)Math.Clamp(ClockSkew.TotalMilliseconds, int.MinValue, int.MaxValue));
        command.Parameters.AddWithValue(options.Value.Lease);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var database = reader.GetFieldValue<DateTimeOffset>(0);
        var answered = time.GetElapsedTime(monotonic);
        ClockSkew = asked + (answered / 2) - database;
        HasPeers = reader.GetBoolean(1);
        lock (_gate)
        {
            // Counted from before the question: what the database heard is not younger than that.
            if (_last is not { } last || time.GetElapsedTime(last, monotonic) >= options.Value.Lease) _since = monotonic;
            _last = monotonic;
        }
    }

    /// <summary>Takes this process off the list, and processes that died long ago with it.</summary>
    public async Task LeaveAsync(CancellationToken ct)
    {
        await using var command = source.CreateCommand("""
            DELETE FROM workers WHERE (id = $1 AND NOT EXISTS (SELECT 1 FROM work_items WHERE worker_id = $1))
                OR heartbeat_at < clock_timestamp() - interval '1 day'
            """);
        command.Parameters.AddWithValue(worker.Id);
        await command.ExecuteNonQueryAsync(ct);
    }
}
