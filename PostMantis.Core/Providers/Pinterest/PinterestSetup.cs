using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Where Pinterest is, and which app we are there.</summary>
public sealed class PinterestSettings : ProviderSettings
{
    public const string Section = "Providers:Pinterest";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://api.pinterest.com");

    /// <summary>Where people give consent.</summary>
    [Required]
    public Uri ConsentUrl { get; set; } = new("https://www.pinterest.com");

    /// <summary>Whether secret boards are asked for as well.</summary>
    public bool SecretBoards { get; set; }

    /// <summary>Whether the app is older than 2025-09-25 and must ask for refresh tokens that are renewed.</summary>
    public bool ContinuousRefresh { get; set; }

    /// <summary>Whether the app has trial access only: 300 writes a day for all its users together.</summary>
    public bool Trial { get; set; }

    /// <summary>Longest description; 500 was reported of older apps.</summary>
    [Range(100, 800)]
    public int MaxDescription { get; set; } = 800;

    /// <summary>Largest picture and film in bytes, shortest and longest film: all reported, none documented.</summary>
    [Range(1, 100_000_000)]
    public long MaxPictureBytes { get; set; } = 20_000_000;

    [Range(1, 10_000_000_000)]
    public long MaxFilmBytes { get; set; } = 1_000_000_000;

    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan MinFilm { get; set; } = TimeSpan.FromSeconds(4);

    [Range(typeof(TimeSpan), "00:00:01", "06:00:00")]
    public TimeSpan MaxFilm { get; set; } = TimeSpan.FromMinutes(15);

    internal IReadOnlyList<string> Scopes =>
    [
        "boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read",
        .. SecretBoards ? ["boards:read_secret", "boards:write_secret", "pins:read_secret", "pins:write_secret"] : Array.Empty<string>(),
    ];
}

/// <summary>Registers the network.</summary>
internal sealed class PinterestSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<PinterestProvider, PinterestSettings>(
        PinterestProvider.Name, PinterestSettings.Section, typeof(PinterestClient), typeof(PinterestConsent),
        typeof(PinterestPublisher), typeof(PinterestReconciler));
}
