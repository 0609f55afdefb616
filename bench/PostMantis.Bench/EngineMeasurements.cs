using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>What PostMantis itself costs: one method per figure, beside the floor that Postgres sets on this machine.</summary>
internal static class EngineMeasurements
{
    private const int Clients = 16;
    private static readonly TimeProvider _time = TimeProvider.System;

    /// <summary>POST /posts over HTTP, two profiles each, with an idempotency key, due later.</summary>
    public static async Task<double> AcceptAsync(Engine engine, Report report, string scale)
    {
        var later = _time.GetUtcNow().AddDays(1);
        await CreateManyAsync(engine, 2000, later);
        await engine.RestAsync();
        await engine.ForgetProfileAsync();
        const int posts = 20_000;
        var started = _time.GetTimestamp();
        var times = await CreateManyAsync(engine, posts, later);
        var took = _time.GetElapsedTime(started);
        report.Profile = await engine.ProfileAsync();
        report.AddTimes($"accept, {Clients} clients, {scale}", times);
        report.AddRate($"accept, {scale}", posts, took);
        AddMemory(report, $"accept, {scale}");
        await engine.NumberedAsync();
        await engine.ClearAsync();
        return posts / took.TotalSeconds;
    }

    /// <summary>The rows of an accept, inserted by one statement and nothing else.</summary>
    public static async Task AcceptFloorAsync(Engine engine, Report report, double accepts)
    {
        // Foreign keys are checked by the plan of the first check: over empty tables that is a scan, for as long as the
        // session lives or until the table is analyzed.
        await engine.LayAsync(4000, _time.GetUtcNow().AddDays(-1), settled: true);
        await engine.RestAsync();
        var rate = await PgbenchAsync(engine, "accept", Floors.Accept(engine.Users, engine.Profiles), Clients, 10);
        report.AddFloor("floor of accept (pgbench, 16)", rate, "accept", accepts, 0.4);
        await engine.ClearAsync();
    }

    /// <summary>A backlog released at once, through the ledger, audit and events, to a network that takes all.</summary>
    public static async Task<double> DrainAsync(
        Engine engine, Report report, string name, int deliveries, double? least = null)
    {
        await engine.HoldAsync();
        await engine.LayAsync(deliveries, _time.GetUtcNow().AddMinutes(-1));
        await engine.RestAsync();
        var before = Engine.Memory();
        await engine.ForgetProfileAsync();
        var started = _time.GetTimestamp();
        var spent = Environment.CpuUsage.TotalTime;
        await engine.GoAsync();
        await engine.DrainedAsync();
        var took = _time.GetElapsedTime(started);
        report.AddNumber($"{name}, processor time each, without Postgres", "us",
            (Environment.CpuUsage.TotalTime - spent).TotalMicroseconds / deliveries);
        await engine.NumberedAsync();
        report.Profile = await engine.ProfileAsync();
        var rate = deliveries / took.TotalSeconds;
        report.AddRate(name, deliveries, took, least);
        report.AddRate($"{name}, until numbered", deliveries, _time.GetElapsedTime(started));
        var after = Engine.Memory();
        report.AddNumber($"{name}, memory growth", "MiB", after.Heap - before.Heap);
        return rate;
    }

    /// <summary>A claim-and-finish of bare queue rows, in batches and by four clients.</summary>
    public static async Task QueueFloorAsync(Engine engine, Report report, double drained)
    {
        await engine.ExecuteAsync("""
            CREATE TABLE bench_queue (id bigint PRIMARY KEY, run_at timestamptz NOT NULL, state int NOT NULL);
            INSERT INTO bench_queue SELECT n, now(), 0 FROM generate_series(1, 2000000) n;
            CREATE INDEX ON bench_queue (run_at, id) WHERE state = 0; ANALYZE bench_queue;
            """);
        var rate = 100 * await PgbenchAsync(engine, "queue", Floors.Queue, 4, 8);
        report.AddFloor("floor of a queue (pgbench, bare rows)", rate, "drain", drained, null);
        await engine.ExecuteAsync("DROP TABLE bench_queue");
    }

    /// <summary>Many deliveries of one second: how late each call was.</summary>
    public static async Task BurstAsync(Engine engine, Report report, string scale)
    {
        const int deliveries = 10_000;
        await engine.RestAsync();
        await engine.ForgetProfileAsync();
        var due = DateTimeOffset.FromUnixTimeSeconds(_time.GetUtcNow().ToUnixTimeSeconds() + 5);
        await engine.LayAsync(deliveries, due);
        engine.Wake();
        await engine.DrainedAsync();
        report.Profile = await engine.ProfileAsync();
        report.AddTimes($"burst of {deliveries}, lateness, {scale}", await engine.NumbersAsync(
            $"SELECT lateness_ms::float8 FROM deliveries WHERE scheduled_at = '{due:O}'"), ("p99", 2500));
        await engine.NumberedAsync();
        AddMemory(report, $"burst, {scale}");
    }

    /// <summary>One post at a time on an idle system: from accepting it to the network being called.</summary>
    public static async Task PickUpAsync(Engine engine, Report report, string scale)
    {
        // By then the code is compiled for good and every session has prepared its statements, over tables that hold something
        // and that Postgres knows, as in a process that runs.
        const int Warm = 1000;
        await engine.LayAsync(20_000, _time.GetUtcNow().AddDays(-2), settled: true);
        await engine.RestAsync();
        List<double> times = [], accepts = [];
        for (var i = 0; i < Warm + 500; i++)
        {
            if (i == Warm) await engine.ForgetProfileAsync();
            var (caller, _, profiles) = engine.Keys[i % engine.Keys.Count];
            var profile = profiles[i / engine.Keys.Count % profiles.Length];
            var arrival = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            engine.Network.Arrivals[profile] = arrival;
            var started = _time.GetTimestamp();
            using (var scope = engine.Scope())
                await scope.ServiceProvider.GetRequiredService<PostAcceptor>().CreateAsync(
                    caller, Engine.Body(i, [profile], null), default);
            var accepted = _time.GetTimestamp();
            var arrived = await arrival.Task;
            if (i >= Warm)
            {
                times.Add(_time.GetElapsedTime(started, arrived).TotalMilliseconds);
                accepts.Add(_time.GetElapsedTime(started, accepted).TotalMilliseconds);
            }
            await engine.DrainedAsync();

            // Until the rounds that the last one caused are over: the system is idle.
            if (i >= Warm) await Task.Delay(TimeSpan.FromMilliseconds(50), _time);
        }
        report.Profile = await engine.ProfileAsync();
        await engine.NumberedAsync();
        await engine.ClearAsync();
        report.AddTimes($"accept within it, {scale}", accepts);
        report.AddTimes($"pick-up, idle, {scale}", times, ("p50", 5), ("p99", 25));
    }

    /// <summary>The same drain with more and more history in the tables.</summary>
    public static async Task GrowthAsync(Engine engine, Report report, IReadOnlyList<int> sizes)
    {
        const int deliveries = 60_000;
        var (settled, first) = (0, 0.0);

        // Until the code is compiled as it will be: else it is the drain behind the least history that pays for that.
        await DrainAsync(engine, new Report(), "warm-up", 100_000);
        await engine.ClearAsync();
        foreach (var size in sizes)
        {
            while (settled < size)
            {
                var part = Math.Min(500_000, size - settled);
                await engine.LayAsync(part, _time.GetUtcNow().AddDays(-1), settled: true);
                settled += part;
            }
            await engine.ExecuteAsync("VACUUM ANALYZE");
            await DrainAsync(engine, new Report(), "warm-up", 10_000);
            var rate = await DrainAsync(engine, report, $"drain behind {size:N0} settled", deliveries);
            if (first == 0) first = rate;
            else report.AddRatio($"drain behind {size:N0} against {sizes[0]:N0}", rate / first, 0.9);
        }
    }

    private static void AddMemory(Report report, string name)
    {
        var (heap, resident) = Engine.Memory();
        report.AddNumber($"memory after {name}, heap", "MiB", heap);
        report.AddNumber($"memory after {name}, resident", "MiB", resident);
    }

    private static async Task<IReadOnlyList<double>> CreateManyAsync(Engine engine, int count, DateTimeOffset at)
    {
        var times = new double[count];
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = Clients },
            async (n, _) =>
            {
                var (_, key, profiles) = engine.Keys[n % engine.Keys.Count];
                var chosen = profiles.Length < 2 ? profiles : [profiles[n % profiles.Length], profiles[(n + 1) % profiles.Length]];
                var started = _time.GetTimestamp();
                await CreateAsync(engine, key, Engine.Body(n, chosen, at).ToJsonString());
                times[n] = _time.GetElapsedTime(started).TotalMilliseconds;
            });
        return times;
    }

    private static async Task CreateAsync(Engine engine, AuthenticationHeaderValue key, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts");
        request.Headers.Authorization = key;
        request.Headers.Add("Idempotency-Key", Core.Common.Ids.New(_time.GetUtcNow()).ToString());
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await engine.Client.SendAsync(request);
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        await answer.Content.ReadAsByteArrayAsync();
    }

    // Transactions per second.
    private static async Task<double> PgbenchAsync(Engine engine, string name, string script, int clients, int seconds)
    {
        var file = Path.Combine(Path.GetTempPath(), $"postmantis-{name}-{Environment.ProcessId}.sql");
        await File.WriteAllTextAsync(file, script);
        try
        {
            using var pgbench = Process.Start(new ProcessStartInfo(TemporaryPostgres.Binary("pgbench"),
            [
                "-n", "-f", file, "-c", clients.ToString(CultureInfo.InvariantCulture), "-j", "2", "-T",
                seconds.ToString(CultureInfo.InvariantCulture), "-M", "prepared", .. engine.Connect,
            ]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = pgbench.StandardError.ReadToEndAsync();
            var output = await pgbench.StandardOutput.ReadToEndAsync();
            await pgbench.WaitForExitAsync();
            var line = output.Split('\n').FirstOrDefault(l => l.StartsWith("tps = ", StringComparison.Ordinal))
                ?? throw new InvalidOperationException(output + await errors);
            return double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
