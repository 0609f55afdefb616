using System.Globalization;
using System.Net.Sockets;
using Npgsql;

namespace PostMantis.AppHost;

/// <summary>The Api as a child process, with the settings that make a machine at hand a complete instance.</summary>
internal static class LocalApi
{
    private static readonly int _port = int.Parse(
        Environment.GetEnvironmentVariable("POSTMANTIS_PORT") ?? "5080", CultureInfo.InvariantCulture);

    private static readonly string _url = $"http://127.0.0.1:{_port}";
    private static readonly string _sandboxUrl = $"http://127.0.0.1:{_port + 1}";

    public static Task<ChildProcess> StartAsync(string connectionString)
    {
        foreach (var port in (int[])[_port, _port + 1])
            if (IsTaken(port))
                throw new LocalStartException($"Port {port} is taken by another program; choose others with --port.");

        // Built beside us, under the same configuration.
        var output = Path.GetRelativePath(Path.Combine(LocalFolder.Root, "PostMantis.AppHost"), AppContext.BaseDirectory);
        var folder = Path.Combine(LocalFolder.Root, "PostMantis.Api");
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = connectionString,
            ["Database__MigrateOnStart"] = "true",
            ["DataDirectory"] = LocalFolder.Path,
            ["Providers__Sandbox__BaseUrl"] = _sandboxUrl,
            ["Sandbox__Hosted"] = "true",
            ["Sandbox__Url"] = _sandboxUrl,
            ["SetupToken"] = LocalFolder.SetupToken,
            ["Vault__MasterKeys__0__Id"] = "local",
            ["Vault__MasterKeys__0__Value"] = LocalFolder.MasterKey,
        };
        if (LocalSimulators.FirstPort is { } first)
            foreach (var (name, value) in LocalSimulators.Settings(first)) settings[name] = value;
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)
            [("PublicUrl", _url), ("ASPNETCORE_URLS", _url), ("DOTNET_ENVIRONMENT", "Development")])
            if (Environment.GetEnvironmentVariable(name) is null) settings[name] = value;
        return ChildProcess.StartAsync("api", Path.Combine(folder, output, "PostMantis.Api"), [], ChildProcess.Terminate,
            folder: folder, environment: settings);
    }

    /// <summary>Waits for <c>/health</c>; the Api migrates its database before it listens.</summary>
    public static async Task WaitUntilReadyAsync(ChildProcess api, CancellationToken ct)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        var patience = TimeProvider.System.GetTimestamp();
        var last = "no answer";
        while (TimeProvider.System.GetElapsedTime(patience) < TimeSpan.FromMinutes(2))
        {
            if (api.HasExited) throw new LocalStartException("The Api did not start; its last lines say why.");
            try
            {
                using var answer = await client.GetAsync(new Uri($"{_url}/health"), ct);
                if (answer.IsSuccessStatusCode) return;
                last = await answer.Content.ReadAsStringAsync(ct);
            }
            catch (HttpRequestException error)
            {
                last = error.Message;
            }
            catch (TaskCanceledException error) when (!ct.IsCancellationRequested)
            {
                last = error.Message;
            }
            await timer.WaitForNextTickAsync(ct);
        }
        throw new LocalStartException($"The Api did not become healthy within 2 minutes: {last}");
    }

    public static async Task PrintWhereAsync(string connectionString, CancellationToken ct)
    {
        Console.WriteLine($"""

            PostMantis is ready.
              Dashboard     {_url}
              API           {_url}/api/v1  (described at {_url}/scalar)
              Sandbox feed  {_sandboxUrl}
            """);
        if (!await HasUsersAsync(connectionString, ct))
            Console.WriteLine($"""
                  First user    {_url}/setup
                  Set-up token  {LocalFolder.SetupToken}
                """);
        Console.WriteLine("Ctrl-C stops everything; your data stay in .postmantis/.");
        Console.WriteLine();
    }

    private static async Task<bool> HasUsersAsync(string connectionString, CancellationToken ct)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await using var any = database.CreateCommand("SELECT EXISTS (SELECT 1 FROM users)");
        return await any.ExecuteScalarAsync(ct) is true;
    }

    private static bool IsTaken(int port)
    {
        using var client = new TcpClient();
        try
        {
            client.Connect("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
