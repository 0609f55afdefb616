using System.ComponentModel.DataAnnotations;

namespace PostMantis.Api.Sandbox;

/// <summary>The sandbox network: where it listens and how strict it is.</summary>
internal sealed class SandboxOptions
{
    public const string Section = "Sandbox";

    /// <summary>Whether the Api process hosts the network itself (./run does); else the verb <c>sandbox</c> runs it alone.</summary>
    public bool Hosted { get; set; }

    [Required]
    public Uri Url { get; set; } = new("http://127.0.0.1:5081");

    /// <summary>Opens <c>/control</c>: holding requests back, refusing tokens, losing answers. For tests only.</summary>
    public bool Control { get; set; }

    [Required, MinLength(1)]
    public string ClientId { get; set; } = "postmantis";

    [Required, MinLength(8)]
    public string ClientSecret { get; set; } = "sandbox-client-secret";

    /// <summary>The one address codes are sent to; null: any loopback address with the path of our callback.</summary>
    public Uri? RedirectUri { get; set; }

    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan AccessTokenLifetime { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a refresh token that was just traded is answered again, as networks do for lost answers.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan RefreshGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long <c>slowProcessing</c> takes.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ProcessingTime { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a new post stays out of the listing that programs read; its page shows it at once.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ListingDelay { get; set; }

    /// <summary>Posts a minute for each page; 0: no limit.</summary>
    [Range(0, 1_000_000)]
    public int PostsPerMinute { get; set; }

    /// <summary>When a post with the fault <c>removedLater</c> disappears.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan RemovedAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest text, in grapheme clusters.</summary>
    [Range(1, 10_000)]
    public int MaxText { get; set; } = 500;
}
