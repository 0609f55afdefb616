using System.Buffers.Binary;
using System.Security.Cryptography;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Refuses the same content to the same profile within 24 hours of moments. Twins that arrive at once wait for each
/// other on an advisory lock that only they want; the lock goes with the transaction.
/// </summary>
internal sealed class DuplicateGuard(UnitOfWork unit)
{
    public static TimeSpan Window { get; } = TimeSpan.FromHours(24);

    /// <summary>Throws when one of <paramref name="deliveries"/> repeats what another post says.</summary>
    /// <param name="now">When they go out, whatever their moments were; null: at their moments.</param>
    /// <exception cref="ProblemException">duplicatePost, with <c>existingPostId</c>.</exception>
    public async Task CheckAsync(
        Post post, IReadOnlyCollection<Delivery> deliveries, CancellationToken ct, DateTimeOffset? now = null)
    {
        if ((await FindAsync([.. deliveries.Select(d => Said.By(d, now ?? d.ScheduledAt!.Value))], ct))
            .TryGetValue(post.Id, out var existing)) throw Problem(existing);
    }

    /// <summary>Finds which posts of many repeat what another one says, stored already.</summary>
    /// <param name="holds">
    /// Holds what is said until the open transaction ends, so that no twin is accepted meanwhile; false: just looks.
    /// </param>
    /// <returns>The existing post by the id of the one that repeats it.</returns>
    public async Task<IReadOnlyDictionary<Guid, Guid>> FindAsync(
        IReadOnlyList<Said> said, CancellationToken ct, bool holds = true)
    {
        if (said.Count == 0) return new Dictionary<Guid, Guid>();
        unit.PlanOnce();
        await using var reads = unit.Batch();
        Ask(reads, said, holds);
        await using var rows = await reads.ReadAsync(ct);
        if (holds) await rows.NextResultAsync(ct);
        return await ReadAsync(rows, ct);
    }

    /// <summary>
    /// Adds the statements that find it: their result comes after one of the lock where it <paramref name="holds"/>.
    /// </summary>
    public static void Ask(SqlBatch reads, IReadOnlyList<Said> said, bool holds = true)
    {
        if (holds) reads.Add("SELECT pg_advisory_xact_lock(k) FROM unnest($1) k").Parameters
            .AddWithValue(said.Select(KeyOf).Distinct().Order().ToArray());

        // A second statement, so that it sees what the twin committed while we waited.
        var parameters = reads.Add("""
            SELECT w.own, same.post_id
            FROM unnest($1, $2, $3, $4, $5) AS w(key, profile_id, content_hash, moment, own) CROSS JOIN LATERAL (
                SELECT d.post_id FROM deliveries d
                WHERE d.content_key = w.key AND d.profile_id = w.profile_id AND d.content_hash = w.content_hash
                    AND d.post_id <> w.own
                    AND d.status NOT IN ('failed', 'canceled')
                    AND abs(extract(epoch FROM coalesce(d.published_at, d.scheduled_at) - w.moment)) < $6
                    AND (SELECT p.status FROM posts p WHERE p.id = d.post_id) <> 'draft'
                ORDER BY d.post_id LIMIT 1) same
            ORDER BY same.post_id
            """).Parameters;
        parameters.AddWithValue(said.Select(KeyOf).ToArray());
        parameters.AddWithValue(said.Select(s => s.ProfileId).ToArray());
        parameters.AddWithValue(said.Select(s => s.ContentHash).ToArray());
        parameters.AddWithValue(said.Select(s => s.Moment).ToArray());
        parameters.AddWithValue(said.Select(s => s.PostId).ToArray());
        parameters.AddWithValue(Window.TotalSeconds);
    }

    /// <summary>Reads the existing posts, by the id of the one that repeats each.</summary>
    public static async Task<IReadOnlyDictionary<Guid, Guid>> ReadAsync(NpgsqlDataReader rows, CancellationToken ct)
    {
        Dictionary<Guid, Guid> existing = [];
        while (await rows.ReadAsync(ct)) existing.TryAdd(rows.GetGuid(0), rows.GetGuid(1));
        return existing;
    }

    public static ProblemException Problem(Guid existingPostId) => new(ProblemCode.DuplicatePost,
        "The same content goes to the same profile within 24 hours. Send allowDuplicate: true if that is meant.",
        extensions: new Dictionary<string, object?> { ["existingPostId"] = existingPostId });

    /// <summary>What a post says to a profile, when.</summary>
    internal readonly record struct Said(Guid PostId, Guid ProfileId, byte[] ContentHash, DateTimeOffset Moment)
    {
        public static Said By(Delivery delivery, DateTimeOffset moment) =>
            new(delivery.PostId, delivery.ProfileId, delivery.ContentHash, moment);

        /// <summary>Whether both say the same to the same profile within the window.</summary>
        public bool Repeats(Said other) => PostId != other.PostId && ProfileId == other.ProfileId
            && (Moment - other.Moment).Duration() < Window && ContentHash.AsSpan().SequenceEqual(other.ContentHash);
    }

    // As the column content_key has it.
    private static long KeyOf(Said said)
    {
        Span<byte> source = stackalloc byte[16 + SHA256.HashSizeInBytes];
        said.ProfileId.TryWriteBytes(source, bigEndian: true, out _);
        said.ContentHash.CopyTo(source[16..]);
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(source));
    }
}
