using Microsoft.Extensions.Options;

namespace PostMantis.Api.Sandbox;

/// <summary>Hosts the network inside the Api process, on its own port, when <c>Sandbox:Hosted</c> says so.</summary>
internal sealed partial class SandboxHost(IConfiguration configuration, IOptions<SandboxOptions> options,
    ILogger<SandboxHost> logger) : IHostedService
{
    private WebApplication? _app;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.Hosted) return;
        _app = SandboxApp.Build([], configuration);
        await _app.StartSandboxAsync(cancellationToken);
        Listening(logger, options.Value.Url);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is null) return;
        await _app.StopAsync(cancellationToken);
        await _app.DisposeAsync();
    }

    [LoggerMessage(LogLevel.Information, "The sandbox network listens at {Url}.")]
    private static partial void Listening(ILogger logger, Uri url);
}
