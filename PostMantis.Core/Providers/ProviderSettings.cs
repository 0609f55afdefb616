using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Providers;

/// <summary>What every network's configuration has: section <c>Providers:{Network}</c>.</summary>
public abstract class ProviderSettings
{
    /// <summary>Where its API is.</summary>
    [Required]
    public virtual Uri BaseUrl { get; set; } = null!;

    /// <summary>The app as registered at the network; without it nobody can connect.</summary>
    public string? ClientId { get; set; }

    public string? ClientSecret { get; set; }

    /// <summary>How long one call may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long sending one file, or one part of it, may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:30:00")]
    public TimeSpan UploadTimeout { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>Whether people name the servers, so that calls may reach public addresses only.</summary>
    internal virtual bool IsGuarded => false;

    /// <summary>The settings of <paramref name="section"/> that connecting still lacks.</summary>
    internal IReadOnlyList<string> MissingClient(string section) =>
    [
        .. string.IsNullOrWhiteSpace(ClientId) ? [$"{section}:{nameof(ClientId)}"] : (string[])[],
        .. string.IsNullOrWhiteSpace(ClientSecret) ? [$"{section}:{nameof(ClientSecret)}"] : (string[])[],
    ];
}
