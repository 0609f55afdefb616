using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace PostMantis.AppHost;

/// <summary>A Postgres server from binaries on this machine, with its data in <c>.postmantis/</c>.</summary>
internal sealed class LocalPostgres
{
    private const string User = "postmantis";
    private const string Database = "postmantis";
    private const int PreferredPort = 5442;

    // Postgres refuses to run as root. Debian's package brings this user; so does every other.
    private static readonly string? _systemUser = Environment.IsPrivilegedProcess ? "postgres" : null;

    // An eighth of the memory: Postgres alone takes 128 MB, and indexes of some million deliveries want more.
    private static readonly long _sharedBuffers = Math.Clamp(
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8 / (1024 * 1024), 128, 1024);

    private readonly ChildProcess _server;

    private LocalPostgres(ChildProcess server, string connectionString)
    {
        _server = server;
        ConnectionString = connectionString;
    }

    public string ConnectionString { get; }

    public Task Exited => _server.Exited;

    public static async Task<LocalPostgres> StartAsync(CancellationToken ct)
    {
        var folder = await PrepareFolderAsync(ct);
        var data = Path.Combine(folder, "data");
        var password = LocalFolder.PostgresPassword;
        var binaries = FindBinaries(data);
        if (!Directory.Exists(data)) await InitializeAsync(binaries, folder, data, password, ct);
        ForgetDeadServer(data);

        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = IPAddress.Loopback.ToString(),
            Port = FindPort(),
            Username = User,
            Password = password,
            Database = Database,
        };
        var server = await ChildProcess.StartAsync(
            "postgres", Path.Combine(binaries, "postgres"),
            ["-D", data, "-p", $"{connection.Port}", "-c", $"listen_addresses={connection.Host}",
                "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "log_checkpoints=off",
                "-c", $"shared_buffers={_sharedBuffers}MB"],
            ChildProcess.Interrupt, _systemUser);
        try
        {
            await CreateDatabaseAsync(server, connection, ct);
        }
        catch
        {
            await server.StopAsync(ChildProcess.Interrupt, TimeSpan.FromSeconds(10));
            throw;
        }
        return new LocalPostgres(server, connection.ConnectionString);
    }

    /// <summary>Ends its sessions, writes a checkpoint and stops.</summary>
    public Task StopAsync() => _server.StopAsync(ChildProcess.Interrupt, TimeSpan.FromSeconds(30));

    // The server's user must be able to walk to its data. Where the repository lies behind closed doors (/root), the
    // data lie under /var/lib and a link leads there; its name is random, so that no other clone inherits them.
    private static async Task<string> PrepareFolderAsync(CancellationToken ct)
    {
        var folder = Path.Combine(LocalFolder.Path, "postgres");
        if (Directory.Exists(folder)) return folder;
        Directory.CreateDirectory(LocalFolder.Path);
        if (_systemUser is null)
        {
            LocalFolder.CreatePrivate(folder);
            return folder;
        }
        var reachable = await TryRunAsync(["setpriv", .. ChildProcess.AsUser(_systemUser), "--",
            "test", "-x", LocalFolder.Path], ct) is null;
        var place = reachable ? folder : $"/var/lib/postmantis/{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
        if (!reachable) await RunAsync(["install", "-d", "-m", "711", "/var/lib/postmantis"], ct);
        await RunAsync(["install", "-d", "-m", "700", "-o", _systemUser, "-g", _systemUser, place], ct);
        if (!reachable) File.CreateSymbolicLink(folder, place);
        return folder;
    }

    private static string FindBinaries(string data)
    {
        var version = Path.Combine(data, "PG_VERSION") is var file && File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        string[] installed = Directory.Exists("/usr/lib/postgresql")
            ? [.. Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => d, StringComparer.Ordinal)
                .Select(d => Path.Combine(d, "bin"))]
            : [];
        string[] places =
        [
            Environment.GetEnvironmentVariable("POSTMANTIS_POSTGRES_BIN") ?? "",
            .. installed,
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'),
            Path.Combine(LocalFolder.Path, "postgres-npm", "bin"),
        ];
        return places.FirstOrDefault(place =>
                File.Exists(Path.Combine(place, "initdb")) && File.Exists(Path.Combine(place, "postgres"))
                && (version is null || VersionOf(place) == version))
            ?? throw new LocalStartException(version is null
                ? "No Postgres binaries were found; start with ./run, which installs them."
                : $"The data in {data} were made by Postgres {version}, whose binaries are no longer here.");
    }

    private static string VersionOf(string binaries)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(binaries, "postgres"), "--version")
        {
            RedirectStandardOutput = true,
        })!;
        // "postgres (PostgreSQL) 15.18 (Debian …)"
        return process.StandardOutput.ReadToEnd().Split(' ')[2].Split('.')[0].Trim();
    }

    // Made beside its place and moved there whole: a start cut short leaves no half cluster behind.
    private static async Task InitializeAsync(
        string binaries, string folder, string data, string password, CancellationToken ct)
    {
        Console.WriteLine("Making the database cluster (once) …");
        var half = Path.Combine(folder, "data.half");
        var secret = Path.Combine(folder, "password");
        if (Directory.Exists(half)) Directory.Delete(half, recursive: true);
        string[] owner = _systemUser is null ? [] : ["-o", _systemUser];
        string[] asOwner = _systemUser is null ? [] : ["setpriv", .. ChildProcess.AsUser(_systemUser), "--"];
        await RunAsync(["install", "-m", "600", .. owner, "/dev/null", secret], ct);
        await File.WriteAllTextAsync(secret, password, ct);
        await RunAsync([.. asOwner, Path.Combine(binaries, "initdb"), "-D", half, "-U", User, "--auth=scram-sha-256",
            $"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"], ct);
        File.Delete(secret);
        Directory.Move(half, data);
    }

    // After a power cut the number in the lock file may belong to some other process, and Postgres would wait for it.
    private static void ForgetDeadServer(string data)
    {
        var file = Path.Combine(data, "postmaster.pid");
        if (!File.Exists(file)) return;
        var commandLine = $"/proc/{File.ReadLines(file).FirstOrDefault()}/cmdline";
        if (!File.Exists(commandLine) || !File.ReadAllText(commandLine).Contains(data, StringComparison.Ordinal))
            File.Delete(file);
    }

    private static int FindPort()
    {
        foreach (var port in (int[])[PreferredPort, 0])
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException) when (port != 0)
            {
                continue;
            }
        }
        throw new LocalStartException("No free port for Postgres.");
    }

    private static async Task CreateDatabaseAsync(
        ChildProcess server, NpgsqlConnectionStringBuilder target, CancellationToken ct)
    {
        var maintenance = new NpgsqlConnectionStringBuilder(target.ConnectionString)
        {
            Database = "postgres",
            Pooling = false,
        };
        await using var connection = new NpgsqlConnection(maintenance.ConnectionString);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (true)
        {
            if (server.HasExited) throw new LocalStartException("Postgres did not start; its last lines say why.");
            try
            {
                await connection.OpenAsync(ct);
                break;
            }
            catch (NpgsqlException error) when (error.IsTransient || error.InnerException is SocketException)
            {
                await timer.WaitForNextTickAsync(ct);
            }
        }
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection)
        {
            Parameters = { new() { Value = Database } },
        };
        if (await exists.ExecuteScalarAsync(ct) is not null) return;
        await using var create = new NpgsqlCommand($"CREATE DATABASE {Database}", connection);
        await create.ExecuteNonQueryAsync(ct);
    }

    private static async Task RunAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        if (await TryRunAsync(command, ct) is { } error)
            throw new LocalStartException($"'{string.Join(' ', command)}' failed: {error}");
    }

    // Null when it succeeded, else what it said.
    private static async Task<string?> TryRunAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        })!;
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        await output;
        return process.ExitCode == 0 ? null : (await errors).Trim();
    }
}
