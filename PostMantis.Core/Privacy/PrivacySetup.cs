using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Privacy;

/// <summary>Registers the room.</summary>
public static class PrivacySetup
{
    public static IServiceCollection AddPrivacy(this IServiceCollection services)
    {
        services.AddOptions<PrivacyOptions>().BindConfiguration(PrivacyOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddScoped<Exporter>();
        services.AddScoped<Erasures>();
        services.AddScoped<Eraser>();
        return services;
    }
}
