using System.Diagnostics;
using System.Text.Json.Nodes;

namespace PostMantis.Tests.Support;

/// <summary>Public Node packages that judge what we send, installed once beside the other state of the repository.</summary>
internal static class NodePackages
{
    private static readonly (string Name, string Version)[] _pinned = [("standardwebhooks", "1.1.1"), ("svix", "1.99.1")];
    private static readonly SemaphoreSlim _installing = new(1, 1);

    /// <summary>The folder whose <c>node_modules</c> holds them.</summary>
    public static async Task<string> FolderAsync()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "PostMantis.sln")))
            root = root.Parent ?? throw new InvalidOperationException("The tests do not run in the repository.");
        var folder = Path.Combine(root.FullName, ".postmantis", "verifiers");
        await _installing.WaitAsync();
        try
        {
            if (Array.TrueForAll(_pinned, package => IsInstalled(folder, package))) return folder;
            Directory.CreateDirectory(folder);
            await RunAsync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts",
                .. _pinned.Select(package => $"{package.Name}@{package.Version}")]);
            return folder;
        }
        finally
        {
            _installing.Release();
        }
    }

    /// <summary>Runs a program to its end and answers what it wrote.</summary>
    public static async Task<string> RunAsync(string file, IEnumerable<string> arguments, string input = "")
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{file} failed: {await errors}");
    }

    private static bool IsInstalled(string folder, (string Name, string Version) package)
    {
        var manifest = Path.Combine(folder, "node_modules", package.Name, "package.json");
        return File.Exists(manifest) && (string?)JsonNode.Parse(File.ReadAllText(manifest))!["version"] == package.Version;
    }
}
