using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Deliveries;

/// <summary>Registers the room.</summary>
public static class DeliveriesSetup
{
    public static IServiceCollection AddDeliveries(this IServiceCollection services)
    {
        services.AddScoped<PostReader>();
        services.AddScoped<PostAcceptor>();
        services.AddScoped<PostEditor>();
        services.AddScoped<PostEvents>();
        services.AddScoped<ProfileDisconnector>();
        services.AddSingleton<DeliveryTelemetry>();
        return services;
    }
}
