using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>Facebook Pages: text, links, photos, videos, reels and stories.</summary>
internal sealed class FacebookProvider : IProvider
{
    public const string Name = "facebook";
    private const int MostTitle = 255;
    private readonly FacebookSettings _settings;

    public FacebookProvider(
        FacebookConsent consent, FacebookPublisher publisher, FacebookReconciler reconciler, FacebookSettings settings)
    {
        (Consent, Publisher, Reconciler, _settings) = (consent, publisher, reconciler, settings);
        Rules = new ProviderRules(settings.MaxText, TextUnit.CodePoints, UrlCounts: null, BodyRequired: false,
            MaxMedia: settings.MaxPhotos, Link: true, MaxThreadParts: 0, FirstComment: false, AltText: true)
        {
            Media = new MediaRules([_photo, _moving, _video], MixedKinds: false),
            MaxAlt = 1000,
            Cover = false,
            LinkWithMedia = false,
        };
    }

    public string Id => Name;

    public string DisplayName => "Facebook";

    public IReadOnlyList<string> MissingSettings => _settings.MissingClient(FacebookSettings.Section);

    public ProviderRules Rules { get; }

    public JsonObject OptionsSchema { get; } = JsonNode.Parse($$"""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
         "properties": {
           "placement": {"enum": ["feed", "reel", "story"], "default": "feed",
             "description": "A reel is one upright video. A story has one file and no text."},
           "title": {"type": "string", "minLength": 1, "maxLength": {{MostTitle}}, "description": "Of a video or reel."} } }
        """)!.AsObject();

    public IConsent Consent { get; }

    public IPublisher Publisher { get; }

    public IReconciler Reconciler { get; }

    public IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        var placement = reader.OneOf<FacebookPlacement>("placement");
        var title = reader.String("title", min: 1, max: MostTitle);
        reader.Finish();
        if (placement == FacebookPlacement.Story && title is not null)
            issues.Add(new Issue("/title", Rule.Excluded, "A story has no title."));
        return issues;
    }

    public ProviderRules RulesFor(DeliveryContent content, ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(rules);
        return PlacementOf(content) switch
        {
            FacebookPlacement.Reel => rules with { MaxMedia = 1, Link = false, Media = new MediaRules([_reel], Required: true) },
            FacebookPlacement.Story => rules with
            {
                MaxText = 0, MaxMedia = 1, Link = false, Media = new MediaRules([_photo, _moving, _story], Required: true),
            },
            _ when content.Options["title"] is not null =>
                rules with { MaxMedia = 1, Media = new MediaRules([_video], Required: true) },
            _ => rules,
        };
    }

    /// <summary>Where the options want it.</summary>
    public static FacebookPlacement PlacementOf(DeliveryContent content) => content.Options["placement"].Text() switch
    {
        "reel" => FacebookPlacement.Reel,
        "story" => FacebookPlacement.Story,
        _ => FacebookPlacement.Feed,
    };

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
}

/// <summary>Where a post appears.</summary>
internal enum FacebookPlacement
{
    Feed,
    Reel,
    Story,
}
