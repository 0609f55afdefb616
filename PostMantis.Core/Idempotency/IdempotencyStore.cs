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
public sealed class IdempotencyStore(PostMantisDb db, TimeProvider time)
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
        if (db.Database.CurrentTransaction is null)
            throw new InvalidOperationException("An idempotency key lives inside the transaction of its effect.");
        var lockKey = LockOf(userId, key);
        var isFirst = await db.Database
            .SqlQuery<bool>($"""SELECT pg_try_advisory_xact_lock({lockKey}) AS "Value" """).SingleAsync(ct);
        if (!isFirst)
            throw new ProblemException(ProblemCode.IdempotencyInProgress, "The first request with this key is still running.",
                extensions: new Dictionary<string, object?> { ["retryAfterSeconds"] = 1 });

        var now = time.GetUtcNow();
        var known = await db.IdempotencyKeys.AsNoTracking()
            .SingleOrDefaultAsync(k => k.UserId == userId && k.Key == key, ct);
        if (known is null) return null;
        if (known.ExpiresAt <= now)
        {
            // It may have been swept away meanwhile.
            await db.IdempotencyKeys.Where(k => k.UserId == userId && k.Key == key).ExecuteDeleteAsync(ct);
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
        db.IdempotencyKeys.Add(new IdempotencyKey
        {
            UserId = userId,
            Key = key,
            Fingerprint = fingerprint,
            StatusCode = statusCode,
            Location = location,
            Body = body,
            ResourceId = resourceId,
            CreatedAt = now,
            ExpiresAt = now + Kept,
        });
        await db.SaveChangesAsync(ct);
    }

    private static long LockOf(Guid userId, string key)
    {
        Span<byte> source = stackalloc byte[16 + MostKeyLength];
        userId.TryWriteBytes(source);
        var length = Encoding.ASCII.GetBytes(key, source[16..]);
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(source[..(16 + length)]));
    }
}
