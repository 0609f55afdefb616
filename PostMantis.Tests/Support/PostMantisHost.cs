using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Api;
using PostMantis.Core.Persistence;

namespace PostMantis.Tests.Support;

/// <summary>
/// The real application on a real port and a database of its own. Workers are off: tests step them, and time moves
/// when told.
/// </summary>
public sealed class PostMantisHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private PostMantisHost(WebApplication app, FakeTimeProvider? clock, string connectionString)
    {
        (_app, Clock, ConnectionString) = (app, clock!, connectionString);
        Address = new Uri(app.Urls.First());
        Client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
        })
        {
            BaseAddress = Address,
        };
    }

    /// <summary>The moved clock; only when the host was started with one.</summary>
    public FakeTimeProvider Clock { get; }

    public string ConnectionString { get; }

    public Uri Address { get; }

    /// <summary>A client without cookies that follows no redirects.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Starts the application; settings and services given here win over the defaults of tests.</summary>
    public static async Task<PostMantisHost> StartAsync(
        IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null,
        bool movedClock = true,
        string? connectionString = null)
    {
        connectionString ??= await PostgresServer.Current.CreateDatabaseAsync();
        var clock = movedClock ? new FakeTimeProvider(TimeProvider.System.GetUtcNow()) : null;
        var app = Build(connectionString, settings, configure, clock);
        await app.StartAsync();
        return new PostMantisHost(app, clock, connectionString);
    }

    /// <summary>The application, not started, on a database that is there.</summary>
    public static WebApplication Build(string connectionString, IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null, TimeProvider? clock = null)
    {
        var port = PostgresServer.FreePort();

        // A test that says whether it publishes has a process like any other; the rest have one without loops.
        var joins = settings?.ContainsKey("Workers:Enabled") == true;
        return PostMantisApp.Build(["--environment", "Development"], builder =>
        {
            builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["ConnectionStrings:postmantis"] = connectionString,
                ["PublicUrl"] = $"http://127.0.0.1:{port}",
                ["Workers:Enabled"] = "false",
                // As production serves what was built; else it is made anew, and not compressed.
                ["ReloadStaticAssetsAtRuntime"] = "false",
                ["Sandbox:Hosted"] = "false",
                ["SetupToken"] = SetupToken,
                ["Vault:MasterKeys:0:Id"] = "test",
                ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
            });
            if (settings is not null) builder.Configuration.AddInMemoryCollection(settings);
            if (clock is not null) builder.Services.AddSingleton(clock);
            builder.Logging.ClearProviders();

            // Slow hashes are for attackers.
            builder.Services.PostConfigure<PasswordHasherOptions>(options => options.IterationCount = 1_000);
            configure?.Invoke(builder);
        }, joins: joins);
    }

    /// <summary>The one-time token the first user is made with.</summary>
    public const string SetupToken = "test-setup-token-test-setup-token-test-setup";

    /// <summary>Runs <paramref name="work"/> in a scope of the application's services.</summary>
    public async Task<T> InScopeAsync<T>(Func<IServiceProvider, Task<T>> work)
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(scope.ServiceProvider);
    }

    /// <summary>As <see cref="InScopeAsync{T}"/>, with the database context.</summary>
    public Task<T> InDatabaseAsync<T>(Func<PostMantisDb, Task<T>> work) =>
        InScopeAsync(services => work(services.GetRequiredService<PostMantisDb>()));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
