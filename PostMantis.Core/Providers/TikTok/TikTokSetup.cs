using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>Where TikTok is, and which app we are there; <c>ClientId</c> is its client key.</summary>
public sealed class TikTokSettings : ProviderSettings
{
    public const string Section = "Providers:TikTok";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://open.tiktokapis.com");

    /// <summary>Where people give consent.</summary>
    [Required]
    public Uri ConsentUrl { get; set; } = new("https://www.tiktok.com");

    /// <summary>TikTok's guides differ in how it is written, and whether it is wanted at all.</summary>
    public PkceChallenge Challenge { get; set; } = PkceChallenge.Hex;

    /// <summary>The largest film that is sent in one piece.</summary>
    [Range(5_242_880, 64_000_000)]
    public int OnePieceBytes { get; set; } = 64_000_000;

    /// <summary>How much of a larger film is sent at once.</summary>
    [Range(5_242_880, 64_000_000)]
    public int ChunkBytes { get; set; } = 10_000_000;

    /// <summary>How long a delivery waits for the public id, which comes after moderation.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "06:00:00")]
    public TimeSpan ModerationPatience { get; set; } = TimeSpan.FromMinutes(3);

    internal static IReadOnlyList<string> Scopes { get; } =
        ["user.info.basic", "user.info.profile", "video.publish", "video.list"];
}

/// <summary>Registers the network.</summary>
internal sealed class TikTokSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<TikTokProvider, TikTokSettings>(
        TikTokProvider.Name, TikTokSettings.Section, typeof(TikTokClient), typeof(TikTokConsent), typeof(TikTokStatus),
        typeof(TikTokPublisher));
}
