namespace PostMantis.AppHost;

/// <summary>The Api as a child process, with the settings that make a machine at hand a complete instance.</summary>
internal static class LocalApi
{
    public static Task<ChildProcess> StartAsync(string connectionString)
    {
        LocalAddresses.RequireFree();

        // Built beside us, under the same configuration.
        var output = Path.GetRelativePath(Path.Combine(LocalFolder.Root, "PostMantis.AppHost"), AppContext.BaseDirectory);
        var folder = Path.Combine(LocalFolder.Root, "PostMantis.Api");
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = connectionString,
            ["Database__MigrateOnStart"] = "true",
            ["DataDirectory"] = LocalFolder.Path,
            ["Providers__Sandbox__BaseUrl"] = LocalAddresses.SandboxUrl,
            ["Sandbox__Hosted"] = "true",
            ["Sandbox__Url"] = LocalAddresses.SandboxUrl,
            ["SetupToken"] = LocalFolder.SetupToken,
            ["Vault__MasterKeys__0__Id"] = "local",
            ["Vault__MasterKeys__0__Value"] = LocalFolder.MasterKey,
        };
        if (LocalSimulators.FirstPort is { } first)
            foreach (var (name, value) in LocalSimulators.Settings(first)) settings[name] = value;
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)
            [("PublicUrl", LocalAddresses.Url), ("ASPNETCORE_URLS", LocalAddresses.Url), ("DOTNET_ENVIRONMENT", "Development")])
            if (Environment.GetEnvironmentVariable(name) is null) settings[name] = value;
        return ChildProcess.StartAsync("api", Path.Combine(folder, output, "PostMantis.Api"), [], ChildProcess.Terminate,
            folder: folder, environment: settings);
    }

    /// <summary>Waits for <c>/health</c>; the Api migrates its database before it listens.</summary>
    public static async Task WaitUntilReadyAsync(ChildProcess api, CancellationToken ct)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        var patience = TimeProvider.System.GetTimestamp();
        var last = "no answer";
        while (TimeProvider.System.GetElapsedTime(patience) < TimeSpan.FromMinutes(2))
        {
            if (api.HasExited) throw new LocalStartException("The Api did not start; its last lines say why.");
            try
            {
                using var answer = await client.GetAsync(new Uri($"{LocalAddresses.Url}/health"), ct);
                if (answer.IsSuccessStatusCode) return;
                last = await answer.Content.ReadAsStringAsync(ct);
            }
            catch (HttpRequestException error)
            {
                last = error.Message;
            }
            catch (TaskCanceledException error) when (!ct.IsCancellationRequested)
            {
                last = error.Message;
            }
            await timer.WaitForNextTickAsync(ct);
        }
        throw new LocalStartException($"The Api did not become healthy within 2 minutes: {last}");
    }
}
