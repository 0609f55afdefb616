namespace PostMantis.Simulators.YouTube;

/// <summary>What a test may change at YouTube; the defaults are the notes' facts or, where unsure, guesses.</summary>
internal sealed class YouTubeSettings
{
    public string ClientId { get; set; } = "google-client";
    public string ClientSecret { get; set; } = "google-secret";

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    /// <summary>Whether the consent screen is in testing: refresh tokens then die after seven days.</summary>
    public bool Testing { get; set; }

    /// <summary>Whether the answer to the code says how long the refresh token lives.</summary>
    public long? RefreshSeconds { get; set; }

    /// <summary>How long an upload session waits for bytes.</summary>
    public double SessionHours { get; set; } = 7 * 24;

    /// <summary>Whether an upload counts when its session starts, or when it ends.</summary>
    public bool ChargeAtStart { get; set; } = true;

    /// <summary>Whether a session that is gone answers 410 instead of 404.</summary>
    public bool GoneIs410 { get; set; }

    public double ProcessingSeconds { get; set; } = 2;

    /// <summary>How long after processing a rejection comes.</summary>
    public double RejectionSeconds { get; set; } = 60;

    /// <summary>A reason for which every film is rejected later, as copyright; none when empty.</summary>
    public string? RejectionReason { get; set; }

    /// <summary>Whether the channel's own upload limit is reached.</summary>
    public bool UploadLimitReached { get; set; }

    /// <summary>Whether every call is answered as too fast.</summary>
    public bool TooFast { get; set; }

    public int InsertsPerDay { get; set; } = 100;
    public int UnitsPerDay { get; set; } = 10_000;
    public long VideoBytes { get; set; } = 256L << 30;
    public long ThumbnailBytes { get; set; } = 50 << 20;
    public double UnverifiedSeconds { get; set; } = 900;
    public int RefreshTokensPerUser { get; set; } = 100;
}
