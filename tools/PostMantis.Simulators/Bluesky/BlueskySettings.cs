namespace PostMantis.Simulators.Bluesky;

/// <summary>What a test may change at Bluesky; the defaults are the notes' facts and, where they are unsure, guesses.</summary>
internal sealed class BlueskySettings
{
    /// <summary>The largest image a post may show; some hosts still say 1 000 000.</summary>
    public long ImageBytes { get; set; } = 2_000_000;

    /// <summary>The largest film a post may show; 100 000 000 before August 2026.</summary>
    public long VideoBytes { get; set; } = 300_000_000;
}
