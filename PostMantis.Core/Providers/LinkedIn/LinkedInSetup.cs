using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Where LinkedIn is, and which app we are there.</summary>
public sealed class LinkedInSettings : ProviderSettings
{
    public const string Section = "Providers:LinkedIn";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://api.linkedin.com");

    /// <summary>Where people sign in and tokens are traded.</summary>
    [Required]
    public Uri LoginUrl { get; set; } = new("https://www.linkedin.com");

    /// <summary>The version of the API; each lives for at least a year.</summary>
    [Required, RegularExpression("^20[0-9]{4}$")]
    public string Version { get; set; } = "202609";

    /// <summary>
    /// Whether the app has the Community Management product: then pages can be connected. Without it, asking for their
    /// scopes would end every sign-in.
    /// </summary>
    public bool Organizations { get; set; }

    /// <summary>Longest text; LinkedIn does not document it for posts.</summary>
    [Range(100, 10_000)]
    public int MaxText { get; set; } = 3000;

    /// <summary>How long to wait for a picture of a member, whose state cannot be read.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan UnreadableGrace { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Scopes for what is configured: always the same, because another set ends all tokens of a member.</summary>
    internal IReadOnlyList<string> Scopes => Organizations
        ? [.. Member, "w_organization_social", "r_organization_social", LinkedInConsent.AdminScope] : Member;

    private static string[] Member => ["openid", "profile", "w_member_social"];
}

/// <summary>Registers the network.</summary>
internal sealed class LinkedInSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<LinkedInProvider, LinkedInSettings>(
        LinkedInProvider.Name, LinkedInSettings.Section, typeof(LinkedInClient), typeof(LinkedInConsent),
        typeof(LinkedInUploads), typeof(LinkedInPublisher), typeof(LinkedInReconciler));
}
