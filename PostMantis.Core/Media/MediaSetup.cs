using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Media.Inspection;

namespace PostMantis.Core.Media;

/// <summary>Registers the room.</summary>
public static class MediaSetup
{
    public static IServiceCollection AddMedia(this IServiceCollection services)
    {
        services.AddOptions<MediaOptions>().BindConfiguration(MediaOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<MediaOptions>, MediaAtStart>();
        services.AddSingleton<MediaUrls>();
        services.AddSingleton<MediaScratch>();
        services.AddSingleton<MediaVersions>();
        services.AddSingleton<LocalMediaStore>();
        services.AddSingleton<S3MediaStore>();
        services.AddSingleton<IMediaStore>(provider =>
            provider.GetRequiredService<IOptions<MediaOptions>>().Value.Store == MediaStoreKind.S3
                ? provider.GetRequiredService<S3MediaStore>()
                : provider.GetRequiredService<LocalMediaStore>());
        services.AddScoped<MediaLibrary>();
        services.AddScoped<ArtifactReader>();
        services.AddScoped<ArtifactSettler>();
        services.AddScoped<MediaQuota>();
        services.AddScoped<MediaFiles>();
        services.AddScoped<Imports>();
        services.AddScoped<Uploads>();
        services.AddSingleton<MediaImporter>();
        services.AddScoped<MediaSweeper>();
        services.AddMediaInspection();
        return services;
    }
}
