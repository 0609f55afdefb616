using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Idempotency;

/// <summary>A key as a request brings it.</summary>
/// <param name="Key">1–255 printable ASCII characters, without the quotes it may have come in.</param>
/// <param name="Fingerprint">SHA-256 of method, path and canonical body.</param>
public sealed record KeyUse(Guid UserId, string Key, byte[] Fingerprint);

/// <summary>A successful answer, as a key remembers it.</summary>
/// <param name="Body">As it is sent; null for 204.</param>
/// <param name="ResourceId">What it is about: permission and scope are checked again on replay.</param>
public sealed record KeyedAnswer(int StatusCode, string? Location, string? Body, Guid? ResourceId);

/// <summary>What is known of a key: neither is set when this is the first request.</summary>
/// <param name="First">The first answer.</param>
/// <param name="Refused">idempotencyInProgress while a twin runs; idempotencyMismatch after another request.</param>
internal readonly record struct KeyStanding(IdempotencyKey? First, ProblemException? Refused);

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
    public async Task<IdempotencyKey?> BeginAsync(KeyUse use, CancellationToken ct)
    {
        var standing = (await BeginAsync([use], ct))[0];
        return standing.Refused is null ? standing.First : throw standing.Refused;
    }

    /// <summary>Remembers the answer; it commits with the effect.</summary>
    public async Task StoreAsync(KeyUse use, KeyedAnswer answer, CancellationToken ct)
    {
        await using var write = unit.Batch();
        Write(write, [(use, answer)]);
        await write.RunAsync(ct);
    }

    /// <summary>As <see cref="BeginAsync(KeyUse, CancellationToken)"/>, for many requests in one round trip.</summary>
    internal async Task<IReadOnlyList<KeyStanding>> BeginAsync(IReadOnlyList<KeyUse> uses, CancellationToken ct)
    {
        if (unit.Db.Database.CurrentTransaction is null)
            throw new InvalidOperationException("An idempotency key lives inside the transaction of its effect.");
        if (uses.Count == 0) return [];
        var (isHeld, known) = await ReadAsync(uses, ct);
        var now = time.GetUtcNow();
        var standings = new KeyStanding[uses.Count];
        HashSet<(Guid, string)> here = [];
        List<IdempotencyKey> expired = [];
        for (var i = 0; i < uses.Count; i++)
        {
            var use = uses[i];

            if (known.TryGetValue((use.UserId, use.Key), out var first) && first.ExpiresAt > now)
            {
                standings[i] = CryptographicOperations.FixedTimeEquals(first.Fingerprint, use.Fingerprint)
                    ? new KeyStanding(first, null)
                    : new KeyStanding(null, Mismatch());
                continue;
            }

            // Locks of one transaction let each other in: twins that came together are told apart here.
            if (!isHeld[i] || !here.Add((use.UserId, use.Key))) standings[i] = new KeyStanding(null, InProgress());
            else if (first is not null) expired.Add(first);
        }
        await ForgetAsync(expired, ct);
        return standings;
    }

    /// <summary>Adds the statement that remembers <paramref name="answers"/>.</summary>
    internal void Write(SqlBatch batch, IReadOnlyList<(KeyUse Use, KeyedAnswer Answer)> answers)
    {
        if (answers.Count == 0) return;
        var now = time.GetUtcNow();
        var columns = new SqlColumns<(KeyUse Use, KeyedAnswer Answer)>(batch.Add("""
            INSERT INTO idempotency_keys (created_at, expires_at, user_id, key, fingerprint, status_code, location, body,
                resource_id)
            SELECT $1, $2, * FROM unnest($3, $4, $5, $6, $7, $8, $9)
            """, now, now + Kept), answers);
        columns.Add(a => a.Use.UserId);
        columns.Add(a => a.Use.Key);
        columns.Add(a => a.Use.Fingerprint);
        columns.Add(a => a.Answer.StatusCode);
        columns.Add(a => a.Answer.Location);
        columns.Add(a => a.Answer.Body);
        columns.Add(a => a.Answer.ResourceId);
    }

    private async Task<(bool[] IsHeld, Dictionary<(Guid, string), IdempotencyKey> Known)> ReadAsync(
        IReadOnlyList<KeyUse> uses, CancellationToken ct)
    {
        await using var reads = unit.Batch();
        reads.Add("""
            SELECT pg_try_advisory_xact_lock(w.k) FROM unnest($1) WITH ORDINALITY AS w(k, n) ORDER BY w.n
            """).Parameters.AddWithValue(uses.Select(LockOf).ToArray());

        // A second statement, so that it sees what a twin committed before it let the lock go.
        reads.Add("""
            SELECT i.user_id, i.key, fingerprint, status_code, location, body, resource_id, created_at, expires_at
            FROM unnest($1, $2) AS w(user_id, key) JOIN idempotency_keys i ON i.user_id = w.user_id AND i.key = w.key
            """, uses.Select(u => u.UserId).ToArray(), uses.Select(u => u.Key).ToArray());
        await using var row = await reads.ReadAsync(ct);
        var isHeld = new bool[uses.Count];
        for (var i = 0; await row.ReadAsync(ct); i++) isHeld[i] = row.GetBoolean(0);
        await row.NextResultAsync(ct);
        Dictionary<(Guid, string), IdempotencyKey> known = [];
        while (await row.ReadAsync(ct))
        {
            var key = new IdempotencyKey
            {
                UserId = row.GetGuid(0),
                Key = row.GetString(1),
                Fingerprint = row.GetFieldValue<byte[]>(2),
                StatusCode = row.GetInt32(3),
                Location = row.Text(4),
                Body = row.Text(5),
                ResourceId = row.IsDBNull(6) ? null : row.GetGuid(6),
                CreatedAt = row.Time(7),
                ExpiresAt = row.Time(8),
            };
            known[(key.UserId, key.Key)] = key;
        }
        return (isHeld, known);
    }

    // They may have been swept away meanwhile.
    private async Task ForgetAsync(List<IdempotencyKey> expired, CancellationToken ct)
    {
        if (expired.Count == 0) return;
        await using var write = unit.Batch();
        write.Add("""
            DELETE FROM idempotency_keys i USING unnest($1, $2) AS w(user_id, key)
            WHERE i.user_id = w.user_id AND i.key = w.key
            """, expired.Select(k => k.UserId).ToArray(), expired.Select(k => k.Key).ToArray());
        await write.RunAsync(ct);
    }

    private static ProblemException InProgress() => new(ProblemCode.IdempotencyInProgress,
        "The first request with this key is still running.",
        extensions: new Dictionary<string, object?> { ["retryAfterSeconds"] = 1 });

    private static ProblemException Mismatch() => new(ProblemCode.IdempotencyMismatch,
        "This Idempotency-Key was used for another request. Use a new key for a new request.");

    private static long LockOf(KeyUse use)
    {
        Span<byte> source = stackalloc byte[16 + MostKeyLength];
        use.UserId.TryWriteBytes(source);
        var length = Encoding.ASCII.GetBytes(use.Key, source[16..]);
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(source[..(16 + length)]));
    }
}
