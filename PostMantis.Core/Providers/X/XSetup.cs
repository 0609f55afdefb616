using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.X;

/// <summary>Section <c>Providers:X</c>.</summary>
public sealed class XSettings : ProviderSettings
{
    [Required]
    public override Uri BaseUrl { get; set; } = new("https://api.x.com");

    /// <summary>Where people say yes.</summary>
    [Required]
    public Uri AuthorizeUrl { get; set; } = new("https://x.com/i/oauth2/authorize");

    /// <summary>Where readers see a post.</summary>
    [Required]
    public Uri WebUrl { get; set; } = new("https://x.com");

    /// <summary>Whether threads and first comments are offered: X may refuse self-serve apps replies, even to oneself.</summary>
    public bool Threads { get; set; }

    /// <summary>Whether the app is on the self-serve tier, which takes one cashtag in a post.</summary>
    public bool SelfServe { get; set; } = true;

    /// <summary>Subscriptions that write long posts, separated by commas, and how long those are.</summary>
    public string LongTextFor { get; set; } = "Premium,PremiumPlus";

    [Range(280, 100_000)]
    public int LongText { get; set; } = 25_000;

    /// <summary>Bytes of one part of an upload.</summary>
    [Range(65_536, 5_242_880)]
    public int SegmentBytes { get; set; } = 4_000_000;

    /// <summary>What a post costs the operator in US dollars, without and with a link.</summary>
    public decimal PostPrice { get; set; } = 0.015m;

    public decimal LinkPrice { get; set; } = 0.20m;
}

internal sealed class XSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<XProvider, XSettings>(XProvider.Name, XProvider.Section,
        typeof(XClient), typeof(XConsent), typeof(XFiles), typeof(XTimeline), typeof(XPublisher));
}
