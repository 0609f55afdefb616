using System.Globalization;
using PostMantis.Core.Common;

namespace PostMantis.Core.Persistence;

/// <summary>
/// Keeps a table, partitioned by ranges of its time-ordered ids, in months: they are made ahead, like the default partition, and
/// dropped whole. What fits no month yet lies in the default partition and moves when its month is made. What was there before
/// there were months may lie in one part, which counts as the last of its months.
/// </summary>
public sealed class MonthlyPartitions(UnitOfWork unit)
{
    private const long LockKey = 0x506F_7374_4D20;
    private const string Before = "_before_";
    private const int MonthsAhead = 2;
    private const int MonthsBack = 1;

    /// <summary>Makes the months around <paramref name="now"/> and drops those that ended before what is kept.</summary>
    /// <param name="table">A name from code.</param>
    /// <param name="users">Tables, and their columns, that name rows: a row that is named stays, and its month.</param>
    public Task KeepAsync(string table, DateTimeOffset now, TimeSpan keepFor, CancellationToken ct,
        params (string Table, string Column)[] users) =>
        unit.RunAsync(async token =>
        {
            var present = await ReadAsync(table, token);
            List<string> over = [];
            await using var changes = unit.Batch();
            var kept = now - keepFor;
            Make(changes, table, present, now, kept);
            foreach (var name in present.Where(name => EndOf(table, name) <= kept))
            {
                if (!await IsNamedAsync(name, users, token)) over.Add(name);
            }
            Drop(changes, table, over);
            var free = string.Concat(users.Select(u => $" AND NOT EXISTS (SELECT FROM {u.Table} u WHERE u.{u.Column} = d.id)"));
            changes.Add($"DELETE FROM {table}_default d WHERE id < $1{free}", Ids.Lowest(kept));
            await changes.RunAsync(token);
        }, ct);

    /// <summary>Makes the months around <paramref name="now"/>; answers where those that are there end, earliest first.</summary>
    /// <param name="table">A name from code.</param>
    public Task<IReadOnlyList<DateTimeOffset>> MakeAsync(string table, DateTimeOffset now, CancellationToken ct) =>
        unit.RunAsync<IReadOnlyList<DateTimeOffset>>(async token =>
        {
            var present = await ReadAsync(table, token);
            await using var changes = unit.Batch();
            Make(changes, table, present, now, DateTimeOffset.MinValue);
            await changes.RunAsync(token);
            return [.. present.Select(name => EndOf(table, name)).OfType<DateTimeOffset>().Order()];
        }, ct);

    /// <summary>Drops everything before the end of a month.</summary>
    /// <param name="table">A name from code.</param>
    public Task DropAsync(string table, DateTimeOffset before, CancellationToken ct) => unit.RunAsync(async token =>
    {
        var present = await ReadAsync(table, token);
        await using var changes = unit.Batch();
        changes.Add($"DELETE FROM {table}_default WHERE id < $1", Ids.Lowest(before));
        Drop(changes, table, present.Where(name => EndOf(table, name) <= before));
        await changes.RunAsync(token);
    }, ct);

    private async Task<bool> IsNamedAsync(string partition, (string Table, string Column)[] users, CancellationToken ct)
    {
        if (users.Length == 0) return false;
        await using var batch = unit.Batch();
        batch.Add("SELECT " + string.Join(" OR ", users.Select(u =>
            $"EXISTS (SELECT FROM {partition} p JOIN {u.Table} u ON u.{u.Column} = p.id)")));
        await using var rows = await batch.ReadAsync(ct);
        await rows.ReadAsync(ct);
        return rows.GetBoolean(0);
    }

    // One replica at a time, and none that makes writers wait for long.
    private async Task<List<string>> ReadAsync(string table, CancellationToken ct)
    {
        await using var batch = unit.Batch();
        batch.Add("SELECT pg_advisory_xact_lock($1), set_config('lock_timeout', '5s', true)", LockKey);
        batch.Add("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass", table);
        List<string> names = [];
        await using var rows = await batch.ReadAsync(ct);
        await rows.NextResultAsync(ct);
        while (await rows.ReadAsync(ct)) names.Add(rows.GetString(0));
        return names;
    }

    private static void Make(SqlBatch changes, string table, List<string> present, DateTimeOffset now, DateTimeOffset kept)
    {
        var first = new DateTimeOffset(now.UtcDateTime.Year, now.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);
        var until = present.Where(name => IsBefore(table, name)).Select(name => EndOf(table, name)).Max();
        for (var month = first.AddMonths(-MonthsBack); month <= first.AddMonths(MonthsAhead); month = month.AddMonths(1))
        {
            if (month.AddMonths(1) > kept && !(month < until) && !present.Contains(NameOf(table, month))) Make(changes, table, month);
        }
    }

    private static void Drop(SqlBatch changes, string table, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            changes.Add($"ALTER TABLE {table} DETACH PARTITION {name}");
            changes.Add($"DROP TABLE {name}");
        }
    }

    private static void Make(SqlBatch changes, string table, DateTimeOffset month)
    {
        var (name, from, to) = (NameOf(table, month), Ids.Lowest(month), Ids.Lowest(month.AddMonths(1)));
        changes.Add($"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE");
        changes.Add($"CREATE TABLE {name} (LIKE {table}_default INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)");
        changes.Add($"""
            WITH moved AS (DELETE FROM {table}_default WHERE id >= '{from}' AND id < '{to}' RETURNING *)
            INSERT INTO {name} SELECT * FROM moved
            """);
        changes.Add($"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')");
    }

    private static string NameOf(string table, DateTimeOffset month) =>
        string.Create(CultureInfo.InvariantCulture, $"{table}_{month:yyyy_MM}");

    // What was there before there were months is named by where it ends.
    private static bool IsBefore(string table, string name) => name.StartsWith(table + Before, StringComparison.Ordinal);

    private static DateTimeOffset? EndOf(string table, string name)
    {
        if (!name.StartsWith(table + "_", StringComparison.Ordinal)) return null;
        var before = IsBefore(table, name);
        return DateTimeOffset.TryParseExact(name[(table.Length + (before ? Before.Length : 1))..], "yyyy_MM",
            CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var month) ? month.AddMonths(before ? 0 : 1) : null;
    }
}
