using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Persistence;

/// <summary>Migrations under a rolling deploy: the version before runs on the schema of the version after.</summary>
public sealed class RollingSchemaTests(PostgresServer postgres)
{
    // Nobody had run what was before.
    private const string FirstGuarded = "20261128134247_HeldInstances";
    private const string Planted = "29990101000000_TakesAway";
    private const string Unknown = "29981231000000_StoppedUsingIt";

    [Fact]
    public async Task What_takes_away_says_since_when_nobody_uses_it()
    {
        var migrations = typeof(PostMantisDb).Assembly.GetTypes().Append(typeof(TakesAway))
            .Where(t => t.IsSubclassOf(typeof(Migration)))
            .Select(t => (Id: t.GetCustomAttribute<MigrationAttribute>()!.Id, Type: t))
            .Where(m => string.CompareOrdinal(m.Id, FirstGuarded) >= 0).ToList();
        Assert.Contains(migrations, m => m.Id == FirstGuarded);
        var taking = migrations.Where(m => Operations(m.Type).Any(TakesSomethingAway)).ToList();
        Assert.Contains(taking, m => m.Type == typeof(TakesAway));

        // A table may make way for another of its name, if everything is there that was there before.
        Assert.Equal(["audit_entries.user_agent character varying(300) null"], await LostAsync(Planted));
        foreach (var (id, type) in taking.Where(m => m.Type.GetCustomAttribute<ContractsAttribute>() is null))
        {
            Assert.All(Operations(type).Where(TakesSomethingAway), operation => Assert.IsType<SqlOperation>(operation));
            Assert.Empty(await LostAsync(id));
        }
    }

    // Columns, by the catalog, that are there before a migration and not after it.
    private async Task<IReadOnlyList<string>> LostAsync(string migration)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var db = Open(await postgres.CreateDatabaseAsync(), planted: true);
        var before = db.Database.GetMigrations().TakeWhile(id => id != migration).Last();
        await db.GetService<IMigrator>().MigrateAsync(before, ct);
        var columns = await ColumnsAsync();
        await db.GetService<IMigrator>().MigrateAsync(migration, ct);
        return [.. columns.Except(await ColumnsAsync())];

        Task<List<string>> ColumnsAsync() => db.Database.SqlQuery<string>($"""
            SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN '' ELSE ' null' END AS "Value"
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            """).ToListAsync(ct);
    }

    [Fact]
    public async Task What_takes_away_waits_while_processes_run_and_then_older_versions_are_refused()
    {
        var ct = TestContext.Current.CancellationToken;
        var database = await postgres.CreateDatabaseAsync();
        await using var old = Open(database, planted: false);
        await using var fresh = Open(database, planted: true);
        await old.Database.ExecuteSqlAsync($"""
            INSERT INTO workers (id, name, started_at, heartbeat_at, clock_skew_ms)
            VALUES (gen_random_uuid(), 'old', now(), now(), 0)
            """, ct);
        var change = await new SchemaKeeper(fresh).MigrateAsync(contract: false, ct);
        Assert.Empty(change.Applied);
        Assert.Equal([Planted], change.HeldBack);
        await new SchemaKeeper(old).RequireAsync(ct);

        // The old process has stopped, and is not looked for any more.
        await old.Database.ExecuteSqlAsync($"UPDATE workers SET heartbeat_at = now() - interval '2 minutes'", ct);
        change = await new SchemaKeeper(fresh).MigrateAsync(contract: false, ct);
        Assert.Equal([Planted], change.Applied);
        Assert.Equal(Unknown, (await new SchemaKeeper(old).ReadAsync(ct)).LeastMigration);
        var refused = await Assert.ThrowsAsync<SchemaTooNewException>(() => new SchemaKeeper(old).RequireAsync(ct));
        Assert.Contains(Unknown, refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<SchemaTooNewException>(() => new SchemaKeeper(old).MigrateAsync(contract: false, ct));

        var (code, _, errors) = await ApiProcess.RunAsync([], new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = database,
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{PostgresServer.FreePort()}",
            ["Vault__MasterKeys__0__Id"] = "test",
            ["Vault__MasterKeys__0__Value"] = Convert.ToBase64String(new byte[32]),
        });
        Assert.Equal(1, code);
        Assert.Contains("PostMantis does not start: The database belongs to a newer version", errors, StringComparison.Ordinal);
    }

    private static IReadOnlyList<MigrationOperation> Operations(Type type) =>
        ((Migration)Activator.CreateInstance(type)!).UpOperations;

    // Indexes may go: whoever missed them is slower, not wrong. What only adds needs a value that older versions need not give.
    private static bool TakesSomethingAway(MigrationOperation operation) => operation switch
    {
        DropColumnOperation or DropTableOperation or DropSchemaOperation or DropSequenceOperation => true,
        RenameColumnOperation or RenameTableOperation => true,
        AddColumnOperation add => add is { IsNullable: false, DefaultValue: null, DefaultValueSql: null, ComputedColumnSql: null },
        AlterColumnOperation alter => !alter.IsNullable && alter.OldColumn.IsNullable
            || alter.ColumnType != alter.OldColumn.ColumnType || alter.MaxLength < (alter.OldColumn.MaxLength ?? int.MaxValue),
        SqlOperation sql => ((string[])["DROP TABLE", "DROP COLUMN", "RENAME", "SET NOT NULL", "ALTER TYPE"])
            .Any(word => sql.Sql.Contains(word, StringComparison.OrdinalIgnoreCase)),
        _ => false,
    };

    /// <summary>Gives <paramref name="options"/> a migration of a later version that only adds.</summary>
    internal static void PlantExpanding(DbContextOptionsBuilder options) =>
        options.ReplaceService<IMigrationsAssembly, WithExpanding>();

    private static PostMantisDb Open(string connectionString, bool planted)
    {
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(connectionString);
        if (planted) options.ReplaceService<IMigrationsAssembly, WithPlanted>();
        return new PostMantisDb(options.Options);
    }

    /// <summary>A migration of a later version.</summary>
    [DbContext(typeof(PostMantisDb)), Migration(Planted), Contracts(Unknown)]
    private sealed class TakesAway : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.DropColumn("user_agent", "audit_entries");
    }

    /// <summary>A migration of a later version, on the tables that everything writes to.</summary>
    [DbContext(typeof(PostMantisDb)), Migration("29990101000000_Adds")]
    private sealed class Adds : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>("planted", "posts", nullable: true);
            migrationBuilder.AddColumn<int>("planted", "deliveries", nullable: false, defaultValue: 0);
            migrationBuilder.CreateIndex("ix_planted", "deliveries", "planted");
        }
    }

    private sealed class WithPlanted(ICurrentDbContext context) : WithLater(context, typeof(TakesAway));

    private sealed class WithExpanding(ICurrentDbContext context) : WithLater(context, typeof(Adds));

    /// <summary>Our migrations and one of a later version.</summary>
    private abstract class WithLater(ICurrentDbContext context, Type later) : IMigrationsAssembly
    {
        public IReadOnlyDictionary<string, TypeInfo> Migrations { get; } = typeof(PostMantisDb).Assembly.GetTypes()
            .Append(later).Where(t => t.IsSubclassOf(typeof(Migration)))
            .ToDictionary(t => t.GetCustomAttribute<MigrationAttribute>()!.Id, t => t.GetTypeInfo())
            .OrderBy(m => m.Key, StringComparer.Ordinal).ToDictionary();

        public ModelSnapshot? ModelSnapshot => null;

        public Assembly Assembly => context.Context.GetType().Assembly;

        public string? FindMigrationId(string nameOrId) => Migrations.Keys.FirstOrDefault(id => id == nameOrId);

        public Migration CreateMigration(TypeInfo migrationClass, string activeProvider)
        {
            var migration = (Migration)Activator.CreateInstance(migrationClass.AsType(), nonPublic: true)!;
            migration.ActiveProvider = activeProvider;
            return migration;
        }
    }
}
