using Microsoft.EntityFrameworkCore;
using Npgsql;
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
    public async Task Every_table_and_column_is_snake_case()
    {
        await using var connection = new NpgsqlConnection(await postgres.CreateDatabaseAsync());
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand("""
            SELECT table_name || '.' || column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> '__EFMigrationsHistory'
              AND (table_name !~ '^[a-z][a-z_]*$' OR column_name !~ '^[a-z][a-z0-9_]*$')
            """, connection);
        var wrong = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken)) wrong.Add(reader.GetString(0));
        Assert.Empty(wrong);
    }

    private static PostMantisDb Open(string connectionString)
    {
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(connectionString);
        return new PostMantisDb(options.Options);
    }
}
