using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Persistence;

public sealed class SchemaTests(PostgresServer postgres)
{
    [Fact]
    public async Task The_migrations_hold_the_whole_model()
    {
        await using var db = Open(await postgres.CreateDatabaseAsync());
        Assert.False(db.Database.HasPendingModelChanges());
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task No_connection_of_ours_lets_Postgres_compile_statements()
    {
        await using var source = PersistenceSetup.Open(await postgres.CreateDatabaseAsync());
        await using var command = source.CreateCommand("SHOW jit");
        Assert.Equal("off", await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_statement_is_told_of_in_a_trace_and_begins_none()
    {
        var sql = $"SELECT '{Ids.New(TimeProvider.System.GetUtcNow())}'";
        ConcurrentQueue<ActivityTraceId> told = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = statement =>
            {
                if (statement.GetTagItem("db.query.text") is string text && text.StartsWith(sql, StringComparison.Ordinal))
                    told.Enqueue(statement.TraceId);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var source = PersistenceSetup.Open(await postgres.CreateDatabaseAsync());
        Activity.Current = null;
        await AskAsync();
        using var work = new Activity("work").Start();
        await AskAsync();
        Assert.Equal([work.TraceId, work.TraceId], told);

        async Task AskAsync()
        {
            var ct = TestContext.Current.CancellationToken;
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(ct);
            await using var batch = source.CreateBatch();
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql));
            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    [Fact]
    public async Task The_first_migration_meets_no_error()
    {
        ConcurrentQueue<string> errors = [];
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(await postgres.CreateEmptyDatabaseAsync()).LogTo(errors.Enqueue, LogLevel.Error);
        await using var db = new PostMantisDb(options.Options);
        var change = await new SchemaKeeper(db).MigrateAsync(contract: false, TestContext.Current.CancellationToken);
        Assert.Empty(errors);
        Assert.Equal(db.Database.GetMigrations(), change.Applied);
    }

    [Fact]
    public async Task Every_table_and_column_is_snake_case()
    {
        await using var connection = new NpgsqlConnection(await postgres.CreateDatabaseAsync());
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand("""
            SELECT table_name || '.' || column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> '__EFMigrationsHistory'
              AND (table_name !~ '^[a-z][a-z_]*(_[0-9]{4}_[0-9]{2})?$' OR column_name !~ '^[a-z][a-z0-9_]*$')
            """, connection);
        var wrong = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken)) wrong.Add(reader.GetString(0));
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Events_move_into_their_months_and_back()
    {
        var ct = TestContext.Current.CancellationToken;
        var connectionString = await postgres.CreateDatabaseAsync();
        await using var db = Open(connectionString);
        var migrator = db.GetService<IMigrator>();
        await migrator.MigrateAsync("20261128103032_Webhooks", ct);
        var (userId, now) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());
        const string data = """{"post": {"id": "x"}}""";
        DateTimeOffset[] moments = [now.AddDays(-70), now, now.AddYears(1)];
        foreach (var at in moments)
        {
            await db.Database.ExecuteSqlAsync($"""
                INSERT INTO events (id, user_id, type, test_mode, data, created_at)
                VALUES ({Ids.New(at)}, {userId}, 'post.created', true, {data}::jsonb, {at})
                """, ct);
        }
        await migrator.MigrateAsync(null, ct);
        var places = await db.Database.SqlQuery<string>(
            $"""SELECT tableoid::regclass::text AS "Value" FROM events ORDER BY id""").ToListAsync(ct);
        Assert.Equal([.. moments.Take(2).Select(m => $"events_{m:yyyy_MM}"), "events_default"], places);
        Assert.All(await db.Events.AsNoTracking().ToListAsync(ct), e => Assert.Equal("x", (string?)e.Data["post"]!["id"]));
        await migrator.MigrateAsync("20261128103032_Webhooks", ct);
        Assert.Equal(moments.Length, await db.Database.SqlQuery<int>(
            $"""SELECT count(*)::int AS "Value" FROM events WHERE data @> {data}::jsonb""").SingleAsync(ct));
    }

    [Fact]
    public async Task Audit_entries_become_one_part_and_months_and_one_table_again()
    {
        const string before = "20261128140834_AuditChain";
        var ct = TestContext.Current.CancellationToken;
        await using var db = Open(await postgres.CreateDatabaseAsync());
        var migrator = db.GetService<IMigrator>();
        var now = TimeProvider.System.GetUtcNow();
        var first = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal([$"audit_entries_{first:yyyy_MM}", $"audit_entries_{first.AddMonths(1):yyyy_MM}",
            $"audit_entries_{first.AddMonths(2):yyyy_MM}", "audit_entries_default"], await PartsAsync());

        // As it lay there, with what clocks that were ahead wrote.
        await migrator.MigrateAsync(before, ct);
        DateTimeOffset[] moments = [now.AddDays(-400), first, now, first.AddMonths(1), first.AddYears(1)];
        foreach (var at in moments)
        {
            await db.Database.ExecuteSqlAsync($"""
                INSERT INTO audit_entries (id, user_id, actor_type, action, subject_type, subject_id, created_at)
                VALUES ({Ids.New(at)}, {Guid.Empty}, 'system', 'a', 'b', {Guid.Empty}, {at})
                """, ct);
        }
        await migrator.MigrateAsync(null, ct);
        var old = $"audit_entries_before_{first.AddMonths(1):yyyy_MM}";
        Assert.Equal([old, old, old, $"audit_entries_{first.AddMonths(1):yyyy_MM}", "audit_entries_default"],
            await db.Database.SqlQuery<string>($"""SELECT tableoid::regclass::text AS "Value" FROM audit_entries ORDER BY id""").ToListAsync(ct));
        await migrator.MigrateAsync(before, ct);
        Assert.Equal(moments.Length, await db.Database.SqlQuery<int>($"""SELECT count(*)::int AS "Value" FROM audit_entries""").SingleAsync(ct));

        Task<List<string>> PartsAsync() => db.Database.SqlQuery<string>($"""
            SELECT inhrelid::regclass::text AS "Value" FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass ORDER BY 1
            """).ToListAsync(ct);
    }

    private static PostMantisDb Open(string connectionString)
    {
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(connectionString);
        return new PostMantisDb(options.Options);
    }
}
