using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>Section <c>Providers:Mastodon</c>. People name their servers, and PostMantis registers itself at each.</summary>
public sealed class MastodonSettings : ProviderSettings
{
    /// <summary>The server of people who name none.</summary>
    [Required]
    public override Uri BaseUrl { get; set; } = new("https://mastodon.social");

    /// <summary>What servers show beside a post as the app it came from.</summary>
    [Required, StringLength(60, MinimumLength = 1)]
    public string AppName { get; set; } = "PostMantis";

    /// <summary>How long a server remembers an idempotency key.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan KeyLife { get; set; } = TimeSpan.FromMinutes(55);

    /// <summary>A call is repeated no sooner: two at once could both create.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RepeatAfter { get; set; } = TimeSpan.FromMinutes(1);

    internal override bool IsGuarded => true;
}

internal sealed class MastodonSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<MastodonProvider, MastodonSettings>(
        MastodonProvider.Name, "Providers:Mastodon", typeof(MastodonClient), typeof(MastodonConsent),
        typeof(MastodonPublisher), typeof(MastodonStatuses));
}
