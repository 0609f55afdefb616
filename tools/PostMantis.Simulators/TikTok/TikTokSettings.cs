namespace PostMantis.Simulators.TikTok;

/// <summary>What a test may change at TikTok; the defaults are the notes' facts or, where unsure, guesses.</summary>
internal sealed class TikTokSettings
{
    public string ClientKey { get; set; } = "tiktok-key";
    public string ClientSecret { get; set; } = "tiktok-secret";

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    /// <summary>Whether https is wanted of redirects; a local trial has none.</summary>
    public bool HttpsRedirects { get; set; }

    /// <summary>Whether the app must show a challenge: true for desktop and mobile apps, reported for some web
    /// ones.</summary>
    public bool ChallengeRequired { get; set; }

    /// <summary>Whether the challenge is the hash in hex, as the desktop guide wants, or in base64url.</summary>
    public bool HexChallenge { get; set; } = true;

    public int AccessSeconds { get; set; } = 7200;
    public int RefreshSeconds { get; set; } = 15_552_000;

    /// <summary>Whether token errors come with status 200.</summary>
    public bool TokenErrorsAs200 { get; set; } = true;

    /// <summary>Whether TikTok audited the app; until then only private posts of private accounts.</summary>
    public bool Audited { get; set; } = true;

    /// <summary>Whether the app's cap of active creators is reached.</summary>
    public bool CreatorCapReached { get; set; }

    public int PostsPerDay { get; set; } = 15;
    public int PendingDrafts { get; set; } = 5;

    /// <summary>Hosts, or address prefixes with https://, proved to be the app's; any when empty.</summary>
    public string[] OwnedSources { get; set; } = [];

    /// <summary>Whether files may be pulled by plain http and from bare addresses; a local trial has no
    /// other.</summary>
    public bool PullFromAnywhere { get; set; }

    public double DownloadSeconds { get; set; } = 1;
    public double ProcessingSeconds { get; set; } = 2;

    /// <summary>How long after the post the public id is known.</summary>
    public double ModerationSeconds { get; set; } = 60;

    /// <summary>A reason for which the next post fails in processing; none when empty.</summary>
    public string? FailReason { get; set; }

    public long SmallestChunk { get; set; } = 5_000_000;
    public long LargestChunk { get; set; } = 64 << 20;
    public long LargestLastChunk { get; set; } = 128 << 20;
    public long VideoBytes { get; set; } = 4L << 30;
    public int DefaultVideoSeconds { get; set; } = 180;
    public long PhotoBytes { get; set; } = 20 << 20;

    /// <summary>The longer side of a photo: 1080p is 1920 by 1080, either way up.</summary>
    public int PhotoLongSide { get; set; } = 1920;

    public int PhotoShortSide { get; set; } = 1080;
    public int InitPerMinute { get; set; } = 6;
    public int StatusPerMinute { get; set; } = 30;
    public int CreatorInfoPerMinute { get; set; } = 20;
    public int ListPerMinute { get; set; } = 600;
}
