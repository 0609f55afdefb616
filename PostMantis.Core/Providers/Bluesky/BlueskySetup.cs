using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>Section <c>Providers:Bluesky</c>. There is no app to register: the client's id is an address of this instance.</summary>
public sealed class BlueskySettings : ProviderSettings
{
    /// <summary>Where people sign in who name no server of their own.</summary>
    [Required]
    public override Uri BaseUrl { get; set; } = new("https://bsky.social");

    /// <summary>The directory of <c>did:plc</c> accounts.</summary>
    [Required]
    public Uri DirectoryUrl { get; set; } = new("https://plc.directory");

    /// <summary>Where names and pictures are read.</summary>
    [Required]
    public Uri AppViewUrl { get; set; } = new("https://public.api.bsky.app");

    [Required]
    public Uri VideoUrl { get; set; } = new("https://video.bsky.app");

    /// <summary>Where readers see a post.</summary>
    [Required]
    public Uri WebUrl { get; set; } = new("https://bsky.app");

    /// <summary>What OAuth asks for; <c>transition:generic</c> is to give way to finer permissions one day.</summary>
    [Required]
    public string Scope { get; set; } = "atproto transition:generic";

    /// <summary>A P-256 private key as PEM; with it grants last longer (a confidential client).</summary>
    public string? ClientKey { get; set; }

    /// <summary>From this size on films go in parts that resume.</summary>
    [Range(1, 300_000_000)]
    public long VideoPartsFrom { get; set; } = 50_000_000;

    internal override bool IsGuarded => true;
}

internal sealed class BlueskySetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<BlueskyProvider, BlueskySettings>(
        BlueskyProvider.Name, "Providers:Bluesky", typeof(BlueskyClient), typeof(BlueskyIdentity), typeof(BlueskyOAuth),
        typeof(BlueskyConsent), typeof(BlueskyFiles), typeof(BlueskyPublisher));
}
