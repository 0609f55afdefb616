namespace PostMantis.Core.Providers.Sandbox;

/// <summary>What media the sandbox takes: a plain network of today, with one rule of each sort.</summary>
internal static class SandboxMedia
{
    public static MediaRules Rules { get; } = new(
    [
        new MediaRule(MediaKind.Image, ["image/jpeg", "image/png", "image/webp", "image/gif"])
        {
            MaxCount = 4, MaxBytes = 10_000_000, MaxWidth = 4096, MaxHeight = 4096,
        },
        new MediaRule(MediaKind.Image, ["image/gif"])
        {
            Animated = true, MaxCount = 1, Alone = true, MaxBytes = 15_000_000, MaxFrames = 350,
        },
        new MediaRule(MediaKind.Video, ["video/mp4"])
        {
            MaxCount = 1, Alone = true, MaxBytes = 100_000_000, MaxDurationMs = 140_000, MaxFps = 60,
            VideoCodecs = ["h264"], AudioCodecs = ["aac"],
        },
        new MediaRule(MediaKind.Document, ["application/pdf"]) { MaxCount = 1, Alone = true, MaxBytes = 20_000_000 },
    ], MixedKinds: false);
}
