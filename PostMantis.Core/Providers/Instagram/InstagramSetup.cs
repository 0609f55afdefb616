using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Where Instagram is, and who we are there (Instagram Login).</summary>
public sealed class InstagramSettings : MetaLoginSettings
{
    public const string Section = "Providers:Instagram";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://graph.instagram.com");

    [Required]
    public override Uri SignInUrl { get; set; } = new("https://www.instagram.com");

    [Required]
    public override Uri TokenUrl { get; set; } = new("https://api.instagram.com");

    /// <summary>Longest caption, in code points; the unit is not documented.</summary>
    [Range(1, 10_000)]
    public int MaxCaption { get; set; } = 2200;

    /// <summary>Hashtags in a caption; the announced lower number is only advised.</summary>
    [Range(0, 100)]
    public int MaxHashtags { get; set; } = 30;

    /// <summary>More hashtags than these are warned of.</summary>
    [Range(0, 100)]
    public int AdvisedHashtags { get; set; } = 5;
}

/// <summary>Registers the network.</summary>
internal sealed class InstagramSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<InstagramProvider, InstagramSettings>(
        InstagramProvider.Name, InstagramSettings.Section,
        typeof(InstagramClient), typeof(InstagramPublisher), typeof(InstagramReconciler));
}
