namespace PostMantis.Simulators.Mastodon;

/// <summary>What a test may change at a Mastodon server; the defaults are the notes' facts or, where unsure,
/// guesses.</summary>
internal sealed class MastodonSettings
{
    /// <summary>Whether the server knows PKCE, the profile scope and discovery, as 4.3 does.</summary>
    public bool HasDiscovery { get; set; } = true;

    public int MaxCharacters { get; set; } = 500;
    public int MaxAttachments { get; set; } = 4;
    public int LinkCharacters { get; set; } = 23;
    public int DescriptionLimit { get; set; } = 1500;
    public long ImageBytes { get; set; } = 16 << 20;
    public long ImagePixels { get; set; } = 33_177_600;
    public long VideoBytes { get; set; } = 99 << 20;
    public int VideoFrameRate { get; set; } = 120;
    public long VideoPixels { get; set; } = 8_294_400;

    /// <summary>How long a film is worked on; images are ready at once.</summary>
    public double ProcessingSeconds { get; set; } = 2;

    /// <summary>Whether images are worked on too, and answered with 202.</summary>
    public bool SlowImages { get; set; }

    /// <summary>Whether the Idempotency-Key is honoured; forks may ignore it.</summary>
    public bool HonoursIdempotencyKey { get; set; } = true;

    public int IdempotencySeconds { get; set; } = 3600;

    /// <summary>How long a key is not yet known after its status exists; two requests at once then make two.</summary>
    public double KeyLagSeconds { get; set; }

    /// <summary>How long a file waits for a status.</summary>
    public double UnattachedHours { get; set; } = 24;

    /// <summary>Whether Reset is an ISO 8601 timestamp, or epoch seconds as some forks send.</summary>
    public bool IsoReset { get; set; } = true;

    public int RequestsPerFiveMinutes { get; set; } = 300;
    public int MediaPerHalfHour { get; set; } = 30;
    public int DeletesPerHalfHour { get; set; } = 30;
    public int StatusesPerThreeHours { get; set; } = 300;

    /// <summary>Types a server takes; a fork may take fewer.</summary>
    public string[] MimeTypes { get; set; } =
    [
        "image/jpeg", "image/png", "image/gif", "image/webp", "video/webm", "video/mp4", "video/quicktime",
    ];
}
