using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Audit;

/// <summary>
/// Keeps audit entries in months, and drops those whose time has come: only what is wholly sealed, and holds. Each user whose
/// entries go keeps an anchor.
/// </summary>
public sealed partial class AuditRetention(UnitOfWork unit, MonthlyPartitions partitions, AuditChain chain, SecretVault vault,
    IOptions<AuditOptions> options, TimeProvider time, ILogger<AuditRetention> logger)
{
    private const string Table = "audit_entries";

    private const string AnchorSql = """
        INSERT INTO audit_anchors (id, user_id, number, last_id, entries, hash, before, seal)
        SELECT a.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS a(id, user_id, number, last_id, entries, hash, before, seal)
        JOIN users u ON u.id = a.user_id FOR KEY SHARE OF u
        """;

    /// <summary>Makes the months to come and drops those that nobody has to keep.</summary>
    /// <returns>How many entries were dropped.</returns>
    public async Task<long> RunOnceAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var ends = await partitions.MakeAsync(Table, now, ct);
        if (options.Value.KeepFor is not { } keepFor) return 0;

        // A link may reach over the end of a month where it was made by a version that knew none; then both go at once, later.
        foreach (var end in ends.Where(end => end <= now - keepFor).Reverse())
        {
            if (await IsSealedAsync(end, ct)) return await DropAsync(end, ct);
        }
        return 0;
    }

    private async Task<bool> IsSealedAsync(DateTimeOffset end, CancellationToken ct)
    {
        var before = Ids.Lowest(end);
        return await unit.Db.Database.SqlQuery<bool>($"""
            SELECT NOT EXISTS (
                SELECT FROM users u CROSS JOIN LATERAL (
                    SELECT id FROM audit_entries WHERE user_id = u.id AND id < {before} ORDER BY id DESC LIMIT 1) e
                WHERE NOT EXISTS (
                    SELECT FROM audit_seals s WHERE s.user_id = u.id AND s.last_id >= e.id AND s.last_id < {before})) AS "Value"
            """).SingleAsync(ct);
    }

    private async Task<long> DropAsync(DateTimeOffset end, CancellationToken ct)
    {
        List<ChainReport> ending = [];
        await foreach (var report in chain.VerifyAsync(end, ct))
        {
            // What was tampered with is evidence, and an anchor would make it good.
            if (report.Fault is { } fault)
            {
                LogKept(logger, end, report.UserId, fault);
                return 0;
            }
            if (report.Entries > 0) ending.Add(report);
        }
        await unit.RunAsync(async cancel =>
        {
            await using (var anchors = unit.Batch())
            {
                Anchor(anchors, ending, end);
                await anchors.RunAsync(cancel);
            }
            await partitions.DropAsync(Table, end, cancel);
        }, ct);
        var dropped = ending.Sum(report => report.Entries);
        LogDropped(logger, end, dropped, ending.Count);
        return dropped;
    }

    private void Anchor(SqlBatch batch, List<ChainReport> ending, DateTimeOffset end)
    {
        List<AuditAnchor> anchors = [.. ending.Select(report => new AuditAnchor
        {
            Id = Ids.New(time.GetUtcNow()),
            UserId = report.UserId,
            Number = report.Seals,
            LastId = report.LastId,
            Entries = report.Dropped + report.Entries,
            Hash = report.Head,
            Before = end,
        }.SealedBy(vault))];
        batch.Add("SELECT pg_advisory_xact_lock($1)", AuditChain.Lock);
        batch.Add("DELETE FROM audit_anchors WHERE user_id = ANY($1)", anchors.Select(a => a.UserId).ToArray());
        var columns = new SqlColumns<AuditAnchor>(batch.Add(AnchorSql), anchors);
        columns.Add(a => a.Id);
        columns.Add(a => a.UserId);
        columns.Add(a => a.Number);
        columns.Add(a => a.LastId);
        columns.Add(a => a.Entries);
        columns.Add(a => a.Hash);
        columns.Add(a => a.Before);
        columns.Add(a => a.Seal);

        // The last stays too: a version that knows of no anchors makes the next link from it.
        batch.Add("DELETE FROM audit_seals s USING audit_anchors a WHERE a.user_id = s.user_id AND s.number < a.number");
    }

    [LoggerMessage(LogLevel.Information,
        "Dropped the months of audit entries before {End:yyyy-MM}: {Entries} entries of {Users} users, who keep an anchor.")]
    private static partial void LogDropped(ILogger logger, DateTimeOffset end, long entries, int users);

    [LoggerMessage(LogLevel.Error,
        "The months of audit entries before {End:yyyy-MM} are kept: the chain of user {UserId} does not hold: {Fault}. See: audit verify.")]
    private static partial void LogKept(ILogger logger, DateTimeOffset end, Guid userId, string fault);
}
