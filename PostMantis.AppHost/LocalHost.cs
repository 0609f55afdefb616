using System.Runtime.InteropServices;
using Npgsql;
using PostMantis.AppHost;

using var stopping = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hungUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

LocalPostgres? postgres = null;
ChildProcess? api = null;
ChildProcess? simulators = null;
try
{
    var connectionString = Environment.GetEnvironmentVariable("ConnectionStrings__postmantis");
    if (string.IsNullOrEmpty(connectionString))
    {
        postgres = await LocalPostgres.StartAsync(stopping.Token);
        connectionString = postgres.ConnectionString;
    }
    if (LocalSimulators.FirstPort is { } port) simulators = await LocalSimulators.StartAsync(port);
    api = await LocalApi.StartAsync(connectionString);
    await LocalApi.WaitUntilReadyAsync(api, stopping.Token);
    await LocalAddresses.PrintAsync(connectionString, null, stopping.Token);

    var stopped = Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stopping.Token);
    var first = await Task.WhenAny(api.Exited, postgres?.Exited ?? stopped, stopped);
    if (first == stopped) return 0;
    throw new LocalStartException(first == api.Exited
        ? $"The Api ended by itself (exit code {api.ExitCode}); its last lines say why."
        : "Postgres ended by itself; its last lines say why.");
}
catch (OperationCanceledException) when (stopping.IsCancellationRequested)
{
    return 0;
}
catch (Exception error) when (error is LocalStartException or NpgsqlException)
{
    await Console.Error.WriteLineAsync($"postmantis: {error.Message}");
    return 1;
}
finally
{
    if (api is not null) await api.StopAsync(ChildProcess.Terminate, TimeSpan.FromSeconds(35));
    if (simulators is not null) await simulators.StopAsync(ChildProcess.Terminate, TimeSpan.FromSeconds(10));
    if (postgres is not null) await postgres.StopAsync();
    Console.WriteLine("Stopped.");
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    if (stopping.IsCancellationRequested) return;
    Console.WriteLine("Stopping …");
    stopping.Cancel();
}
