using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>How TikTok wants the PKCE challenge: the guides differ.</summary>
public enum TikTokChallenge
{
    /// <summary>The hash in hexadecimal, as the desktop guide has it.</summary>
    Hex,

    /// <summary>The hash as RFC 7636 writes it.</summary>
    Base64Url,

    /// <summary>No challenge: the state alone.</summary>
    None,
}

/// <summary>Where TikTok is, and which app we are there; <c>ClientId</c> is its client key.</summary>
public sealed class TikTokSettings : ProviderSettings
{
    public const string Section = "Providers:TikTok";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://open.tiktokapis.com");

    /// <summary>Where people give consent.</summary>
    [Required]
    public Uri ConsentUrl { get; set; } = new("https://www.tiktok.com");

    public TikTokChallenge Challenge { get; set; } = TikTokChallenge.Hex;

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
        typeof(TikTokPublisher), typeof(TikTokReconciler));
}
