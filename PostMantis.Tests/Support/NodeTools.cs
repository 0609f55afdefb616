using System.Security.Cryptography;

namespace PostMantis.Tests.Support;

/// <summary>The pinned programs of <c>tools/contract</c>, installed by npm when a test first wants one.</summary>
internal static class NodeTools
{
    private static readonly SemaphoreSlim _once = new(1, 1);
    private static string? _missing;
    private static bool _isReady;

    /// <summary>The folder that has them; test programs that import them run from here.</summary>
    public static string Folder { get; } = Repository.File("tools/contract");

    /// <summary>Runs a program of the folder and answers how it ended and what it said.</summary>
    public static Task<(int Code, string Output)> RunAsync(string tool, params string[] arguments) =>
        RunAsync(tool, arguments, null);

    public static async Task<(int Code, string Output)> RunAsync(
        string tool, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment, string? folder = null)
    {
        await NeedAsync();
        return await StartAsync(Path.Combine(Folder, "node_modules", ".bin", tool), arguments, environment, folder);
    }

    /// <summary>Runs a script by Node.</summary>
    /// <param name="input">What it reads.</param>
    public static async Task<(int Code, string Output)> RunScriptAsync(string path,
        IReadOnlyDictionary<string, string?>? environment = null, IReadOnlyList<string>? arguments = null, string input = "")
    {
        await NeedAsync();
        return await StartAsync("node", [path, .. arguments ?? []], environment, Folder, input);
    }

    /// <summary>The main file of a package, for a process that outlives the call.</summary>
    public static async Task<string> FileAsync(params string[] path)
    {
        await NeedAsync();
        return Path.Combine([Folder, "node_modules", .. path]);
    }

    /// <summary>Installs them once; skips the test that asks when npm cannot be reached.</summary>
    private static async Task NeedAsync()
    {
        await _once.WaitAsync();
        try
        {
            if (!_isReady && _missing is null) await InstallAsync();
        }
        finally
        {
            _once.Release();
        }
        Assert.SkipWhen(_missing is not null, _missing ?? "");
    }

    private static async Task InstallAsync()
    {
        var stamp = Path.Combine(Folder, "node_modules", ".postmantis");
        var wanted = Convert.ToHexString(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(Folder, "package-lock.json"))));
        if (!File.Exists(stamp) || await File.ReadAllTextAsync(stamp) != wanted)
        {
            var (code, output) = await StartAsync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], null, Folder);
            if (code != 0)
            {
                var isAway = output.Contains("ENOTFOUND", StringComparison.Ordinal) || output.Contains("ECONNREFUSED", StringComparison.Ordinal)
                    || output.Contains("ETIMEDOUT", StringComparison.Ordinal) || output.Contains("EAI_AGAIN", StringComparison.Ordinal);
                if (!isAway) throw new InvalidOperationException($"npm ci failed in tools/contract: {output}");
                _missing = "npm cannot be reached, and tools/contract is not installed.";
                return;
            }
            await File.WriteAllTextAsync(stamp, wanted);
        }
        _isReady = true;
    }

    private static Task<(int Code, string Output)> StartAsync(string file, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment, string? folder, string input = "") =>
        Programs.RunAsync(file, arguments, new Dictionary<string, string?>(environment ?? new Dictionary<string, string?>())
        {
            ["REDOCLY_TELEMETRY"] = "off",
            ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true",
            ["NO_COLOR"] = "1",
        }, folder ?? Folder, input);
}
