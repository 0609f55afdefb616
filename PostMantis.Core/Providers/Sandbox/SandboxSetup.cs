using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Where the sandbox network is, and who we are there.</summary>
public sealed class SandboxSettings
{
    public const string Section = "Providers:Sandbox";

    [Required]
    public Uri BaseUrl { get; set; } = new("http://127.0.0.1:5081");

    [Required, MinLength(1)]
    public string ClientId { get; set; } = "postmantis";

    [Required, MinLength(8)]
    public string ClientSecret { get; set; } = "sandbox-client-secret";

    /// <summary>How long one call may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Registers the network.</summary>
public static class SandboxSetup
{
    public static IServiceCollection AddSandboxProvider(this IServiceCollection services)
    {
        services.AddOptions<SandboxSettings>().BindConfiguration(SandboxSettings.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient(SandboxClient.Name, (provider, client) =>
        {
            var settings = provider.GetRequiredService<IOptions<SandboxSettings>>().Value;
            client.BaseAddress = settings.BaseUrl;
            client.Timeout = settings.Timeout;
            client.MaxResponseContentBufferSize = SandboxClient.MostAnswer;
        });
        services.AddSingleton<SandboxClient>();
        services.AddSingleton<SandboxConsent>();
        services.AddSingleton<SandboxPublisher>();
        services.AddSingleton<SandboxReconciler>();
        services.AddSingleton<IProvider, SandboxProvider>();
        return services;
    }
}
