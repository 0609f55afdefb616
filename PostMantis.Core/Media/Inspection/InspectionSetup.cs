using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Media.Conversion;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Registers inspection and conversion.</summary>
public static class InspectionSetup
{
    public static IServiceCollection AddMediaInspection(this IServiceCollection services)
    {
        services.AddOptions<InspectionOptions>().BindConfiguration(InspectionOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<MediaInspector>();
        services.AddSingleton<MetadataStripper>();
        services.AddSingleton<MediaConverter>();
        return services;
    }
}
