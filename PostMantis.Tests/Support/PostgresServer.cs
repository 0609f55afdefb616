using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;
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
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private readonly SemaphoreSlim _cloning = new(1, 1);
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"postmantis-tests-{Environment.ProcessId}");
    private Process? _server;
    private int _port;
    private int _clones;

    /// <summary>The server of this run, for fixtures that are not given it.</summary>
    public static PostgresServer Current { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Current = this;
        var binaries = FindBinaries();
        Directory.CreateDirectory(_folder);
        _port = FreePort();
        var data = Path.Combine(_folder, "data");
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", ["postgres:postgres", _folder]);
            await RunAsync("chmod", ["755", _folder]);
        }
        var initdb = AsPostgres(Path.Combine(binaries, "initdb"),
            ["-D", data, "-U", "postmantis", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        await RunAsync(initdb.File, initdb.Arguments);
        var server = AsPostgres(Path.Combine(binaries, "postgres"),
        [
            "-D", data, "-p", _port.ToString(System.Globalization.CultureInfo.InvariantCulture), "-k", _folder,
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=400",
            "-c", "shared_buffers=256MB", "-c", "log_min_messages=panic",
        ]);
        _server = StartTied(server.File, server.Arguments);
        await WaitUntilReadyAsync();
        await using var admin = new NpgsqlConnection(ConnectionString("postgres"));
        await admin.OpenAsync();
        await using (var create = new NpgsqlCommand($"CREATE DATABASE {TemplateName}", admin))
            await create.ExecuteNonQueryAsync();

        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(ConnectionString(TemplateName) + ";Pooling=false");
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
            await using var admin = new NpgsqlConnection(ConnectionString("postgres"));
            await admin.OpenAsync();
            await using var create = new NpgsqlCommand($"CREATE DATABASE {name} TEMPLATE {TemplateName}", admin);
            await create.ExecuteNonQueryAsync();
        }
        finally
        {
            _cloning.Release();
        }
        return ConnectionString(name);
    }

    /// <summary>An empty database without our schema.</summary>
    public async Task<string> CreateEmptyDatabaseAsync()
    {
        var name = $"empty_{Interlocked.Increment(ref _clones)}";
        await using var admin = new NpgsqlConnection(ConnectionString("postgres"));
        await admin.OpenAsync();
        await using var create = new NpgsqlCommand($"CREATE DATABASE {name}", admin);
        await create.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_server is { HasExited: false })
        {
            await RunAsync("kill", ["-INT", _server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await _server.WaitForExitAsync();
        }
        _server?.Dispose();
        _cloning.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A TCP port nobody listens on.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={_port};Username=postmantis;Database={database};Maximum Pool Size=20;" +
        "Timeout=15;Include Error Detail=true";

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

    // Postgres refuses root; pdeathsig stops it with this process however that ends.
    private static (string File, string[] Arguments) AsPostgres(string file, string[] arguments) =>
        Environment.IsPrivilegedProcess
            ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "INT", file,
                .. arguments])
            : ("setpriv", ["--pdeathsig", "INT", file, .. arguments]);

    // The death signal follows the thread that started the child, so it is started from one that lives as long as we do.
    private static Process StartTied(string file, string[] arguments)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                var process = Process.Start(new ProcessStartInfo(file, arguments) { WorkingDirectory = "/" })!;
                started.SetResult(process);
                process.WaitForExit();
            }
            catch (Exception exception)
            {
                started.TrySetException(exception);
            }
        })
        { IsBackground = true, Name = "postgres" };
        thread.Start();
        return started.Task.GetAwaiter().GetResult();
    }

    private static async Task RunAsync(string file, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = "/",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file} failed: {error}");
    }

    private async Task WaitUntilReadyAsync()
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (Stopwatch.GetElapsedTime(started) < StartTimeout && !_server!.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }
    }
}
