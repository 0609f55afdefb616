using System.Diagnostics;
using System.Globalization;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Drills;

/// <summary>What befalls the database, under load. Run by <c>ops/drill</c> or <c>./test --full</c>.</summary>
[Collection(DrillsAlone.Name)]
public sealed class DatabaseDrills(ITestOutputHelper output)
{
    private const string Database = "drill";

    [Fact]
    public async Task Failover_to_a_synchronous_standby_loses_and_doubles_nothing()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill failover, or ./test --full.");
        await using var primary = await StartAsync();
        await using var standby = await PostgresStandby.StartAsync(primary);
        var both = $"Host=127.0.0.1:{primary.Port},127.0.0.1:{standby.Port};Username=postmantis;Database={Database};"
            + "Maximum Pool Size=20;Timeout=5;Target Session Attributes=primary";
        await using var drill = await Drill.StartAsync("failover", both, world => world.StartReplicaAsync(both,
            new Dictionary<string, string?> { ["Queue:HoldAfterPromotion"] = "false" }));
        drill.Load();
        await drill.FlowingAsync();
        await Drill.PassAsync(8);
        var struck = TimeProvider.System.GetTimestamp();
        await primary.CrashAsync();
        await standby.PromoteAsync();
        var recovered = await drill.RecoveredAsync(struck);
        await Drill.PassAsync(5);
        await drill.StopLoadAsync();
        await (await drill.JudgeAsync()).PassAsync(output, "primary killed, synchronous standby promoted", recovered);
    }

    [Fact]
    public async Task A_pooler_in_transaction_mode_between_costs_nothing_and_may_restart()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill pgbouncer, or ./test --full.");
        Assert.SkipUnless(PgBouncer.IsInstalled, "PgBouncer is not installed (Debian: package pgbouncer).");
        await using var server = await StartAsync();
        await using var pooler = await PgBouncer.StartAsync(server.Port, Database);
        var direct = server.ConnectionString(Database);
        await using var drill = await Drill.StartAsync("pgbouncer", direct, world => world.StartReplicaAsync(pooler.ConnectionString,
            new Dictionary<string, string?> { ["ConnectionStrings:postmantis-direct"] = direct }));
        drill.Load();
        await drill.FlowingAsync();
        await Drill.PassAsync(8);
        Assert.InRange(await server.CountAsync($"SELECT count(*) FROM pg_stat_activity WHERE datname = '{Database}' AND query LIKE 'LISTEN%'"), 1, 4);
        var struck = TimeProvider.System.GetTimestamp();
        await pooler.RestartAsync();
        var recovered = await drill.RecoveredAsync(struck);
        await Drill.PassAsync(5);
        await drill.StopLoadAsync();
        await (await drill.JudgeAsync()).PassAsync(output, "PgBouncer killed and started again", recovered);
    }

    [Fact]
    public async Task A_restored_backup_is_held_and_sends_nothing_twice()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill restore, or ./test --full.");
        await using var server = await StartAsync();
        await using var other = await TemporaryPostgres.StartAsync(durable: false);
        await using var drill = await Drill.StartAsync("restore", server.ConnectionString(Database), world => world.StartReplicaAsync());
        drill.Load();
        await drill.FlowingAsync();
        await Drill.PassAsync(6);
        var file = Path.Combine(Path.GetTempPath(), $"postmantis-drill-{Environment.ProcessId}.dump");
        try
        {
            await DumpAsync("pg_dump", server.Port, "-Fc", "-f", file, Database);
            var taken = TimeProvider.System.GetTimestamp();
            await Drill.PassAsync(6);
            await drill.StopLoadAsync();
            for (var i = 0; i < Drill.Replicas; i++) await drill.Fleet.EndAsync(i, gently: false);

            // The machine is gone; another one has the backup.
            var struck = TimeProvider.System.GetTimestamp();
            await other.ExecuteAsync($"CREATE DATABASE {Database}");
            await DumpAsync("pg_restore", other.Port, "-d", Database, file);
            var restored = other.ConnectionString(Database);
            await using var host = await PostMantisHost.StartAsync(drill.World.Sandbox.Settings, movedClock: false, connectionString: restored);
            await using var replica = await drill.World.StartReplicaAsync(restored);
            var environment = new Dictionary<string, string>
            {
                ["ConnectionStrings__postmantis"] = restored,
                ["PublicUrl"] = "https://social.example.com",
            };
            var (_, said, _) = await ApiProcess.RunAsync(["queue", "status"], environment);
            Assert.Contains("held since", said, StringComparison.Ordinal);
            int code;
            while (((code, said, _) = await ApiProcess.RunAsync(["queue", "resume"], environment)).Item1 != 0)
                await Drill.PassAsync(0.5);
            var recovered = TimeProvider.System.GetElapsedTime(struck);
            await (await drill.JudgeAsync(host, mayBeUnknown: true, forgets: sent => sent.AcceptedAt > taken - Stopwatch.Frequency))
                .PassAsync(output, "backup restored elsewhere, held, reconciled, released", recovered);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_full_disk_refuses_and_recovers_when_there_is_room()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill disk-full, or ./test --full.");
        var folder = Directory.CreateTempSubdirectory("postmantis-disk-").FullName;
        var mounted = await Programs.RunAsync("mount", ["-t", "tmpfs", "-o", "size=400m,mode=777", "tmpfs", folder]);
        if (mounted.Code != 0)
        {
            Directory.Delete(folder);
            Assert.Skip($"No small disk can be mounted here: {mounted.Output.Trim()}");
        }
        try
        {
            await using (var server = await TemporaryPostgres.StartAsync(durable: false, within: folder))
            {
                await server.ExecuteAsync($"CREATE DATABASE {Database}");
                await PostgresServer.MigrateAsync(server.ConnectionString(Database));
                await using var drill = await Drill.StartAsync("disk-full", server.ConnectionString(Database), world => world.StartReplicaAsync());
                drill.Load();
                await drill.FlowingAsync();
                await Drill.PassAsync(6);
                var filler = Path.Combine(folder, "filler");
                await Programs.RunAsync("sh", ["-c", $"cat /dev/zero > {filler} 2>/dev/null"]);
                var before = drill.Accepted.Count;
                await Drill.PassAsync(8);
                var refusedMeanwhile = drill.Accepted.Count - before;
                var struck = TimeProvider.System.GetTimestamp();
                File.Delete(filler);
                var recovered = await drill.RecoveredAsync(struck);
                await Drill.PassAsync(3);
                await drill.StopLoadAsync();
                await (await drill.JudgeAsync()).PassAsync(output,
                    $"disk full for 8 s, {refusedMeanwhile.ToString(CultureInfo.InvariantCulture)} posts accepted meanwhile", recovered);
            }
        }
        finally
        {
            await Programs.RunAsync("umount", [folder]);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<TemporaryPostgres> StartAsync()
    {
        var server = await TemporaryPostgres.StartAsync(durable: false);
        await server.ExecuteAsync($"CREATE DATABASE {Database}");
        await PostgresServer.MigrateAsync(server.ConnectionString(Database));
        return server;
    }

    private static async Task DumpAsync(string program, int port, params string[] arguments)
    {
        var (code, said) = await Programs.RunAsync(TemporaryPostgres.Binary(program),
            ["-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", "postmantis", .. arguments]);
        Assert.True(code == 0, said);
    }
}
