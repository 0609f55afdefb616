namespace PostMantis.Simulators.X;

/// <summary>What a test may change at X; the defaults are the notes' facts and, where they are unsure,
/// guesses.</summary>
internal sealed class XSettings
{
    public string ClientId { get; set; } = "x-client";
    public string ClientSecret { get; set; } = "x-secret";

    /// <summary>Whether the app keeps a secret and must show it by a Basic header.</summary>
    public bool Confidential { get; set; } = true;

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    /// <summary>Whether a used refresh token, shown again, kills the tokens that came of it.</summary>
    public bool ReplayKillsFamily { get; set; } = true;

    public int RefreshDays { get; set; } = 182;
    public int TextLimit { get; set; } = 280;
    public int LongTextLimit { get; set; } = 25_000;

    /// <summary>Subscriptions that may write long posts.</summary>
    public string[] LongTextFor { get; set; } = ["Premium", "PremiumPlus"];

    /// <summary>Whether the app is on the self-serve tier: one cashtag, no quotes, replies only when spoken
    /// to.</summary>
    public bool SelfServe { get; set; } = true;

    /// <summary>Whether one may reply to one's own post on the self-serve tier.</summary>
    public bool OwnThreads { get; set; } = true;

    /// <summary>Whether the app's prepaid credits are used up.</summary>
    public bool CreditsDepleted { get; set; }

    /// <summary>Whether the app's monthly cap is reached.</summary>
    public bool UsageCapped { get; set; }

    /// <summary>Whether throttling comes as errors with code 88 instead of a problem.</summary>
    public bool OldThrottleBody { get; set; }

    /// <summary>How long a new post is missing from the timeline.</summary>
    public double TimelineLagSeconds { get; set; }

    /// <summary>How long a film or GIF is worked on.</summary>
    public double ProcessingSeconds { get; set; } = 2;

    public double DuplicateHours { get; set; } = 24;
    public long ImageBytes { get; set; } = 5 << 20;
    public long GifBytes { get; set; } = 15 << 20;
    public long VideoBytes { get; set; } = 512 << 20;
    public long SegmentBytes { get; set; } = 5 << 20;
    public double VideoSeconds { get; set; } = 140;
    public double AmplifySeconds { get; set; } = 140;

    /// <summary>Posts a user may write in 15 minutes.</summary>
    public int PostsPerWindow { get; set; } = 100;

    public int PostsPerDay { get; set; } = 10_000;
    public int UploadsPerWindow { get; set; } = 500;
    public int ChunksPerWindow { get; set; } = 1875;
}
