using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>Where YouTube and Google's sign-in are, and which app we are there.</summary>
public sealed class YouTubeSettings : ProviderSettings
{
    public const string Section = "Providers:YouTube";

    /// <summary>Chunks are multiples of this many bytes.</summary>
    internal const int Grain = 262_144;

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://www.googleapis.com");

    /// <summary>Where people give consent.</summary>
    [Required]
    public Uri ConsentUrl { get; set; } = new("https://accounts.google.com");

    /// <summary>Where tokens are traded.</summary>
    [Required]
    public Uri TokenUrl { get; set; } = new("https://oauth2.googleapis.com");

    /// <summary>How much of a film is sent at once, in steps of 256 KiB.</summary>
    [Range(1, 256)]
    public int ChunkGrains { get; set; } = 32;

    /// <summary>How long a delivery waits for YouTube to work on a film before it counts as published all the same.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "06:00:00")]
    public TimeSpan ProcessingPatience { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Films a day that Google grants to the project.</summary>
    [Range(1, 1_000_000)]
    public int UploadsPerDay { get; set; } = 100;

    internal static IReadOnlyList<string> Scopes { get; } =
        ["https://www.googleapis.com/auth/youtube.upload", "https://www.googleapis.com/auth/youtube.readonly"];
}

/// <summary>Registers the network.</summary>
internal sealed class YouTubeSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<YouTubeProvider, YouTubeSettings>(
        YouTubeProvider.Name, YouTubeSettings.Section, typeof(YouTubeClient), typeof(YouTubeConsent), typeof(YouTubeUploads),
        typeof(YouTubePublisher), typeof(YouTubeReconciler));
}
