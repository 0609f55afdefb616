using System.Globalization;
using Npgsql;

namespace PostMantis.Tests.Support;

/// <summary>A standby of a <see cref="TemporaryPostgres"/>, by streaming replication, that can take its place.</summary>
internal sealed class PostgresStandby : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private readonly string _folder;
    private readonly ChildServer _server;

    private PostgresStandby(string folder, int port)
    {
        (_folder, Port) = (folder, port);
        _server = ChildServer.Start("setpriv",
        [
            .. TemporaryPostgres.AsPostgres(), "--pdeathsig", "INT", TemporaryPostgres.Binary("postgres"), "-D",
            Path.Combine(folder, "data"), "-p", port.ToString(CultureInfo.InvariantCulture), "-k", folder,
            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400", "-c", "log_min_messages=fatal", "-c", "fsync=off",
        ]);
    }

    public int Port { get; }

    /// <summary>Copies the primary and follows it; from then on a commit there waits for this one.</summary>
    public static async Task<PostgresStandby> StartAsync(TemporaryPostgres primary)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"postmantis-standby-{Environment.ProcessId}-{primary.Port}");
        Directory.CreateDirectory(folder);
        if (Environment.IsPrivilegedProcess) await ChildServer.RunAsync("chown", ["postgres:postgres", folder]);
        await ChildServer.RunAsync("setpriv",
        [
            .. TemporaryPostgres.AsPostgres(), TemporaryPostgres.Binary("pg_basebackup"), "-h", "127.0.0.1", "-p",
            primary.Port.ToString(CultureInfo.InvariantCulture), "-U", "postmantis", "-D", Path.Combine(folder, "data"), "-R",
            "-X", "stream", "-c", "fast",
        ]);
        var standby = new PostgresStandby(folder, TemporaryPostgres.FreePort());
        await standby.UntilAsync("SELECT pg_is_in_recovery()");
        await primary.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await primary.ExecuteAsync("SELECT pg_reload_conf()");
        var started = TimeProvider.System.GetTimestamp();
        while (!await primary.AskAsync("SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')"))
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience) throw new TimeoutException($"No standby follows: {standby._server.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
        return standby;
    }

    /// <summary>Makes it the primary, on a timeline of its own.</summary>
    public async Task PromoteAsync()
    {
        await UntilAsync("SELECT pg_promote(true, 30)");
        await UntilAsync("SELECT NOT pg_is_in_recovery()");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync("INT");
        Directory.Delete(_folder, recursive: true);
    }

    private async Task UntilAsync(string question)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(
                    $"Host=127.0.0.1;Port={Port};Username=postmantis;Database=postgres;Pooling=false");
                await connection.OpenAsync();
                await using var command = new NpgsqlCommand(question, connection);
                if ((bool)(await command.ExecuteScalarAsync())!) return;
            }
            catch (NpgsqlException) when (TimeProvider.System.GetElapsedTime(started) < _patience && !_server.HasExited)
            {
                // Not yet.
            }
            if (TimeProvider.System.GetElapsedTime(started) > _patience) throw new TimeoutException($"{question}: {_server.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
