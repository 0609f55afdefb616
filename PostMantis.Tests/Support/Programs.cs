using System.Diagnostics;

namespace PostMantis.Tests.Support;

/// <summary>Runs programs to their end.</summary>
internal static class Programs
{
    /// <summary>How a program ended, and all that it said.</summary>
    /// <param name="environment">Beside what this process has; null takes a variable away.</param>
    /// <param name="input">What it reads.</param>
    public static async Task<(int Code, string Output)> RunAsync(string file, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null, string? folder = null, string input = "")
    {
        var info = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = folder ?? Repository.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            if (value is null) info.Environment.Remove(name);
            else info.Environment[name] = value;
        using var process = Process.Start(info)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}
