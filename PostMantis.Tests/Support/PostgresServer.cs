using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace PostMantis.Tests.Support;

/// <summary>
/// One real Postgres for the whole test run, from local binaries, with a migrated template database that each test
/// class clones. It dies with the test process.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string TemplateName = "postmantis_template";
    private readonly SemaphoreSlim _cloning = new(1, 1);
    private TemporaryPostgres _server = null!;
    private int _clones;

    /// <summary>The server of this run, for fixtures that are not given it.</summary>
    public static PostgresServer Current { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Current = this;
        _server = await TemporaryPostgres.StartAsync(durable: false);
        await _server.ExecuteAsync($"CREATE DATABASE {TemplateName}");
        await MigrateAsync(_server.ConnectionString(TemplateName));
    }

    /// <summary>Brings a database to our schema.</summary>
    public static async Task MigrateAsync(string connectionString)
    {
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(connectionString + ";Pooling=false");
        await using var db = new PostMantisDb(options.Options);
        await db.Database.MigrateAsync();
    }

    /// <summary>A fresh migrated database; the connection string to it.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Interlocked.Increment(ref _clones)}";
        await _cloning.WaitAsync();
        try
        {
            await _server.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {TemplateName}");
        }
        finally
        {
            _cloning.Release();
        }
        return _server.ConnectionString(name);
    }

    /// <summary>A database as another one is now, which nobody may be connected to: what a backup is.</summary>
    public async Task<string> CloneAsync(string connectionString)
    {
        var name = $"clone_{Interlocked.Increment(ref _clones)}";
        await _server.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {new Npgsql.NpgsqlConnectionStringBuilder(connectionString).Database}");
        return _server.ConnectionString(name);
    }

    /// <summary>An empty database without our schema.</summary>
    public async Task<string> CreateEmptyDatabaseAsync()
    {
        var name = $"empty_{Interlocked.Increment(ref _clones)}";
        await _server.ExecuteAsync($"CREATE DATABASE {name}");
        return _server.ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _cloning.Dispose();
    }

    /// <summary>A TCP port nobody listens on.</summary>
    public static int FreePort() => TemporaryPostgres.FreePort();
}
