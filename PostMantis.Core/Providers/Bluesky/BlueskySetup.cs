using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>Section <c>Providers:Bluesky</c>. There is no app to register: the client's id is an address of this instance.</summary>
public sealed class BlueskySettings : AtprotoSettings
{
    /// <summary>Where names and pictures are read.</summary>
    [Required]
    public Uri AppViewUrl { get; set; } = new("https://public.api.bsky.app");

    [Required]
    public Uri VideoUrl { get; set; } = new("https://video.bsky.app");

    /// <summary>Where readers see a post.</summary>
    [Required]
    public Uri WebUrl { get; set; } = new("https://bsky.app");

    /// <summary>From this size on films go in parts that resume.</summary>
    [Range(1, 300_000_000)]
    public long VideoPartsFrom { get; set; } = 50_000_000;

    internal override string Network => BlueskyProvider.Name;
}

internal sealed class BlueskySetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddSingleton<AtprotoSettings>(provider => provider.GetRequiredService<BlueskySettings>())
        .AddNetwork<BlueskyProvider, BlueskySettings>(
        BlueskyProvider.Name, "Providers:Bluesky", typeof(AtprotoClient), typeof(AtprotoIdentity), typeof(AtprotoOAuth),
        typeof(BlueskyConsent), typeof(BlueskyFiles), typeof(BlueskyPublisher));
}
