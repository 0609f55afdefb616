using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Drills;

/// <summary>
/// Half an hour at half of the highest rate this machine takes, while the network misbehaves, a process is killed and
/// connections are cut: what a process holds stays as it was, nothing drifts, nothing is lost or doubled.
/// </summary>
[Collection(DrillsAlone.Name)]
public sealed class SoakTests(ITestOutputHelper output)
{
    private const string Database = "soak";

    // So that it is the machine that says how much goes through, and not pages that wait for a network that does not answer.
    private const int People = 8;
    private const double MostGrowth = 0.15;
    private static readonly TimeSpan _strike = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _round = _strike * 4;
    private static readonly TimeSpan _lasts = TimeSpan.FromMinutes(double.TryParse(
        Environment.GetEnvironmentVariable("POSTMANTIS_SOAK_MINUTES"), CultureInfo.InvariantCulture, out var given) ? given : 30);

    [Fact]
    public async Task Nothing_grows_and_nothing_drifts()
    {
        Assert.SkipUnless(Drill.IsAsked, "Half an hour: ops/drill soak, or ./test --full.");
        await using var server = await TemporaryPostgres.StartAsync(durable: false);
        await server.ExecuteAsync($"CREATE DATABASE {Database}");
        await PostgresServer.MigrateAsync(server.ConnectionString(Database));
        await using var drill = await Drill.StartAsync("soak", server.ConnectionString(Database), world => world.StartReplicaAsync(), people: People);

        // What this machine takes, through the whole way to the network.
        var started = TimeProvider.System.GetTimestamp();
        drill.Load(TimeSpan.Zero);
        await Drill.PassAsync(20);
        await drill.StopLoadAsync();
        await drill.SettledAsync();
        var most = drill.Accepted.Count / TimeProvider.System.GetElapsedTime(started).TotalSeconds;

        drill.Load(TimeSpan.FromSeconds(Drill.MostAtOnce / (most / 2)), n => (n % 20) switch
        {
            0 => "publish=rateLimited",
            5 => "publish=timeoutBeforeAccept",
            10 => "publish=timeoutAfterAccept",
            15 => "publish=slowProcessing",
            _ => "",
        });
        using var over = new CancellationTokenSource(_lasts, TimeProvider.System);
        var harassed = HarassAsync(drill, server, over.Token);
        var (sentBefore, began, at) = (drill.Accepted.Count, TimeProvider.System.GetTimestamp(), TimeProvider.System.GetUtcNow());
        var samples = await WatchAsync(drill, server, over.Token);
        var rate = (drill.Accepted.Count - sentBefore) / TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var pause = await drill.LongestPauseAsync(at);
        await harassed;
        await drill.StopLoadAsync();
        var verdict = await drill.JudgeAsync(mayBeUnknown: true);

        // The first half warms up: pools, compiled code, caches of a bounded size.
        var settled = samples[(samples.Count / 2)..];
        var slope = Slope(settled);
        var growth = slope * _lasts.TotalHours / 2 / settled.Average(s => s.Mebibytes);
        var (handles, connections) = (Drift(settled, s => s.Handles), Drift(settled, s => s.Connections));
        var drift = await Drill.AskAsync(drill.World.Host, db => db.AuditEntries.CountAsync(a => a.Action.StartsWith("recovery.")));
        var happened = string.Create(CultureInfo.InvariantCulture,
            $"{_lasts.TotalMinutes:0} min at {rate:0.0} posts/s, {rate / most:P0} of the {most:0.0} that go through at most; resident {settled[^1].Mebibytes:0} MiB, "
            + $"slope {slope:0.0} MiB/h; handles {settled[0].Handles} to {settled[^1].Handles}, connections {settled[0].Connections} to "
            + $"{settled[^1].Connections}; {drift} repairs of drift");
        await verdict.PassAsync(output, happened, pause, Drill.Pause);
        Assert.True(growth < MostGrowth, $"{happened}: memory grew by {growth:P0} over the second half.");
        Assert.True(handles < 20, happened);

        // One process comes and goes: over less than a round of that, its pool is what is seen.
        Assert.True(connections < 10 || _lasts / 10 < _round, happened);
        Assert.Equal(0, drift);

        // A machine that others slow down makes the load less, and the run worth less.
        Assert.True(rate > most / 4, $"{happened}: too little was sent for this to say anything.");
    }

    private static async Task HarassAsync(Drill drill, TemporaryPostgres server, CancellationToken over)
    {
        for (var round = 0; await WaitAsync(_strike, over); round++)
        {
            if (round % 2 == 0)
            {
                // The first process is the one that is watched.
                await drill.Fleet.EndAsync(1, gently: round % 4 == 0);
                await drill.Fleet.StartAsync(1);
                continue;
            }
            await server.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                + $"WHERE datname = '{Database}' AND pid <> pg_backend_pid()");
        }
    }

    private static async Task<List<Sample>> WatchAsync(Drill drill, TemporaryPostgres server, CancellationToken over)
    {
        List<Sample> samples = [];
        var started = TimeProvider.System.GetTimestamp();
        while (await WaitAsync(TimeSpan.FromSeconds(5), over))
        {
            var process = drill.Fleet[0]!.ProcessId;
            var resident = (await File.ReadAllLinesAsync($"/proc/{process}/status", CancellationToken.None)).First(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
            samples.Add(new Sample(TimeProvider.System.GetElapsedTime(started).TotalHours,
                double.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024,
                Directory.GetFiles($"/proc/{process}/fd").Length,
                (int)await server.CountAsync($"SELECT count(*) FROM pg_stat_activity WHERE datname = '{Database}'")));
        }
        return samples;
    }

    private static async Task<bool> WaitAsync(TimeSpan time, CancellationToken over)
    {
        await Task.Delay(time, TimeProvider.System, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !over.IsCancellationRequested;
    }

    // Least squares, in MiB an hour.
    private static double Slope(IReadOnlyList<Sample> samples)
    {
        var (x, y) = (samples.Average(s => s.Hours), samples.Average(s => s.Mebibytes));
        return samples.Sum(s => (s.Hours - x) * (s.Mebibytes - y)) / samples.Sum(s => (s.Hours - x) * (s.Hours - x));
    }

    // The last fifth against the first: cuts and kills make single samples jump.
    private static double Drift(IReadOnlyList<Sample> samples, Func<Sample, int> of)
    {
        var fifth = Math.Max(1, samples.Count / 5);
        return samples.TakeLast(fifth).Average(of) - samples.Take(fifth).Average(of);
    }

    private sealed record Sample(double Hours, double Mebibytes, int Handles, int Connections);
}
