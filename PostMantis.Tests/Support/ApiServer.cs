namespace PostMantis.Tests.Support;

/// <summary>The Api executable in a process of its own, as it runs in production.</summary>
public sealed class ApiServer : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(3);
    private readonly ChildServer _child;

    private ApiServer(ChildServer child, Uri address)
    {
        (_child, Address) = (child, address);
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = address,
        };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public string Output => _child.Output;

    public int ProcessId => _child.ProcessId;

    /// <summary>Starts a verb of the executable on a free port, or <paramref name="port"/>, and waits until it answers.</summary>
    public static async Task<ApiServer> StartAsync(string connectionString, IReadOnlyDictionary<string, string?> settings,
        string verb = "serve", int? port = null)
    {
        port ??= TemporaryPostgres.FreePort();
        var address = new Uri($"http://127.0.0.1:{port}");
        var environment = new Dictionary<string, string?>
        {
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = address.AbsoluteUri,
            ["ConnectionStrings__postmantis"] = connectionString,
            ["PublicUrl"] = address.AbsoluteUri,
            ["Sandbox__Hosted"] = "false",
            ["Sandbox__Url"] = address.AbsoluteUri,
            ["Logging__LogLevel__Default"] = "Warning",
        };
        foreach (var (name, value) in settings)
            environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        var child = ChildServer.Start("setpriv",
            ["--pdeathsig", "KILL", Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet",
                Path.Combine(AppContext.BaseDirectory, "PostMantis.Api.dll"), verb], environment);
        var process = new ApiServer(child, address);
        try
        {
            await process.WaitUntilReadyAsync(verb == "serve" ? "/alive" : "/");
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
        return process;
    }

    /// <summary>As a power cut would end it.</summary>
    public Task KillAsync() => _child.KillAsync();

    /// <summary>As an operator stops it.</summary>
    public Task StopAsync() => _child.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _child.DisposeAsync();
    }

    private async Task WaitUntilReadyAsync(string path)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (_child.HasExited) throw new InvalidOperationException($"The process ended: {Output}");
            try
            {
                using var answer = await Client.GetAsync(new Uri(path, UriKind.Relative));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (TimeProvider.System.GetElapsedTime(started) < StartTimeout)
            {
                // Not listening yet.
            }
            if (TimeProvider.System.GetElapsedTime(started) > StartTimeout)
                throw new InvalidOperationException($"The process does not answer: {Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
