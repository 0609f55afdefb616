using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace PostMantis.Core.Media.Inspection;

/// <summary>What a run of an outside program came to.</summary>
internal sealed record ToolResult(int ExitCode, string Output);

/// <summary>Runs ffprobe and ffmpeg: no shell, no input, bounded time and output, ended with what it was started for.</summary>
internal static class ToolProcess
{
    private const int MostOutput = 1024 * 1024;

    /// <summary>Whether <paramref name="program"/> can be started from PATH or its own place.</summary>
    public static bool Exists(string program) => Path.IsPathRooted(program)
        ? File.Exists(program)
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, program))
                || File.Exists(Path.Combine(folder, program + ".exe")));

    /// <summary>Null when the program cannot be started.</summary>
    /// <exception cref="TimeoutException">It ran longer than <paramref name="timeout"/> and was ended.</exception>
    /// <exception cref="InvalidDataException">It said more than a mebibyte and was ended.</exception>
    public static async Task<ToolResult?> RunAsync(string program, IEnumerable<string> arguments, TimeSpan timeout,
        Action<string>? onLine, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // What we hold in our environment is none of its business.
        var path = Environment.GetEnvironmentVariable("PATH");
        start.Environment.Clear();
        start.Environment["PATH"] = path;
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception)
        {
            return null;
        }
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(timeout);
        try
        {
            var errors = process.StandardError.BaseStream.CopyToAsync(Stream.Null, limit.Token);
            var output = new StringBuilder();
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (onLine is not null) onLine(line);
                else if (output.Append(line).Append('\n').Length > MostOutput)
                    throw new InvalidDataException($"{Path.GetFileName(program)} said too much.");
            }
            await errors;
            await process.WaitForExitAsync(limit.Token);
            return new ToolResult(process.ExitCode, output.ToString());
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new TimeoutException($"{Path.GetFileName(program)} took longer than {timeout}.");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
