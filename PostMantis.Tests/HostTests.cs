using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PostMantis.Api;
using PostMantis.Tests.Support;

namespace PostMantis.Tests;

public sealed class HostTests
{
    [Fact]
    public async Task The_process_starts_on_a_migrated_database_and_is_healthy()
    {
        await using var host = await PostMantisHost.StartAsync();
        var alive = await host.Client.GetAsync(new Uri("/alive", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        var health = await host.Client.GetAsync(new Uri("/health", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Fact]
    public async Task A_stop_while_it_starts_ends_it_and_stops_what_has_started()
    {
        var connectionString = await PostgresServer.Current.CreateDatabaseAsync();
        await using var app = PostMantisHost.Build(connectionString, configure: builder =>
            builder.Services.AddSingleton<Impatient>().AddHostedService(services => services.GetRequiredService<Impatient>()));
        await app.ServeAsync();
        Assert.True(app.Services.GetRequiredService<Impatient>().IsStopped);
        Assert.False(app.Lifetime.ApplicationStarted.IsCancellationRequested);
    }

    /// <summary>Asks for the stop before the services after it have started.</summary>
    private sealed class Impatient(IHostApplicationLifetime lifetime) : IHostedService
    {
        public bool IsStopped { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            lifetime.StopApplication();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            IsStopped = true;
            return Task.CompletedTask;
        }
    }
}
