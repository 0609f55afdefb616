using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Where the sandbox network is, and who we are there.</summary>
public sealed class SandboxSettings : ProviderSettings
{
    public const string Section = "Providers:Sandbox";

    public SandboxSettings() =>
        (ClientId, ClientSecret, Timeout) = ("postmantis", "sandbox-client-secret", TimeSpan.FromSeconds(10));

    [Required]
    public override Uri BaseUrl { get; set; } = new("http://127.0.0.1:5081");
}

/// <summary>Registers the network.</summary>
internal sealed class SandboxSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<SandboxProvider, SandboxSettings>(
        ProviderCatalog.SandboxId, SandboxSettings.Section,
        typeof(SandboxClient), typeof(SandboxConsent), typeof(SandboxPublisher), typeof(SandboxReconciler));
}
