using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// What an instance costs before anybody uses it: the published output of one platform, started on a database that exists,
/// until it is healthy, and what it holds in memory when nothing happens. Compared with the figures that were committed last.
/// </summary>
internal static class Startup
{
    private const string Database = "postmantis";
    private const string Committed = "bench/figures.json";
    private const int Starts = 5;
    private const double MostMilliseconds = 3000;
    private const double MostMebibytes = 200;
    private const double MostGrowth = 1.5;
    private static readonly TimeProvider _time = TimeProvider.System;
    private static readonly TimeSpan _idle = TimeSpan.FromSeconds(30);

    public static async Task MeasureAsync(Report report)
    {
        var program = Path.Combine(await PublishAsync(), "PostMantis.Api.dll");
        await using var postgres = await TemporaryPostgres.StartAsync(durable: true);
        await postgres.ExecuteAsync($"CREATE DATABASE {Database}");
        var address = new Uri($"http://127.0.0.1:{TemporaryPostgres.FreePort()}");
        var scratch = Directory.CreateTempSubdirectory("postmantis-startup-").FullName;
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = address.AbsoluteUri,
            ["DOTNET_ENVIRONMENT"] = "Production",
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["ConnectionStrings__postmantis"] = postgres.ConnectionString(Database),
            ["PublicUrl"] = "https://social.example.com",
            ["DataDirectory"] = scratch,
            ["Vault__MasterKeys__0__Id"] = "bench",
            ["Vault__MasterKeys__0__Value"] = Convert.ToBase64String(new byte[32]),
        };
        try
        {
            await using (var migrate = Start(program, environment, "migrate"))
                while (!migrate.HasExited) await Task.Delay(TimeSpan.FromMilliseconds(50), _time);
            List<double> starts = [];
            var resident = 0.0;
            for (var i = 0; i < Starts; i++)
            {
                var started = _time.GetTimestamp();
                await using var api = Start(program, environment, "serve");
                await UntilHealthyAsync(api, address);
                starts.Add(_time.GetElapsedTime(started).TotalMilliseconds);
                if (i < Starts - 1)
                {
                    await api.StopAsync();
                    continue;
                }
                await Task.Delay(_idle, _time);
                resident = Resident(api.ProcessId);
                await api.StopAsync();
            }
            var typical = starts.Order().ElementAt(Starts / 2);
            report.AddTimes("start until healthy, existing database", starts, ("p50", MostMilliseconds));
            report.AddMost("resident when idle", "MiB", resident, MostMebibytes);
            await CompareAsync(report, typical, resident);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    // What a deployment runs, never what a developer builds.
    private static async Task<string> PublishAsync()
    {
        if (Environment.GetEnvironmentVariable("POSTMANTIS_PUBLISHED") is { Length: > 0 } given) return Path.GetFullPath(given);
        var folder = Path.Combine(Directory.GetCurrentDirectory(), ".postmantis", "published");
        using var publish = Process.Start(new ProcessStartInfo("dotnet",
            ["publish", "PostMantis.Api", "-c", "Release", "-r", "linux-x64", "-o", folder, "-v:q", "-nologo"]))!;
        await publish.WaitForExitAsync();
        return publish.ExitCode == 0 ? folder : throw new InvalidOperationException("The Api could not be published.");
    }

    private static ChildServer Start(string program, Dictionary<string, string?> environment, string verb) =>
        ChildServer.Start("setpriv", ["--pdeathsig", "KILL", "dotnet", program, verb], environment);

    private static async Task UntilHealthyAsync(ChildServer api, Uri address)
    {
        using var client = new HttpClient { BaseAddress = address };
        while (true)
        {
            if (api.HasExited) throw new InvalidOperationException($"The process ended: {api.Output}");
            try
            {
                using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(10), _time);
        }
    }

    private static double Resident(int processId)
    {
        using var process = Process.GetProcessById(processId);
        return process.WorkingSet64 / 1048576.0;
    }

    private static async Task CompareAsync(Report report, double milliseconds, double mebibytes)
    {
        if (Environment.GetEnvironmentVariable("POSTMANTIS_UPDATE") == "1")
        {
            var figures = new JsonObject { ["startMilliseconds"] = Math.Round(milliseconds), ["idleMebibytes"] = Math.Round(mebibytes) };
            await File.WriteAllTextAsync(Committed, figures.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
            return;
        }
        var committed = JsonNode.Parse(await File.ReadAllTextAsync(Committed))!;
        foreach (var (name, value) in (ReadOnlySpan<(string, double)>)[("startMilliseconds", milliseconds), ("idleMebibytes", mebibytes)])
            report.AddAtMost(string.Create(CultureInfo.InvariantCulture, $"{name} against {committed[name]} of before"),
                value / (double)committed[name]!, MostGrowth);
    }
}
