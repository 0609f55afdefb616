using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Idempotency;

/// <summary>
/// Remembers the first successful answer to a key, in the transaction of its effect: a crash leaves neither, and a twin
/// that comes while the first still runs is told so instead of waiting.
/// </summary>
public sealed class IdempotencyStore(UnitOfWork unit, TimeProvider time)
{
    public const int MostKeyLength = 255;

    /// <summary>How long an answer is remembered.</summary>
    public static TimeSpan Kept { get; } = TimeSpan.FromHours(24);

    /// <summary>Looks a key up and holds it until the open transaction ends.</summary>
    /// <returns>The first answer, or null when this is the first request.</returns>
    /// <exception cref="ProblemException">
    /// idempotencyInProgress while a twin runs; idempotencyMismatch when the key was used for another request.
    /// </exception>
    public async Task<IdempotencyKey?> BeginAsync(Guid userId, string key, byte[] fingerprint, CancellationToken ct)
    {
        if (unit.Db.Database.CurrentTransaction is null)
            throw new InvalidOperationException("An idempotency key lives inside the transaction of its effect.");
        var (isFirst, known) = await ReadAsync(userId, key, ct);
        if (!isFirst)
            throw new ProblemException(ProblemCode.IdempotencyInProgress, "The first request with this key is still running.",
                extensions: new Dictionary<string, object?> { ["retryAfterSeconds"] = 1 });
        if (known is null) return null;
        if (known.ExpiresAt <= time.GetUtcNow())
        {
            // It may have been swept away meanwhile.
            await unit.Db.IdempotencyKeys.Where(k => k.UserId == userId && k.Key == key).ExecuteDeleteAsync(ct);
            return null;
        }
        if (!CryptographicOperations.FixedTimeEquals(known.Fingerprint, fingerprint))
            throw new ProblemException(ProblemCode.IdempotencyMismatch,
                "This Idempotency-Key was used for another request. Use a new key for a new request.");
        return known;
    }

    /// <summary>Remembers the answer; it commits with the effect.</summary>
    public async Task StoreAsync(Guid userId, string key, byte[] fingerprint, int statusCode, string? location,
        string? body, Guid? resourceId, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var write = unit.Batch();
        var columns = new SqlColumns<(int Status, string? Location, string? Body, Guid? ResourceId)>(write.Add("""
            INSERT INTO idempotency_keys (user_id, key, fingerprint, created_at, expires_at, status_code, location, body,
                resource_id)
            SELECT $1, $2, $3, $4, $5, * FROM unnest($6, $7, $8, $9)
            """, userId, key, fingerprint, now, now + Kept), [(statusCode, location, body, resourceId)]);
        columns.Add(a => a.Status);
        columns.Add(a => a.Location);
        columns.Add(a => a.Body);
        columns.Add(a => a.ResourceId);
        await write.RunAsync(ct);
    }

    private async Task<(bool IsFirst, IdempotencyKey? Known)> ReadAsync(Guid userId, string key, CancellationToken ct)
    {
        await using var reads = unit.Batch();
        reads.Add("SELECT pg_try_advisory_xact_lock($1)", LockOf(userId, key));
        reads.Add("""
            SELECT fingerprint, status_code, location, body, resource_id, created_at, expires_at
            FROM idempotency_keys WHERE user_id = $1 AND key = $2
            """, userId, key);
        await using var row = await reads.ReadAsync(ct);
        await row.ReadAsync(ct);
        var isFirst = row.GetBoolean(0);
        await row.NextResultAsync(ct);
        if (!await row.ReadAsync(ct)) return (isFirst, null);
        return (isFirst, new IdempotencyKey
        {
            UserId = userId,
            Key = key,
            Fingerprint = row.GetFieldValue<byte[]>(0),
            StatusCode = row.GetInt32(1),
            Location = row.Text(2),
            Body = row.Text(3),
            ResourceId = row.IsDBNull(4) ? null : row.GetGuid(4),
            CreatedAt = row.Time(5),
            ExpiresAt = row.Time(6),
        });
    }

    private static long LockOf(Guid userId, string key)
    {
        Span<byte> source = stackalloc byte[16 + MostKeyLength];
        userId.TryWriteBytes(source);
        var length = Encoding.ASCII.GetBytes(key, source[16..]);
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(source[..(16 + length)]));
    }
}
