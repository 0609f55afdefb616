using Microsoft.Extensions.Options;
using PostMantis.Core.Vault;

namespace PostMantis.Api.Workers;

/// <summary>Looks for values under an older master key, at start and then every while.</summary>
internal sealed partial class ResealWorker(IServiceScopeFactory scopes, IOptions<VaultOptions> options, TimeProvider time,
    ILogger<ResealWorker> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.ResealEvery, time);
        do
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<Resealer>().RunOnceAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Error, "The re-seal pass failed and comes again.")]
    private partial void LogFailed(Exception exception);
}
