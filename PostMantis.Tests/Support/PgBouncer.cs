using System.Globalization;

namespace PostMantis.Tests.Support;

/// <summary>A PgBouncer in transaction mode in front of a server, as a process of its own.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly int _port;
    private readonly string _database;
    private ChildServer _process;

    private PgBouncer(string folder, int port, string database) =>
        (_folder, _port, _database, _process) = (folder, port, database, Serve(folder));

    public static bool IsInstalled => File.Exists(Program);

    private static string Program { get; } = File.Exists("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : "/usr/bin/pgbouncer";

    /// <summary>Through the pooler; statements are not prepared ahead, which it can do since 1.21 only.</summary>
    public string ConnectionString => $"Host=127.0.0.1;Port={_port};Username=postmantis;Database={_database};Maximum Pool Size=40;"
        + "Timeout=15;Max Auto Prepare=0";

    public static async Task<PgBouncer> StartAsync(int server, string database)
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-pgbouncer-").FullName;
        var port = TemporaryPostgres.FreePort();
        await File.WriteAllTextAsync(Path.Combine(folder, "users.txt"), "\"postmantis\" \"\"\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "pgbouncer.ini"), string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            {database} = host=127.0.0.1 port={server} dbname={database}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {folder}/users.txt
            pool_mode = transaction
            default_pool_size = 12
            max_client_conn = 400
            ignore_startup_parameters = extra_float_digits
            """));
        if (Environment.IsPrivilegedProcess) await ChildServer.RunAsync("chown", ["-R", "postgres:postgres", folder]);
        return new PgBouncer(folder, port, database);
    }

    /// <summary>Killed, and started again by a supervisor.</summary>
    public async Task RestartAsync()
    {
        await _process.KillAsync();
        await _process.DisposeAsync();
        _process = Serve(_folder);
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static ChildServer Serve(string folder) => ChildServer.Start("setpriv",
        [.. TemporaryPostgres.AsPostgres(), "--pdeathsig", "KILL", Program, Path.Combine(folder, "pgbouncer.ini")]);
}
