using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Npgsql;

namespace PostMantis.Core.Access;

/// <summary>Requests a minute per key.</summary>
public sealed class ApiRateLimitOptions
{
    public const string Section = "Api:RateLimits";

    [Range(1, 10_000_000)]
    public int Read { get; set; } = 600;

    [Range(1, 10_000_000)]
    public int Write { get; set; } = 60;

    [Range(1, 10_000_000)]
    public int Upload { get; set; } = 30;

    /// <summary>Requests a minute of <paramref name="bucket"/>.</summary>
    public int Of(ApiBucket bucket) => bucket switch
    {
        ApiBucket.Read => Read,
        ApiBucket.Upload => Upload,
        _ => Write,
    };
}

/// <summary>What is counted apart.</summary>
public enum ApiBucket
{
    Read,
    Write,
    Upload,
}

/// <summary>Where a key stands in its minute.</summary>
/// <param name="IsAllowed">False: the request is refused and counted nowhere.</param>
/// <param name="Left">Requests left, as far as this replica knows.</param>
public readonly record struct RateVerdict(bool IsAllowed, int Limit, int Left, TimeSpan ResetsIn);

/// <summary>
/// Counts requests per key and minute over all replicas: each takes tokens out of Postgres in blocks of a tenth, so
/// that most requests cost no query and the overshoot is at most one block per replica.
/// </summary>
public sealed class ApiRateLimits(NpgsqlDataSource database, IOptions<ApiRateLimitOptions> options, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<(Guid KeyId, ApiBucket Bucket), Slot> _slots = new();

    /// <summary>Takes one token of <paramref name="bucket"/> for a key.</summary>
    public async Task<RateVerdict> TakeAsync(Guid keyId, ApiBucket bucket, CancellationToken ct)
    {
        var limit = options.Value.Of(bucket);
        var now = time.GetUtcNow();
        var windowStart = new DateTimeOffset(now.UtcTicks - (now.UtcTicks % Window.Ticks), TimeSpan.Zero);
        var resetsIn = windowStart + Window - now;
        var slot = _slots.GetOrAdd((keyId, bucket), _ => new Slot());
        await slot.Gate.WaitAsync(ct);
        try
        {
            if (slot.WindowStart != windowStart) (slot.WindowStart, slot.Held, slot.Leased) = (windowStart, 0, 0);
            if (slot.Held == 0 && slot.Leased < limit) await LeaseAsync(slot, keyId, bucket, limit, ct);
            if (slot.Held == 0) return new RateVerdict(false, limit, 0, resetsIn);
            slot.Held--;
            return new RateVerdict(true, limit, Math.Max(0, limit - slot.Leased) + slot.Held, resetsIn);
        }
        finally
        {
            slot.Gate.Release();
        }
    }

    private async Task LeaseAsync(Slot slot, Guid keyId, ApiBucket bucket, int limit, CancellationToken ct)
    {
        var block = Math.Max(1, limit / 10);
        await using var lease = database.CreateCommand("""
            INSERT INTO api_rate_windows AS w (key_id, bucket, window_start, leased)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (key_id, bucket) DO UPDATE SET
                leased = CASE WHEN w.window_start = excluded.window_start THEN w.leased + $4 ELSE $4 END,
                window_start = excluded.window_start
            WHERE w.window_start <> excluded.window_start OR w.leased < $5
            RETURNING leased
            """);
        lease.Parameters.AddWithValue(keyId);
        lease.Parameters.AddWithValue(bucket.ToString());
        lease.Parameters.AddWithValue(slot.WindowStart);
        lease.Parameters.AddWithValue(block);
        lease.Parameters.AddWithValue(limit);
        if (await lease.ExecuteScalarAsync(ct) is not int leased)
        {
            slot.Leased = limit;
            return;
        }
        slot.Held = Math.Min(block, limit - (leased - block));
        slot.Leased = Math.Min(leased, limit);
    }

    private sealed class Slot
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);
        public DateTimeOffset WindowStart { get; set; }
        public int Held { get; set; }
        public int Leased { get; set; }
    }
}
