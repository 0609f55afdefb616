using System.Globalization;

namespace PostMantis.AppHost;

/// <summary>Networks that behave as the real ones, in a process beside the Api (docs/simulators.md).</summary>
internal static class LocalSimulators
{
    private const string Everywhere = "*";

    /// <summary>Whether <c>./run --simulators</c> asked for them: the port of the first.</summary>
    public static int? FirstPort { get; } =
        Environment.GetEnvironmentVariable("POSTMANTIS_SIMULATORS") is { Length: > 0 } port ? int.Parse(port, CultureInfo.InvariantCulture) : null;

    /// <summary>The settings that point the Api at them, from tools/simulators.env.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Settings(int firstPort)
    {
        List<string> networks = [];
        foreach (var line in File.ReadLines(Path.Combine(LocalFolder.Root, "tools", "simulators.env")))
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var (network, setting) = (line[..line.IndexOf(' ')], line[(line.IndexOf(' ') + 1)..].Split('=', 2));
            if (network != Everywhere && !networks.Contains(network)) networks.Add(network);
            var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{firstPort + networks.IndexOf(network)}");
            yield return KeyValuePair.Create(setting[0], setting[1].Replace("{at}", address, StringComparison.Ordinal));
        }
    }

    public static Task<ChildProcess> StartAsync(int firstPort)
    {
        var output = Path.GetRelativePath(Path.Combine(LocalFolder.Root, "PostMantis.AppHost"), AppContext.BaseDirectory);
        return ChildProcess.StartAsync("network", Path.Combine(LocalFolder.Root, "tools", "PostMantis.Simulators", output, "PostMantis.Simulators"),
            ["--port", firstPort.ToString(CultureInfo.InvariantCulture)], ChildProcess.Terminate);
    }
}
