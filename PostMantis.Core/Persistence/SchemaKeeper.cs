using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>How the database stands to this version.</summary>
/// <param name="Pending">What this version needs and the database lacks.</param>
/// <param name="Newer">What a newer version has added; this one runs on it all the same.</param>
/// <param name="LeastMigration">Set: the database lost what versions before this migration use, and this is one of them.</param>
public sealed record SchemaStatus(
    IReadOnlyList<string> Pending, IReadOnlyList<string> Newer, string? LeastMigration);

/// <summary>What a run of migrations did.</summary>
/// <param name="HeldBack">The first migration that takes something away while other processes run, and all after it.</param>
public sealed record SchemaChange(IReadOnlyList<string> Applied, IReadOnlyList<string> HeldBack);

/// <summary>This version is older than the schema allows.</summary>
public sealed class SchemaTooNewException(string leastMigration) : Exception(
    $"The database belongs to a newer version: it lost what versions before {leastMigration} use. Start that version or a later one.");

/// <summary>
/// Brings the database to this version while others run on it: what adds is applied at once, what takes away waits until no
/// process runs, or until told that none of them uses it.
/// </summary>
public sealed class SchemaKeeper(PostMantisDb db)
{
    // Whoever waits for a table's lock makes everybody behind it wait too.
    private const string LockTimeout = "5s";
    private const int MostTries = 24;
    private static readonly TimeSpan _between = TimeSpan.FromSeconds(1);

    /// <summary>Reads how the database stands; asks a few short questions.</summary>
    public async Task<SchemaStatus> ReadAsync(CancellationToken ct)
    {
        var known = db.Database.GetMigrations().ToList();
        var applied = await AppliedAsync(ct);
        var least = await LeastAsync(ct);
        return new SchemaStatus([.. known.Except(applied)], [.. applied.Except(known)],
            least is not null && !known.Contains(least) ? least : null);
    }

    /// <summary>Refuses to go on with a database that lost what this version uses.</summary>
    /// <exception cref="SchemaTooNewException">It did.</exception>
    public async Task RequireAsync(CancellationToken ct)
    {
        if (await LeastAsync(ct) is { } least && !db.Database.GetMigrations().Contains(least))
            throw new SchemaTooNewException(least);
    }

    /// <summary>Applies what is pending, one process at a time.</summary>
    /// <param name="contract">Also what takes something away although processes run: none of them uses it any more.</param>
    /// <exception cref="SchemaTooNewException">The database belongs to a newer version.</exception>
    public async Task<SchemaChange> MigrateAsync(bool contract, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await MigrateOnceAsync(contract, ct);
            }
            catch (Exception e) when (IsInTheWay(e) && tries < MostTries)
            {
                // A long transaction holds a table, and others must not queue behind us meanwhile; or one locks what we lock
                // the other way round.
                await Task.Delay(_between, TimeProvider.System, ct);
            }
        }
    }

    private async Task<SchemaChange> MigrateOnceAsync(bool contract, CancellationToken ct)
    {
        var before = await AppliedAsync(ct);
        if (before.Count > 0) await RequireAsync(ct);
        var pending = db.Database.GetMigrations().Except(before).ToList();
        var contracting = Contracting();
        var first = before.Count == 0 || contract || !await IsAnyoneRunningAsync(ct)
            ? -1
            : pending.FindIndex(contracting.ContainsKey);
        var (now, later) = first < 0 ? (pending, []) : (pending[..first], pending[first..]);
        if (now.Count > 0)
        {
            // One connection for all of it, so that the limit holds.
            await db.Database.OpenConnectionAsync(ct);
            try
            {
                await db.Database.ExecuteSqlRawAsync($"SET lock_timeout = '{LockTimeout}'", ct);

                // Else EF asks for what it holds before it makes it.
                if (before.Count == 0) await db.GetService<IHistoryRepository>().CreateIfNotExistsAsync(ct);
                await db.GetService<IMigrator>().MigrateAsync(now[^1], ct);
                foreach (var since in now.Where(contracting.ContainsKey).Select(name => contracting[name]))
                    await db.Database.ExecuteSqlAsync($"""
                        UPDATE instance_state SET least_migration = {since}
                        WHERE least_migration IS NULL OR least_migration < {since}
                        """, ct);
                await db.Database.ExecuteSqlRawAsync("RESET lock_timeout", ct);
            }
            finally
            {
                await db.Database.CloseConnectionAsync();
            }
        }
        return new SchemaChange(now, later);
    }

    private static bool IsInTheWay(Exception exception) => exception switch
    {
        PostgresException e => e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected,
        InvalidOperationException { InnerException: { } inner } => IsInTheWay(inner),
        _ => false,
    };

    private Dictionary<string, string> Contracting() => db.GetService<IMigrationsAssembly>().Migrations
        .Select(m => (Name: m.Key, m.Value.GetCustomAttribute<ContractsAttribute>()?.Since))
        .Where(m => m.Since is not null).ToDictionary(m => m.Name, m => m.Since!);

    private async Task<bool> IsAnyoneRunningAsync(CancellationToken ct) => await db.Database.SqlQuery<bool>($"""
        SELECT EXISTS (SELECT 1 FROM workers WHERE heartbeat_at > clock_timestamp() - interval '1 minute') AS "Value"
        """).SingleAsync(ct);

    // By the catalog first: of an empty database EF asks in vain, and logs that as an error.
    private async Task<List<string>> AppliedAsync(CancellationToken ct)
    {
        var knows = await db.Database.SqlQuery<bool>($"""
            SELECT to_regclass('"__EFMigrationsHistory"') IS NOT NULL AS "Value"
            """).SingleAsync(ct);
        return knows ? [.. await db.Database.GetAppliedMigrationsAsync(ct)] : [];
    }

    // By the catalog first: a schema from before the column, or none at all, has lost nothing.
    private async Task<string?> LeastAsync(CancellationToken ct)
    {
        var knows = await db.Database.SqlQuery<bool>($"""
            SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('instance_state')
                AND attname = 'least_migration' AND NOT attisdropped) AS "Value"
            """).SingleAsync(ct);
        return knows
            ? await db.Database.SqlQuery<string?>($"""SELECT least_migration AS "Value" FROM instance_state""").SingleOrDefaultAsync(ct)
            : null;
    }
}
