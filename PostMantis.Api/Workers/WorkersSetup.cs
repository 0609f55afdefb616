using Microsoft.Extensions.Options;
using PostMantis.Core.Deliveries;

namespace PostMantis.Api.Workers;

/// <summary>Registers the loops: those of every process, and unless <c>Workers:Enabled</c> is false those that publish.</summary>
internal static class WorkersSetup
{
    private static readonly TimeSpan _toClose = TimeSpan.FromSeconds(10);

    /// <param name="joins">False: the process does not tell others of itself and does not hear of them.</param>
    public static IServiceCollection AddPostMantisWorkers(
        this IServiceCollection services, IConfiguration configuration, bool joins)
    {
        services.AddHealthChecks().AddCheck<QueueHealthCheck>("queue");
        if (joins)
        {
            services.AddHostedService<MemoryRest>();

            // Stopped in reverse: the heartbeat outlives what it holds.
            services.AddHostedService<HeartbeatWorker>();
            services.AddHostedService<ReplicaListener>();
            services.AddHostedService<ReplicaTeller>();
        }
        if (!configuration.GetValue("Workers:Enabled", true)) return services;

        // What runs when the process stops is finished, called off, and then stored.
        services.AddOptions<HostOptions>().Configure<IOptions<DeliveryOptions>>((host, deliveries) =>
            host.ShutdownTimeout = (deliveries.Value.StopWithin * 2) + _toClose);

        services.AddHostedService<RecoveryWorker>();
        services.AddHostedService<SessionWorker>();
        services.AddHostedService<RetentionWorker>();
        services.AddHostedService<AuditWorker>();
        services.AddHostedService<EraseWorker>();
        services.AddHostedService<TokenWorker>();
        services.AddHostedService<ImportWorker>();
        services.AddHostedService<PrepareWorker>();
        services.AddHostedService<MediaSweepWorker>();
        services.AddHostedService<SequenceWorker>();
        services.AddHostedService<ReplayWorker>();
        services.AddHostedService<WebhookWorker>();
        services.AddHostedService<ReconcileWorker>();
        services.AddHostedService<DeliveryWorker>();
        return services;
    }
}
