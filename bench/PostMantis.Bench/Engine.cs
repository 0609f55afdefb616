using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Api;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// PostMantis itself in this process, as it runs in production, on a durable Postgres with its settings untouched and in
/// front of a network that takes everything at once.
/// </summary>
internal sealed class Engine : IAsyncDisposable
{
    private const string Database = "postmantis";
    private static readonly TimeProvider _time = TimeProvider.System;
    private readonly TemporaryPostgres _postgres;
    private readonly WebApplication _app;
    private int _batch;

    private Engine(TemporaryPostgres postgres, WebApplication app, NullProvider network, int users, int profiles)
    {
        (_postgres, _app, Network, Users, Profiles) = (postgres, app, network, users, profiles);
        Source = app.Services.GetRequiredService<NpgsqlDataSource>();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri(address) };
    }

    public NullProvider Network { get; }

    public int Users { get; }

    public int Profiles { get; }

    public NpgsqlDataSource Source { get; }

    public HttpClient Client { get; }

    /// <summary>A key for each of the first users, with their profiles.</summary>
    public List<(Caller Caller, AuthenticationHeaderValue Key, Guid[] Profiles)> Keys { get; } = [];

    public static async Task<Engine> StartAsync(int users, int profiles, int keys)
    {
        var postgres = await TemporaryPostgres.StartAsync(durable: true);
        await postgres.ExecuteAsync($"CREATE DATABASE {Database}");
        var network = new NullProvider();
        var app = PostMantisApp.Build(["--environment", "Development", "--urls", "http://127.0.0.1:0"], builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["ConnectionStrings:postmantis"] = postgres.ConnectionString(Database),
                ["Sandbox:Hosted"] = "false",
                ["Vault:MasterKeys:0:Id"] = "bench",
                ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),

                // The audit entries that are laid have no links, as those of a process that runs have long got: making all
                // of them in one go would be measured with what comes after.
                ["Audit:SealEvery"] = "1.00:00:00",
                ["Api:RateLimits:Read"] = "10000000",
                ["Api:RateLimits:Write"] = "10000000",
            });
            builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Warning);
            builder.Services.AddSingleton<IProvider>(network);
        });
        await using (var scope = app.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<SchemaKeeper>().MigrateAsync(contract: false, default);
        await app.StartAsync();
        var engine = new Engine(postgres, app, network, users, profiles);
        await engine.SeedAsync(keys);
        return engine;
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        command.CommandTimeout = 0;
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    public async Task<IReadOnlyList<double>> NumbersAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await using var rows = await command.ExecuteReaderAsync();
        List<double> numbers = [];
        while (await rows.ReadAsync()) numbers.Add(rows.GetDouble(0));
        return numbers;
    }

    /// <summary>What Postgres spent its time on since it started, the most expensive statements first.</summary>
    public async Task<string> ProfileAsync()
    {
        await using var command = Source.CreateCommand("""
            SELECT format('%10s ms %9s calls %10s rows %9s ms each %9s blocks read %9s written %9s MiB of log %9s pages in it  %s',
                round(total_exec_time), calls, rows, round(mean_exec_time::numeric, 3), shared_blks_read, shared_blks_written,
                round(wal_bytes / 1048576, 1), wal_fpi, left(regexp_replace(query, '\s+', ' ', 'g'), 110))
            FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 25
            """);
        await using var rows = await command.ExecuteReaderAsync();
        var text = new System.Text.StringBuilder();
        while (await rows.ReadAsync()) text.AppendLine(rows.GetString(0));
        return text.ToString();
    }

    /// <summary>Forgets what Postgres spent until now.</summary>
    public Task ForgetProfileAsync() => ExecuteAsync("CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset();");

    /// <summary>Stops publishing, so that a backlog can be laid.</summary>
    public Task HoldAsync() => ExecuteAsync("UPDATE instance_state SET paused_at = now()");

    /// <summary>Lets publishing go on at once.</summary>
    public async Task GoAsync()
    {
        await ExecuteAsync("UPDATE instance_state SET paused_at = NULL");
        Wake();
    }

    /// <summary>Has the publish loop look for the next moment, as accepting a post for soon does.</summary>
    public void Wake() => _app.Services.GetRequiredService<WakeUp>().Signal(WorkKind.Publish);

    /// <summary>
    /// Lays posts of two deliveries each, as accepting them would, spread over the profiles and due at
    /// <paramref name="due"/>; with <paramref name="settled"/>, as publishing would have left them.
    /// </summary>
    public async Task LayAsync(int deliveries, DateTimeOffset due, bool settled = false)
    {
        // A session of its own: one that saw the tables small checks foreign keys by scanning them.
        await using var own = NpgsqlDataSource.Create(_postgres.ConnectionString(Database) + ";Pooling=false");
        await using var command = own.CreateCommand("SELECT bench_lay($1, $2, $3, $4, $5, $6)");
        command.CommandTimeout = 0;
        command.Parameters.AddWithValue(++_batch);
        command.Parameters.AddWithValue(deliveries);
        command.Parameters.AddWithValue(Profiles);
        command.Parameters.AddWithValue(NullProvider.Name);
        command.Parameters.AddWithValue(due);
        command.Parameters.AddWithValue(settled);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Waits until nothing is left to publish.</summary>
    public async Task DrainedAsync()
    {
        // Asked less and less often: past what was drained, the question is not cheap.
        for (var wait = 1; await ScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM work_items WHERE kind = 'publish')");
            wait = Math.Min(wait * 2, 128))
            await Task.Delay(TimeSpan.FromMilliseconds(wait), _time);
    }

    /// <summary>Waits until every event has its number.</summary>
    public async Task NumberedAsync()
    {
        while (await ScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM unnumbered_events)"))
            await Task.Delay(TimeSpan.FromMilliseconds(25), _time);
    }

    /// <summary>Takes every post away with all that belongs to it, so that one measurement starts where another did.</summary>
    public Task ClearAsync() => ExecuteAsync("""
        TRUNCATE posts, unnumbered_events CASCADE;
        DELETE FROM work_items WHERE kind = 'publish';
        """);

    /// <summary>Brings statistics up to date and the log to disk, so that one measurement does not pay for another.</summary>
    public Task RestAsync() => ExecuteAsync("ANALYZE; CHECKPOINT;");

    /// <summary>Memory of this process in MiB: what is in use after a collection, and what the system gave.</summary>
    public static (double Heap, double Resident) Memory()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        using var me = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(forceFullCollection: true) / 1048576.0, me.WorkingSet64 / 1048576.0);
    }

    public string[] Connect => ["-h", "127.0.0.1", "-p", _postgres.Port.ToString(CultureInfo.InvariantCulture), "-U",
        "postmantis", Database];

    public IServiceScope Scope() => _app.Services.CreateScope();

    /// <summary>The body of a post to <paramref name="profiles"/>.</summary>
    public static JsonObject Body(long n, IEnumerable<Guid> profiles, DateTimeOffset? at)
    {
        var post = new JsonObject
        {
            ["body"] = $"Post {n} {Ids.New(_time.GetUtcNow())}, of a length that is not unusual among posts of people and firms.",
        };
        if (at is { } moment) post["scheduledAt"] = moment.ToString("O");
        return new JsonObject { ["post"] = post, ["profiles"] = new JsonArray([.. profiles.Select(p => (JsonNode)p.ToString())]) };
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    private async Task SeedAsync(int keys)
    {
        await using (var sql = typeof(Engine).Assembly.GetManifestResourceStream("Lay.sql")!)
        using (var text = new StreamReader(sql))
            await ExecuteAsync(await text.ReadToEndAsync());
        await ExecuteAsync($"""
            INSERT INTO users (id, created_at, is_administrator, email_confirmed, phone_number_confirmed, two_factor_enabled,
                lockout_enabled, access_failed_count)
            SELECT bench_id(0, 1, n), now(), false, false, false, false, false, 0 FROM generate_series(1, {Users}) n;
            """);
        var users = new List<Guid>();
        await using (var command = Source.CreateCommand("SELECT id FROM users ORDER BY id"))
        await using (var rows = await command.ExecuteReaderAsync())
            while (await rows.ReadAsync()) users.Add(rows.GetGuid(0));
        using (var scope = Scope())
        {
            var (vault, db) = (scope.ServiceProvider.GetRequiredService<SecretVault>(),
                scope.ServiceProvider.GetRequiredService<PostMantisDb>());
            var now = _time.GetUtcNow();
            foreach (var userId in users)
            {
                var id = Ids.New(now);
                db.Connections.Add(new Connection
                {
                    Id = id,
                    UserId = userId,
                    Provider = NullProvider.Name,
                    ProviderAccountId = id.ToString(),
                    AccountName = "Bench",
                    Credential = vault.SealJson(Connection.SealedCredential.Of(id, userId),
                        new GrantTokens { AccessToken = id.ToString() }),
                    CreatedAt = now,
                    UpdatedAt = now,
                });
            }
            await db.SaveChangesAsync();
        }
        await ExecuteAsync($$"""
            INSERT INTO profiles (id, user_id, connection_id, provider, provider_profile_id, name, status, test_mode, facts,
                created_at, updated_at)
            SELECT bench_id(0, 2, n), c.user_id, c.id, c.provider, n::text, 'Page ' || n, 'active', false, '{}', now(), now()
            FROM generate_series(0, {{Profiles}} - 1) n
            JOIN (SELECT *, row_number() OVER (ORDER BY user_id) - 1 AS r FROM connections) c
                ON c.r = n / greatest({{Profiles}} / {{Users}}, 1);
            CREATE TABLE bench_profiles AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, user_id FROM profiles;
            ALTER TABLE bench_profiles ADD PRIMARY KEY (n);
            """);
        foreach (var userId in users.Take(keys))
        {
            using var scope = Scope();
            var caller = Caller.Person(userId, "127.0.0.1");
            var key = await scope.ServiceProvider.GetRequiredService<ApiKeys>().CreateAsync(caller,
                new NewApiKey("bench", Permission.Publish, TestMode: false, [], [], [], [], null, KeyRules.None), default);
            var profiles = await scope.ServiceProvider.GetRequiredService<PostMantisDb>().Profiles
                .Where(p => p.UserId == userId).OrderBy(p => p.Id).Select(p => p.Id).ToArrayAsync();
            Keys.Add((caller, new AuthenticationHeaderValue("Bearer", key.Text), profiles));
        }
        await RestAsync();
    }
}
