using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Audit;

/// <summary>What looking a chain through found.</summary>
/// <param name="Seals">Links since the first, those that were dropped among them.</param>
/// <param name="Entries">Entries that are there and covered.</param>
/// <param name="Dropped">Entries that went with their months.</param>
/// <param name="DroppedBefore">Where those months end; null: none was dropped.</param>
/// <param name="LastId">The last entry that is covered.</param>
/// <param name="Head">Where the chain ends.</param>
/// <param name="Fault">What does not hold, and where; null: everything does.</param>
public sealed record ChainReport(Guid UserId, int Seals, long Entries, long Dropped, DateTimeOffset? DroppedBefore, Guid LastId,
    byte[] Head, string? Fault);

/// <summary>
/// Links each user's audit entries into a chain, in batches after they were written, so that writing one costs nothing more; and
/// looks whether a chain still holds.
/// </summary>
public sealed class AuditChain(UnitOfWork unit, NpgsqlDataSource database, SecretVault vault, IOptions<AuditOptions> options,
    TimeProvider time)
{
    private const int MostPerSeal = 1000;
    private const int MostUsers = 200;
    internal const long Lock = 0x504d_0002;
    private static readonly byte[] _start = new byte[SHA256.HashSizeInBytes];

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Seals what is old enough, one link for each of some users; answers how many were made.</summary>
    public Task<int> SealOnceAsync(CancellationToken ct) => unit.RunAsync(async cancel =>
    {
        if (!(await _db.Database.SqlQuery<bool>($"""SELECT pg_try_advisory_xact_lock({Lock}) AS "Value" """).ToListAsync(cancel))[0])
            return 0;
        var now = time.GetUtcNow();
        var before = Ids.Lowest(now - options.Value.SealAfter);
        var ends = await _db.Database.SqlQuery<ChainEnd>($"""
            SELECT u.id AS user_id, coalesce(s.number, 0) AS number, coalesce(s.last_id, '00000000-0000-0000-0000-000000000000') AS last_id,
                s.hash, e.id AS next_id
            FROM users u LEFT JOIN LATERAL (
                SELECT number, last_id, hash FROM audit_seals WHERE user_id = u.id ORDER BY number DESC LIMIT 1) s ON true
            CROSS JOIN LATERAL (SELECT id FROM audit_entries WHERE user_id = u.id
                AND id > coalesce(s.last_id, '00000000-0000-0000-0000-000000000000') AND id < {before} ORDER BY id LIMIT 1) e
            LIMIT {MostUsers} FOR KEY SHARE OF u
            """).ToListAsync(cancel);
        foreach (var end in ends)
        {
            var previous = end.Hash ?? _start;
            var batch = await ReadAsync(end.UserId, end.LastId, Earlier(before, MonthAfter(end.NextId)), MostPerSeal, previous, cancel);
            var id = Ids.New(now);
            _db.AuditSeals.Add(new AuditSeal
            {
                Id = id,
                UserId = end.UserId,
                Number = end.Number + 1,
                LastId = batch.LastId,
                Entries = batch.Count,
                Previous = previous,
                Hash = batch.Hash,
                Seal = vault.Seal(AuditSeal.SealedHash.Of(id, end.UserId), batch.Hash),
                SealedAt = now,
            });
        }
        await _db.SaveChangesAsync(cancel);
        return ends.Count;
    }, ct);

    /// <summary>Looks through every chain.</summary>
    /// <param name="until">Only links that end before this moment.</param>
    public async IAsyncEnumerable<ChainReport> VerifyAsync(
        DateTimeOffset? until, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var users = await _db.Database.SqlQuery<Guid>($"""
            SELECT user_id AS "Value" FROM audit_seals UNION SELECT user_id FROM audit_anchors ORDER BY 1
            """).ToListAsync(ct);
        foreach (var user in users)
        {
            ChainReport report;
            AuditAnchor? anchor, now = await AnchorAsync(user, ct);
            do
            {
                (anchor, report) = (now, await VerifyOneAsync(user, now, until, ct));

                // A month that was dropped while we looked is no fault.
                now = report.Fault is null ? anchor : await AnchorAsync(user, ct);
            }
            while (now?.Number != anchor?.Number);
            yield return report;
        }
    }

    private Task<AuditAnchor?> AnchorAsync(Guid userId, CancellationToken ct) =>
        _db.AuditAnchors.AsNoTracking().SingleOrDefaultAsync(a => a.UserId == userId, ct);

    private async Task<ChainReport> VerifyOneAsync(Guid userId, AuditAnchor? anchor, DateTimeOffset? until, CancellationToken ct)
    {
        var (number, last, head, entries) = (anchor?.Number ?? 0, anchor?.LastId ?? Guid.Empty, anchor?.Hash ?? _start, 0L);
        var fault = anchor is null ? null : await FaultOfAsync(anchor, ct);
        var dropped = number;
        var links = _db.AuditSeals.AsNoTracking().Where(s => s.UserId == userId && s.Number > dropped);
        if (until is { } moment && Ids.Lowest(moment) is var end) links = links.Where(s => s.LastId < end);
        await foreach (var link in links.OrderBy(s => s.Number).AsAsyncEnumerable().WithCancellation(ct))
        {
            if (fault is not null) break;
            number++;
            if (link.Number != number) fault = $"link {number} is missing";
            else if (!link.Previous.AsSpan().SequenceEqual(head)) fault = $"link {number} does not follow the one before it";
            else if (!IsOurs(link)) fault = $"link {number} was not made by this instance";
            else
            {
                var found = await ReadAsync(userId, last, Next(link.LastId), int.MaxValue, head, ct);
                if (found.Count == link.Entries && found.Hash.AsSpan().SequenceEqual(link.Hash)) entries += found.Count;
                else
                    fault = string.Create(CultureInfo.InvariantCulture,
                        $"the entries of link {number} are not those that were sealed ({found.Count} of {link.Entries})");
            }
            if (fault is null) (last, head) = (link.LastId, link.Hash);
        }
        return new ChainReport(userId, number, entries, anchor?.Entries ?? 0, anchor?.Before, last, head, fault);
    }

    private async Task<string?> FaultOfAsync(AuditAnchor anchor, CancellationToken ct)
    {
        if (!IsOurs(AuditAnchor.Sealed.Of(anchor.Id, anchor.UserId), anchor.Seal, anchor.Content()))
            return "the anchor of what was dropped was not made by this instance";
        var found = await ReadAsync(anchor.UserId, Guid.Empty, Next(anchor.LastId), 1, _start, ct);
        return found.Count > 0 ? "there are entries among those that were dropped" : null;
    }

    private bool IsOurs(AuditSeal link) => IsOurs(AuditSeal.SealedHash.Of(link.Id, link.UserId), link.Seal, link.Hash);

    private bool IsOurs(SealedPlace place, byte[] seal, byte[] content)
    {
        try
        {
            using var opened = vault.Open(place, seal);
            return CryptographicOperations.FixedTimeEquals(opened.AsSpan(), content);
        }
        catch (VaultException)
        {
            return false;
        }
    }

    private async Task<Batch> ReadAsync(Guid userId, Guid after, Guid before, int most, byte[] previous, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand("""
            SELECT id, actor_type, actor_id, address, user_agent, action, subject_type, subject_id, post_id, detail::text, created_at
            FROM audit_entries WHERE user_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4
            """, connection)
        {
            Parameters = { new() { Value = userId }, new() { Value = after }, new() { Value = before }, new() { Value = most } },
        };
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(previous);
        var (last, count) = (after, 0);
        await using var rows = await command.ExecuteReaderAsync(ct);
        while (await rows.ReadAsync(ct))
        {
            for (var column = 0; column < rows.FieldCount; column++) Append(hash, rows.IsDBNull(column) ? null : rows.GetValue(column));
            (last, count) = (rows.GetGuid(0), count + 1);
        }
        return new Batch(last, count, hash.GetHashAndReset());
    }

    // Every value with its length, so that no two rows read alike.
    private static void Append(IncrementalHash hash, object? value)
    {
        var bytes = value switch
        {
            null => null,
            Guid id => id.ToByteArray(bigEndian: true),
            DateTime moment => Encoding.UTF8.GetBytes(moment.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture)),
            _ => Encoding.UTF8.GetBytes((string)value),
        };
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes?.Length ?? -1);
        hash.AppendData(length);
        if (bytes is not null) hash.AppendData(bytes);
    }

    // No link reaches over the end of a month, so that the month can go without it.
    private static Guid MonthAfter(Guid id)
    {
        var moment = Ids.MomentOf(id);
        return Ids.Lowest(new DateTimeOffset(moment.Year, moment.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1));
    }

    // In the order of Postgres, which is that of the bytes.
    private static Guid Earlier(Guid one, Guid other) =>
        one.ToByteArray(bigEndian: true).AsSpan().SequenceCompareTo(other.ToByteArray(bigEndian: true)) <= 0 ? one : other;

    private static Guid Next(Guid id)
    {
        var bytes = id.ToByteArray(bigEndian: true);
        for (var i = bytes.Length - 1; i >= 0 && ++bytes[i] == 0; i--)
        {
            // Carry.
        }
        return new Guid(bytes, bigEndian: true);
    }

    private sealed record Batch(Guid LastId, int Count, byte[] Hash);

    private sealed record ChainEnd(Guid UserId, int Number, Guid LastId, byte[]? Hash, Guid NextId);
}
