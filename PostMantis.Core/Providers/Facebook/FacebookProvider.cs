using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Facebook Pages: text, links, photos, videos, reels and stories.</summary>
internal sealed class FacebookProvider(
    FacebookConsent consent, FacebookPublisher publisher, FacebookReconciler reconciler, FacebookSettings settings)
    : Network(Name, consent, publisher, reconciler, settings.MissingClient(FacebookSettings.Section))
{
    public const string Name = "facebook";

    private static readonly MediaRule _photo = new(MediaKind.Image, ["image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"])
    {
        MaxBytes = 10_000_000, Upright = true, RgbOnly = true,
    };

    private static readonly MediaRule _moving = new(MediaKind.Image, ["image/gif"]) { Animated = true, MaxBytes = 10_000_000 };

    private static readonly MediaRule _video = new(MediaKind.Video, ["video/mp4", "video/quicktime"])
    {
        MaxCount = 1, Alone = true, MaxBytes = 1_000_000_000, AltText = false,
    };

    private static readonly MediaRule _reel = _video with
    {
        Types = ["video/mp4"], MinDurationMs = 3_000, MaxDurationMs = 90_000, MinWidth = 540, MinHeight = 960, MinFps = 24, MaxFps = 60,
        MinAspect = 0.5525, MaxAspect = 0.5725, VideoCodecs = ["h264", "hevc", "vp9", "av1"], AudioCodecs = ["aac"],
    };

    private static readonly MediaRule _story = _video with { MaxDurationMs = 60_000 };

    public override ProviderRules Rules { get; } = new(settings.MaxText, TextUnit.CodePoints, UrlCounts: null, BodyRequired: false,
        MaxMedia: settings.MaxPhotos, Link: true, MaxThreadParts: 0, FirstComment: false, AltText: true)
    {
        Media = new MediaRules([_photo, _moving, _video with { MaxBytes = settings.MaxVideoBytes }], MixedKinds: false),
        MaxAlt = settings.MaxAlt,
        Cover = false,
        LinkWithMedia = false,
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"placement": {"enum": ["feed", "reel", "story"], "default": "feed",
           "description": "A reel is one upright video. A story has one file and no text."},
         "title": {"type": "string", "minLength": 1, "maxLength": 255, "description": "Of a video or reel."}}
        """);

    public override IReadOnlyList<Issue> CheckOptions(JsonObject options) =>
        IsStory(options) && options["title"] is not null
            ? [.. base.CheckOptions(options), new Issue("/title", Rule.Excluded, "A story has no title.")]
            : base.CheckOptions(options);

    public override ProviderRules RulesFor(DeliveryContent content, ProviderRules rules) =>
        IsReel(content.Options) ? rules with { MaxMedia = 1, Link = false, Media = new MediaRules([_reel], Required: true) }
        : IsStory(content.Options)
            ? rules with { MaxText = 0, MaxMedia = 1, Link = false, Media = new MediaRules([_photo, _moving, _story], Required: true) }
        : content.Options["title"] is not null ? rules with { MaxMedia = 1, Media = new MediaRules([_video with { MaxBytes = settings.MaxVideoBytes }], Required: true) }
        : rules;

    public static bool IsReel(JsonObject options) => options.Text("placement") == "reel";

    public static bool IsStory(JsonObject options) => options.Text("placement") == "story";
}
