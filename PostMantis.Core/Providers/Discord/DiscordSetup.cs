using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Discord;

/// <summary>Section <c>Providers:Discord</c>. People bring a bot of their own: there is no app for the operator to register.</summary>
public sealed class DiscordSettings : ProviderSettings
{
    [Required]
    public override Uri BaseUrl { get; set; } = new("https://discord.com/api/v10/");

    /// <summary>Where readers see a message.</summary>
    [Required]
    public Uri WebUrl { get; set; } = new("https://discord.com");

    /// <summary>Largest file in bytes; servers with boosts take more.</summary>
    [Range(1, 500_000_000)]
    public long FileBytes { get; set; } = 10_485_760;
}

internal sealed class DiscordSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<DiscordProvider, DiscordSettings>(
        DiscordProvider.Name, "Providers:Discord", typeof(DiscordClient), typeof(DiscordConsent), typeof(DiscordPublisher));
}
