using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Connections;

/// <summary>How long trips last and when tokens are renewed.</summary>
public sealed class ConnectionOptions
{
    public const string Section = "Connections";

    /// <summary>How long each half of a consent trip may take: at the network, and choosing.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan SessionLifetime { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long before its end an access token is renewed: at least a tenth of its life, at most half.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "7.00:00:00")]
    public TimeSpan RefreshAhead { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long before the end of a consent that cannot be renewed <c>profile.expiring</c> tells of it.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "60.00:00:00")]
    public TimeSpan ExpiringAhead { get; set; } = TimeSpan.FromDays(7);

    /// <summary>An access token with less than this left is not used for a call.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan LeastLife { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>First wait after a refresh that came to nothing; it doubles, with jitter, up to an hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan RefreshRetry { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many tokens are renewed at once.</summary>
    [Range(1, 100)]
    public int RefreshSlots { get; set; } = 8;
}
