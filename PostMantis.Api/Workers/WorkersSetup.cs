using Microsoft.Extensions.Options;
using PostMantis.Core.Deliveries;

namespace PostMantis.Api.Workers;

/// <summary>Registers the loops, unless <c>Workers:Enabled</c> is false.</summary>
internal static class WorkersSetup
{
    private static readonly TimeSpan _toClose = TimeSpan.FromSeconds(10);

    public static IServiceCollection AddPostMantisWorkers(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddHealthChecks().AddCheck<QueueHealthCheck>("queue");
        if (!configuration.GetValue("Workers:Enabled", true)) return services;

        // What runs when the process stops is finished, called off, and then stored.
        services.AddOptions<HostOptions>().Configure<IOptions<DeliveryOptions>>((host, deliveries) =>
            host.ShutdownTimeout = (deliveries.Value.StopWithin * 2) + _toClose);

        services.AddHostedService<MemoryRest>();

        // Stopped in reverse: the heartbeat outlives what it holds.
        services.AddHostedService<HeartbeatWorker>();
        services.AddHostedService<ReplicaListener>();
        services.AddHostedService<ReplicaTeller>();
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
