using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Access;

/// <summary>Registers the room.</summary>
public static class AccessSetup
{
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.AddScoped<ApiKeys>();
        services.AddSingleton<ApiKeyCache>();
        services.AddSingleton<KeyRefusals>();
        services.AddSignIn();
        services.AddOptions<ApiRateLimitOptions>().BindConfiguration(ApiRateLimitOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ApiRateLimits>();
        return services;
    }
}
