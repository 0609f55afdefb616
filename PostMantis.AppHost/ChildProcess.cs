using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PostMantis.AppHost;

/// <summary>A process that ends with this one, even when this one is killed.</summary>
internal sealed partial class ChildProcess
{
    public const int Interrupt = 2;
    public const int Terminate = 15;

    // The kernel sends the death signal when the thread that started the child ends, so one thread starts them all.
    private static readonly BlockingCollection<Action> _starts = [];

    private readonly Process _process;

    static ChildProcess() => new Thread(() =>
    {
        foreach (var start in _starts.GetConsumingEnumerable()) start();
    })
    { IsBackground = true, Name = "Children" }.Start();

    private ChildProcess(string name, Process process)
    {
        _process = process;
        _process.OutputDataReceived += (_, line) => Print(name, line.Data);
        _process.ErrorDataReceived += (_, line) => Print(name, line.Data);
    }

    public Task Exited { get; private set; } = Task.CompletedTask;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Starts it in a session of its own: Ctrl-C reaches us alone, and we stop things in order.</summary>
    public static async Task<ChildProcess> StartAsync(
        string name, string program, IEnumerable<string> arguments, int deathSignal,
        string? user = null, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "/",
        };
        start.ArgumentList.Add("setpriv");
        if (user is not null)
            foreach (var argument in AsUser(user)) start.ArgumentList.Add(argument);
        start.ArgumentList.Add("--pdeathsig");
        start.ArgumentList.Add(deathSignal == Interrupt ? "INT" : "TERM");
        start.ArgumentList.Add("--");
        start.ArgumentList.Add(program);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (variable, value) in environment ?? new Dictionary<string, string>())
            start.Environment[variable] = value;

        var child = new ChildProcess(name, new Process { StartInfo = start });
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _starts.Add(() =>
        {
            try
            {
                child._process.Start();
                started.SetResult();
            }
            catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException)
            {
                started.SetException(error);
            }
        });
        await started.Task;
        child._process.StandardInput.Close();
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        child.Exited = child._process.WaitForExitAsync();
        return child;
    }

    public static IEnumerable<string> AsUser(string user) => [$"--reuid={user}", $"--regid={user}", "--init-groups"];

    /// <summary>Asks it to stop, and ends it when it has not after that time.</summary>
    public async Task StopAsync(int signal, TimeSpan patience)
    {
        if (HasExited) return;
        _ = SendSignal(_process.Id, signal);
        try
        {
            await Exited.WaitAsync(patience, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
            await Exited;
        }
    }

    private static void Print(string name, string? line)
    {
        if (line is not null) Console.WriteLine($"{name} | {line}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SendSignal(int process, int signal);
}
