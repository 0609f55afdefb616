using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace PostMantis.Tests.Support;

/// <summary>A Postgres server from local binaries in a folder of its own, gone with the process that started it.</summary>
public sealed class TemporaryPostgres : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly HashSet<int> _ports = [];
    private static int _started;
    private readonly string _folder;
    private readonly int _port;
    private readonly bool _durable;
    private ChildServer _server;

    private TemporaryPostgres(string folder, int port, bool durable) =>
        (_folder, _port, _durable, _server) = (folder, port, durable, Serve(folder, port, durable));

    /// <summary>Starts a server; what is <paramref name="durable"/> waits for the disk as in production.</summary>
    /// <param name="within">The folder its own is made in; the system's for temporary files when absent.</param>
    public static async Task<TemporaryPostgres> StartAsync(bool durable, string? within = null)
    {
        var binaries = FindBinaries();
        var folder = Path.Combine(within ?? Path.GetTempPath(),
            $"postmantis-{(durable ? "bench" : "tests")}-{Environment.ProcessId}-{Interlocked.Increment(ref _started)}");
        Directory.CreateDirectory(folder);
        var port = FreePort();
        var data = Path.Combine(folder, "data");
        if (Environment.IsPrivilegedProcess)
        {
            await ChildServer.RunAsync("chown", ["postgres:postgres", folder]);
            await ChildServer.RunAsync("chmod", ["755", folder]);
        }
        await ChildServer.RunAsync("setpriv",
        [
            .. AsPostgres(), Path.Combine(binaries, "initdb"), "-D", data, "-U", "postmantis", "--auth=trust", "-E", "UTF8",
            "--locale=C.UTF-8", "-N",
        ]);
        var started = new TemporaryPostgres(folder, port, durable);
        await started.WaitUntilReadyAsync();
        return started;
    }

    /// <summary>
    /// Ends the server at once, as when it crashes, and starts it again: what was committed is recovered from its log.
    /// </summary>
    public async Task RestartAsync(Func<Task>? whileDown = null)
    {
        await _server.StopAsync("QUIT");
        if (whileDown is not null) await whileDown();
        _server = Serve(_folder, _port, _durable);
        await WaitUntilReadyAsync();
    }

    /// <summary>Ends the server at once, as when its machine is lost.</summary>
    public Task CrashAsync() => _server.StopAsync("QUIT");

    /// <summary>
    /// A TCP port nobody listens on, below those the system gives to outgoing connections: none takes it meanwhile.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(15_000, 32_000);
            lock (_ports)
            {
                if (!_ports.Add(port)) continue;
            }
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody is there; another one.
            }
        }
    }

    public string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={_port};Username=postmantis;Database={database};Maximum Pool Size=20;" +
        "Timeout=15;Include Error Detail=true";

    /// <summary>Where the server listens on 127.0.0.1.</summary>
    public int Port => _port;

    /// <summary>A program that came with the server, such as <c>pgbench</c>.</summary>
    public static string Binary(string program) => Path.Combine(FindBinaries(), program);

    /// <summary>Runs one statement outside any of our databases.</summary>
    public async Task ExecuteAsync(string sql)
    {
        // Of its own: a pooled one may not have survived the server.
        await using var admin = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await admin.OpenAsync();
        await using var command = new NpgsqlCommand(sql, admin);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>How long processors have worked for the server and its sessions (of Linux).</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            const int ticksPerSecond = 100, parent = 1, firstTime = 11, times = 4;
            var ticks = 0L;
            foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
            {
                try
                {
                    // Behind the name, which may hold anything but a closing bracket at its end.
                    var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                    var values = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                    var own = Path.GetFileName(folder) == _server.ProcessId.ToString(CultureInfo.InvariantCulture);
                    if (!own && values[parent] != _server.ProcessId.ToString(CultureInfo.InvariantCulture)) continue;
                    ticks += values.Skip(firstTime).Take(times).Sum(v => long.Parse(v, CultureInfo.InvariantCulture));
                }
                catch (IOException)
                {
                    // It has just ended.
                }
            }
            return TimeSpan.FromSeconds((double)ticks / ticksPerSecond);
        }
    }

    /// <summary>The answer to a yes-or-no question.</summary>
    public async Task<bool> AskAsync(string sql) => await ScalarAsync<bool>(sql);

    /// <summary>The answer to a question for a number.</summary>
    public async Task<long> CountAsync(string sql) => await ScalarAsync<long>(sql);

    private async Task<T> ScalarAsync<T>(string sql)
    {
        await using var admin = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await admin.OpenAsync();
        await using var command = new NpgsqlCommand(sql, admin);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await _server.StopAsync("INT");
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    // As ./run has it.
    private static long SharedBuffers =>
        Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8 / (1024 * 1024), 128, 1024);

    private static ChildServer Serve(string folder, int port, bool durable) => ChildServer.Start("setpriv",
    [
        .. AsPostgres(), "--pdeathsig", "INT", Path.Combine(FindBinaries(), "postgres"), "-D", Path.Combine(folder, "data"),
        "-p", port.ToString(CultureInfo.InvariantCulture), "-k", folder, "-c", "listen_addresses=127.0.0.1",
        "-c", "max_connections=400", "-c", "log_min_messages=fatal",
        .. durable
            ? (string[])["-c", "shared_preload_libraries=pg_stat_statements", "-c", $"shared_buffers={SharedBuffers}MB"]
            : ["-c", "fsync=off", "-c", "shared_buffers=256MB"],
    ]);

    // Postgres refuses root.
    internal static string[] AsPostgres() =>
        Environment.IsPrivilegedProcess ? ["--reuid=postgres", "--regid=postgres", "--init-groups"] : [];

    private static string FindBinaries()
    {
        var folders = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(v => Path.Combine(v, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        string?[] given = [Environment.GetEnvironmentVariable("POSTMANTIS_POSTGRES_BIN")];
        return given.OfType<string>().Concat(folders).Concat(path)
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
            ?? throw new InvalidOperationException("No Postgres server binaries; ./test installs them.");
    }

    private async Task WaitUntilReadyAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException)
                when (TimeProvider.System.GetElapsedTime(started) < StartTimeout && !_server.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }
    }
}
