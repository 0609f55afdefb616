using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Where Facebook is, and who we are there.</summary>
public sealed class FacebookSettings : MetaSettings
{
    public const string Section = "Providers:Facebook";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://graph.facebook.com");

    /// <summary>Where people give consent.</summary>
    [Required]
    public Uri SignInUrl { get; set; } = new("https://www.facebook.com");

    /// <summary>Where videos of the feed are announced.</summary>
    [Required]
    public Uri VideoUrl { get; set; } = new("https://graph-video.facebook.com");

    /// <summary>Where reels and stories are uploaded.</summary>
    [Required]
    public Uri UploadUrl { get; set; } = new("https://rupload.facebook.com");

    /// <summary>Whether Pages that a business holds are offered too; it needs one permission more.</summary>
    public bool BusinessPages { get; set; }

    /// <summary>Longest text, in code points; widely quoted, not documented.</summary>
    [Range(1, 100_000)]
    public int MaxText { get; set; } = 63_206;

    /// <summary>Photos in one post; not documented.</summary>
    [Range(1, 20)]
    public int MaxPhotos { get; set; } = 10;

    /// <summary>Longest alternative text and largest video in bytes; neither is documented.</summary>
    [Range(1, 10_000)]
    public int MaxAlt { get; set; } = 1000;

    [Range(1, 10_000_000_000)]
    public long MaxVideoBytes { get; set; } = 1_000_000_000;
}

/// <summary>Registers the network.</summary>
internal sealed class FacebookSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<FacebookProvider, FacebookSettings>(
        FacebookProvider.Name, FacebookSettings.Section, typeof(FacebookClient), typeof(FacebookConsent),
        typeof(FacebookFiles), typeof(FacebookShorts), typeof(FacebookPublisher), typeof(FacebookReconciler));
}
