using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

/// <summary>
/// Postgres restarts, cuts connections, refuses transactions or has no room, under a process that lives on: it backs
/// off and goes on, callers are told to come back, and what was accepted is published once.
/// </summary>
public sealed class DatabaseTroubleTests(DatabaseTroubleTests.Stage stage)
    : IClassFixture<DatabaseTroubleTests.Stage>, IAsyncLifetime
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryPostgres _postgres = stage.Postgres;
    private readonly PublishingWorld _world = stage.World;
    private readonly WireProxy _proxy = stage.Proxy;
    private readonly ApiServer _api = stage.Api;
    private int _before;

    public async ValueTask InitializeAsync() =>
        _before = await _world.Host.InDatabaseAsync(db => db.Deliveries.CountAsync());

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Answers_that_are_lost_on_the_way_cost_nothing()
    {
        // Each transaction on the way of a post, cut before it commits and cut before its answer, one after another.
        (string Name, Func<WireTransaction, bool> Which, SettlementMode Mode)[] transactions =
        [
            ("claim", t => t.Says("INSERT INTO attempts"), SettlementMode.ReadBack),
            ("handle", t => t.Says("UPDATE attempts") && t.Carries("containerId"), SettlementMode.Probe),
            ("mark", t => t.Says("UPDATE attempts") && t.Says("called_at =") && !t.Says("work_items"),
                SettlementMode.ReadBack),
            ("settle", t => t.Says("DELETE FROM work_items"), SettlementMode.None),
        ];
        foreach (var (name, which, mode) in transactions)
        {
            foreach (var at in new[] { HoldAt.BeforeCommit, HoldAt.AfterCommit })
            {
                var hold = _proxy.Stop(at, which);
                var post = await _world.PostAsync($"Cut {at} of {name}", _world.PageOf(mode));
                await hold.ReachedAsync(_patience);
                hold.Cut();
                await SettledAsync();
                Assert.Equal((at, name, DeliveryStatus.Published),
                    (at, name, (await _world.DeliveryAsync(post.Id)).Status));
            }
        }
        await JudgeAsync(transactions.Length * 2);
    }

    [Fact]
    public async Task A_reconciler_that_loses_its_database_looks_again()
    {
        var hold = _proxy.Stop(HoldAt.BeforeCommit,
            t => t.Says("DELETE FROM work_items") && t.Carries("delivery.published"));
        var post = await _world.PostAsync(
            "Looked for", _world.PageOf(SettlementMode.ReadBack), "publish=timeoutAfterAccept");
        await hold.ReachedAsync(_patience);
        hold.Cut();
        await SettledAsync();
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        await JudgeAsync(1);
    }

    [Theory]
    [InlineData(HoldAt.BeforeCommit)]
    [InlineData(HoldAt.AfterCommit)]
    public async Task A_caller_whose_acceptance_is_cut_is_told_whether_it_happened_and_may_send_again(object when)
    {
        var at = (HoldAt)when;
        var body = $"Cut {at} of acceptance";
        var hold = _proxy.Stop(at, t => t.Carries(body) && t.Says("INSERT INTO posts"));
        var first = SendAsync(body, body);
        await hold.ReachedAsync(_patience);
        hold.Cut();
        using (var answer = await first)
        {
            // What committed is found by its key, and this is its answer; else nothing happened.
            if (at == HoldAt.AfterCommit) Assert.Equal(202, (int)answer.StatusCode);
            else await UnavailableAsync(answer);
            Assert.False(answer.Headers.Contains("Idempotency-Replayed"));
        }

        using var again = await SendAsync(body, body);
        Assert.Equal(202, (int)again.StatusCode);
        Assert.Equal(at == HoldAt.AfterCommit, again.Headers.Contains("Idempotency-Replayed"));
        await SettledAsync();
        await JudgeAsync(1);
    }

    [Fact]
    public async Task Postgres_restarting_under_load_loses_nothing_and_callers_hear_503()
    {
        for (var i = 0; i < 40; i++) await _world.PostAsync($"Early {i}", _world.Pages[i % 4]);
        await UntilAsync(async () => await PublicAsync("Early") > 0);
        await _postgres.RestartAsync(async () =>
        {
            using var refused = await SendAsync("While away", "away");
            await UnavailableAsync(refused);
            using var health = await _api.Client.GetAsync("/health");
            Assert.Equal(503, (int)health.StatusCode);
            using var alive = await _api.Client.GetAsync("/alive");
            Assert.Equal(200, (int)alive.StatusCode);
        });
        using (var accepted = await AcceptedAsync("While away", "away")) Assert.Equal(202, (int)accepted.StatusCode);
        await SettledAsync();
        await JudgeAsync(41);
    }

    [Fact]
    public async Task Connections_ended_again_and_again_lose_nothing()
    {
        for (var i = 0; i < 60; i++) await _world.PostAsync($"Ended {i}", _world.Pages[i % 4]);
        var ended = 0;
        do
        {
            ended++;
            await _postgres.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                + "WHERE datname = 'trouble' AND pid <> pg_backend_pid()");
            await Task.Delay(TimeSpan.FromMilliseconds(400), TimeProvider.System);
        }
        while (ended < 6);
        await SettledAsync();
        await JudgeAsync(60);
    }

    [Theory]
    [InlineData("40P01")]
    [InlineData("40001")]
    [InlineData("53100")]
    [InlineData("57P01")]
    public async Task Transactions_the_database_refuses_for_a_while_are_done_again(string sqlState)
    {
        // A sequence counts outside transactions: each of these statements fails twice, then passes.
        await SqlAsync($$"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval(TG_ARGV[0]) <= 2 THEN
                    IF '{{sqlState}}' = '57P01' THEN PERFORM pg_terminate_backend(pg_backend_pid());
                    ELSE RAISE EXCEPTION 'not now' USING ERRCODE = '{{sqlState}}'; END IF;
                END IF;
                RETURN coalesce(NEW, OLD); END $$;
            """);
        (string, string)[] refused =
        [
            ("attempts", "INSERT"), ("attempts", "UPDATE"), ("work_items", "DELETE"), ("posts", "INSERT"),
            ("event_numbers", "INSERT"),
        ];
        foreach (var (table, verb) in refused)
        {
            await SqlAsync($"""
                CREATE SEQUENCE refused_{table}_{verb};
                CREATE TRIGGER refuse_{verb} BEFORE {verb} ON {table} FOR EACH ROW
                    EXECUTE FUNCTION refuse('refused_{table}_{verb}');
                """);
        }
        for (var i = 0; i < 4; i++)
        {
            using var answer = await AcceptedAsync($"Refused {sqlState} {i}", $"{sqlState} {i}", _world.Pages[i].Id);
            Assert.Equal(202, (int)answer.StatusCode);
        }
        await SettledAsync();
        await JudgeAsync(4);
        await UntilAsync(() => _world.Host.InDatabaseAsync(async db =>
            !await db.UnnumberedEvents.AnyAsync()));
        await SqlAsync("DROP FUNCTION refuse CASCADE");
        foreach (var (table, verb) in refused) await SqlAsync($"DROP SEQUENCE refused_{table}_{verb}");
    }

    [Fact]
    public async Task A_full_disk_for_history_stops_acceptance_and_loses_nothing()
    {
        await using var disk = await SmallDisk.TryMountAsync();
        Assert.SkipWhen(disk is null, "Mounting a small tmpfs is not allowed here.");
        await _postgres.ExecuteAsync($"CREATE TABLESPACE small LOCATION '{disk.Folder}'");
        string[] history = ["events", "audit_entries"];
        foreach (var table in history) await MoveAsync(table, "small");
        var due = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 10);
        for (var i = 0; i < 8; i++) await _world.PostAsync($"Before {i}", _world.Pages[i % 4], at: due);

        // To the last page: what is inserted next finds no room.
        await SqlAsync("CREATE TABLE filler (x text) TABLESPACE small");
        await SqlAsync("ALTER TABLE filler ALTER x SET STORAGE EXTERNAL");
        for (var rows = 512; rows > 0;)
        {
            try
            {
                await SqlAsync($"INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, {rows})");
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DiskFull)
            {
                rows /= 2;
            }
        }
        var sent = 0;
        await UntilAsync(async () =>
        {
            using var answer = await SendAsync($"Too much {sent++} {new string('y', 400)}", null);
            if (answer.IsSuccessStatusCode) return false;
            await UnavailableAsync(answer);
            return true;
        });

        // Their moment comes while nothing can be written down about them.
        await UntilAsync(() => Task.FromResult(TimeProvider.System.GetUtcNow() > due.AddSeconds(1)));
        Assert.DoesNotContain(await _world.Host.InDatabaseAsync(db => db.Deliveries.AsNoTracking().ToListAsync()),
            d => d.ScheduledAt == due && d.Status != DeliveryStatus.Pending);
        await SqlAsync("DROP TABLE filler");
        await SettledAsync();
        foreach (var table in history) await MoveAsync(table, "pg_default");
        await _postgres.ExecuteAsync("DROP TABLESPACE small");
        await JudgeAsync(await _world.Host.InDatabaseAsync(db => db.Posts.CountAsync()) - _before);
        Assert.Equal(8, await PublicAsync("Before"));
    }

    // With all its months: where a table lies says nothing of those that it has.
    private async Task MoveAsync(string table, string tablespace)
    {
        var tables = await _world.Host.InDatabaseAsync(db => db.Database.SqlQuery<string>($"""
            SELECT relid::text AS "Value" FROM pg_partition_tree({table}::regclass)
            """).ToListAsync());
        foreach (var part in tables) await SqlAsync($"ALTER TABLE {part} SET TABLESPACE {tablespace}");
    }

    private Task<HttpResponseMessage> SendAsync(string body, string? key, Guid? page = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts")
        {
            Content = JsonContent.Create(PublishingWorld.Body(body,
                [page is null ? _world.Pages[0] : _world.Pages.Single(p => p.Id == page)])),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + stage.Key);
        if (key is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return _api.Client.SendAsync(request);
    }

    /// <summary>As a patient program: told to come back, it does, with the same key.</summary>
    private async Task<HttpResponseMessage> AcceptedAsync(string body, string key, Guid? page = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await SendAsync(body, key, page);
            if ((int)answer.StatusCode != 503) return answer;
            await UnavailableAsync(answer);
            answer.Dispose();
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "Always 503.");
            await PauseAsync();
        }
    }

    private static async Task UnavailableAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == 503, $"{(int)answer.StatusCode}: {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("unavailable", (string?)JsonNode.Parse(text)!["code"]);
        Assert.True(answer.Headers.RetryAfter?.Delta > TimeSpan.Zero);
    }

    private Task SettledAsync() => UntilAsync(() => _world.Host.InDatabaseAsync(async db =>
        !await db.Posts.AnyAsync(p => p.Status != PostStatus.Completed)));

    private async Task<int> PublicAsync(string beginning) => (await _world.Sandbox.PostsAsync())
        .Count(p => p.Body.StartsWith(beginning, StringComparison.Ordinal));

    private async Task JudgeAsync(int posts)
    {
        var feed = (await _world.Sandbox.PostsAsync()).GroupBy(p => p).ToDictionary(g => g.Key, g => g.Count());
        Assert.All(feed, entry => Assert.True(entry.Value == 1, $"{entry.Key} stands {entry.Value} times."));
        var rows = await _world.Host.InDatabaseAsync(db => db.Deliveries.AsNoTracking().ToListAsync());
        Assert.Equal(posts, rows.Count - _before);
        var names = _world.Pages.ToDictionary(p => p.Id, p => (p.ProviderProfileId, Mode: p.Facts["mode"]));
        foreach (var delivery in rows)
        {
            var (destination, mode) = names[delivery.ProfileId];
            var isPublic = feed.ContainsKey((destination, delivery.Content.Body!));
            Assert.True(delivery.Status == DeliveryStatus.Published ? isPublic
                : delivery.Status == DeliveryStatus.Unknown && mode == "none",
                $"{delivery.Content.Body}: {delivery.Status}, public: {isPublic}");
        }
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w =>
            w.Kind == WorkKind.Publish || w.Kind == WorkKind.Reconcile)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null)));
    }

    // What a test asks of a database in trouble is asked again too.
    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                if (await isSo()) return;
            }
            catch (Exception e) when (Core.Persistence.DatabaseTrouble.IsPassing(e)
                && TimeProvider.System.GetElapsedTime(started) < _patience)
            {
                await PauseAsync();
            }
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience,
                $"It does not become so: {_api.Output}");
            await PauseAsync();
        }
    }

    private Task<int> SqlAsync(string sql) => _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(sql));

    private static Task PauseAsync() => Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);

    /// <summary>A folder of a few megabytes that Postgres may write to.</summary>
    private sealed class SmallDisk : IAsyncDisposable
    {
        private SmallDisk(string folder) => Folder = folder;

        public string Folder { get; }

        public static async Task<SmallDisk?> TryMountAsync()
        {
            var folder = Directory.CreateTempSubdirectory("postmantis-small-").FullName;
            try
            {
                await ChildServer.RunAsync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                Directory.Delete(folder);
                return null;
            }
            await ChildServer.RunAsync("chown", ["postgres:postgres", folder]);
            return new SmallDisk(folder);
        }

        // Lazily: Postgres still has its files open.
        public async ValueTask DisposeAsync()
        {
            await ChildServer.RunAsync("umount", ["-l", Folder]);
            Directory.Delete(Folder);
        }
    }

    /// <summary>A Postgres that may be ended and one process that has to live with it, for the whole class.</summary>
    public sealed class Stage : IAsyncLifetime
    {
        internal TemporaryPostgres Postgres { get; private set; } = null!;

        internal PublishingWorld World { get; private set; } = null!;

        internal WireProxy Proxy { get; private set; } = null!;

        internal ApiServer Api { get; private set; } = null!;

        internal string Key { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Postgres = await TemporaryPostgres.StartAsync(durable: false);
            await Postgres.ExecuteAsync("CREATE DATABASE trouble");
            var database = Postgres.ConnectionString("trouble");
            await PostgresServer.MigrateAsync(database);
            World = await PublishingWorld.StartAsync(movedClock: false, connectionString: database);
            Key = (await ApiClient.WithKeyAsync(World.Host, World.Person)).Key!;
            Proxy = WireProxy.Start(database);
            Api = await World.StartReplicaAsync(Proxy.ConnectionString);
        }

        public async ValueTask DisposeAsync()
        {
            await Api.DisposeAsync();
            await Proxy.DisposeAsync();
            await World.DisposeAsync();
            await Postgres.DisposeAsync();
        }
    }
}
