using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Queue;

/// <summary>Registers the room.</summary>
public static class QueueSetup
{
    public static IServiceCollection AddQueue(this IServiceCollection services)
    {
        services.AddOptions<QueueOptions>().BindConfiguration(QueueOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<WorkerIdentity>();
        services.AddSingleton<WakeUp>();
        services.AddSingleton<PostChanges>();
        services.AddSingleton<Heartbeat>();
        services.AddSingleton<HeldLeases>();
        services.AddSingleton<FreedLanes>();
        services.AddSingleton<ReachedItems>();
        services.AddSingleton<ArrivedItem>();
        services.AddSingleton<QueueTelemetry>();
        services.AddSingleton<ReplicaSignals>();
        services.AddScoped<WorkQueue>();
        services.AddScoped<InstancePause>();
        services.AddSingleton<InstanceLineage>();
        return services;
    }
}
