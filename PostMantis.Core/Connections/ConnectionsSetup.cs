using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Connections;

/// <summary>Registers the room.</summary>
public static class ConnectionsSetup
{
    public static IServiceCollection AddConnections(this IServiceCollection services)
    {
        services.AddOptions<ConnectionOptions>().BindConfiguration(ConnectionOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddScoped<ConnectionSessions>();
        services.AddScoped<GrantOpener>();
        services.AddScoped<AccountLimitsReader>();
        services.AddSingleton<TokenRefresher>();
        services.AddSingleton<ConnectionTelemetry>();
        return services;
    }
}
