using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace PostMantis.Tests.Support;

/// <summary>A process of a test or a measurement: it ends with this one, however that ends, and may be killed.</summary>
public sealed class ChildServer : IAsyncDisposable
{
    private const int MostLines = 200;
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);

    // The death signal follows the thread that started the child, so one thread that never ends starts them all.
    private static readonly BlockingCollection<Action> _starts = [];
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    static ChildServer() => new Thread(() =>
    {
        foreach (var start in _starts.GetConsumingEnumerable()) start();
    })
    { IsBackground = true, Name = "Children" }.Start();

    private ChildServer(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    public bool HasExited => _process.HasExited;

    public int ProcessId => _process.Id;

    /// <summary>The last lines it wrote.</summary>
    public string Output => string.Join('\n', _output);

    public static ChildServer Start(string file, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null)
    {
        var info = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = "/",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) info.Environment[name] = value;
        var started = new TaskCompletionSource<ChildServer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _starts.Add(() =>
        {
            try
            {
                var server = new ChildServer(new Process { StartInfo = info });
                server._process.Start();
                server._process.BeginOutputReadLine();
                server._process.BeginErrorReadLine();
                started.SetResult(server);
            }
            catch (Exception exception)
            {
                started.SetException(exception);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task RunAsync(string file, IEnumerable<string> arguments)
    {
        await using var command = Start(file, arguments);
        await command._process.WaitForExitAsync();
        if (command._process.ExitCode != 0)
            throw new InvalidOperationException($"{file} failed: {command.Output}");
    }

    /// <summary>As a power cut would end it.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async Task StopAsync(string signal = "TERM")
    {
        if (_process.HasExited) return;
        await RunAsync("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        using var timeout = new CancellationTokenSource(StopTimeout);
        await _process.WaitForExitAsync(timeout.Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        while (_output.Count > MostLines) _output.TryDequeue(out _);
    }
}
