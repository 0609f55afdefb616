using Microsoft.Extensions.Hosting;

namespace PostMantis.AppHost;

/// <summary>
/// Stops the Api while its database still answers; Aspire would end all at once, and the Api finishes what it sends.
/// Added last, so it is the first of the host's services to be stopped.
/// </summary>
internal sealed class StopApiFirst(ResourceCommandService commands) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Console.WriteLine("Stopping …");
        return commands.ExecuteCommandAsync("api", KnownResourceCommands.StopCommand, cancellationToken);
    }
}
