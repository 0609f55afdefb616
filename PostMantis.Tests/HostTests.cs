using System.Net;
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
}
