namespace PostMantis.Simulators.Bluesky;

/// <summary>What a test may change at Bluesky; the defaults are the notes' facts or, where unsure, guesses.</summary>
internal sealed class BlueskySettings
{
    public int AccessMinutes { get; set; } = 120;
    public int RefreshDays { get; set; } = 90;

    /// <summary>How long a used refresh token of a password session still serves.</summary>
    public double RefreshGraceHours { get; set; } = 2;

    public int OAuthAccessMinutes { get; set; } = 30;
    public int PublicRefreshDays { get; set; } = 14;
    public int ConfidentialRefreshDays { get; set; } = 90;
    public int SessionsPerFiveMinutes { get; set; } = 30;
    public int SessionsPerDay { get; set; } = 300;
    public int PointsPerHour { get; set; } = 5000;
    public int PointsPerDay { get; set; } = 35_000;
    public int RequestsPerFiveMinutes { get; set; } = 3000;

    /// <summary>Whether putting the identical record again does nothing; other servers may differ.</summary>
    public bool PutIsNoOp { get; set; } = true;

    /// <summary>The largest image a post may show; some hosts still say 1 000 000.</summary>
    public long ImageBytes { get; set; } = 2_000_000;

    /// <summary>The largest film a post may show; 100 000 000 before August 2026.</summary>
    public long VideoBytes { get; set; } = 300_000_000;

    /// <summary>The largest blob the server takes; 5 MB where people host themselves.</summary>
    public long BlobBytes { get; set; } = 50_000_000;

    /// <summary>How long a blob that no record shows is kept.</summary>
    public double UnusedBlobHours { get; set; } = 1;

    public double VideoSeconds { get; set; } = 180;
    public int VideosPerDay { get; set; } = 25;
    public long VideoBytesPerDay { get; set; } = 10_000_000_000;
    public double ProcessingSeconds { get; set; } = 2;
    public int PartBytes { get; set; } = 5_000_000;

    /// <summary>Whether the job comes inside "jobStatus", as the lexicon says, or bare.</summary>
    public bool WrapJob { get; set; } = true;

    /// <summary>The status that comes with already_exists.</summary>
    public int AlreadyExistsStatus { get; set; } = 409;

    /// <summary>A failure code for the next film; none when empty.</summary>
    public string? FailureCode { get; set; }

    /// <summary>Whether the token for upload limits must name the video service as its audience.</summary>
    public bool LimitsWantServiceAudience { get; set; } = true;
}
