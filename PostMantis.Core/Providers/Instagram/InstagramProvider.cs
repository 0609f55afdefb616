using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Instagram by Instagram Login: pictures, reels, carousels and stories of professional accounts.</summary>
internal sealed class InstagramProvider(InstagramClient client, InstagramPublisher publisher, InstagramReconciler reconciler,
    InstagramSettings settings, TimeProvider time)
    : Network(Name, new MetaLogin(client, InstagramErrors.All, settings, _login, time), publisher, reconciler,
        settings.MissingClient(InstagramSettings.Section))
{
    public const string Name = "instagram";
    private static readonly string[] _scopes = ["instagram_business_basic", "instagram_business_content_publish"];
    private static readonly MetaLoginWay _login = new("ig", _scopes, _scopes,
        "user_id,username,name,account_type,profile_picture_url", "user_id", "profile_picture_url");

    private static readonly string[] _reelOnly = ["shareToFeed", "audioName"];

    // The network scales widths into its own range, and crops a carousel to its first picture.
    private static readonly MediaRule _image = new(MediaKind.Image, ["image/jpeg"])
    {
        MaxBytes = 8_000_000, MinAspect = 0.8, MaxAspect = 1.91, RgbOnly = true, Upright = true,
    };

    private static readonly MediaRule _reel = new(MediaKind.Video, ["video/mp4", "video/quicktime"])
    {
        MaxBytes = 300_000_000, MinDurationMs = 3_000, MaxDurationMs = 900_000, MaxWidth = 1920, MinFps = 23, MaxFps = 60,
        MinAspect = 0.01, MaxAspect = 10, MaxBitRate = 25_000_000, VideoCodecs = ["h264", "hevc"], AudioCodecs = ["aac"],
        AltText = false,
    };

    private static readonly MediaRule _storyVideo = _reel with { MaxBytes = 100_000_000, MaxDurationMs = 60_000 };

    public override ProviderRules Rules { get; } = new(settings.MaxCaption, TextUnit.CodePoints, UrlCounts: null, BodyRequired: false,
        MaxMedia: 10, Link: false, MaxThreadParts: 0, FirstComment: false, AltText: true)
    {
        Media = new MediaRules([_image with { MaxCount = 10 }, _reel with { MaxCount = 10 }], Required: true),
        MaxAlt = 1000,
        MaxHashtags = settings.MaxHashtags,
        AdvisedHashtags = settings.AdvisedHashtags,
        MaxMentions = 20,
    };

    // Names of collaborators are sent as a list with commas.
    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"placement": {"enum": ["feed", "story"], "default": "feed",
           "description": "A single video in the feed is a reel. A story has one file and no text."},
         "shareToFeed": {"type": "boolean", "description": "Reels: whether it shows in the feed besides the reels tab."},
         "audioName": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Reels: a name for the sound."},
         "collaborators": {"type": "array", "maxItems": 3,
           "items": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[^,]+$"},
           "description": "User names invited as co-authors."},
         "locationId": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[0-9]+$",
           "description": "Id of the place's Facebook Page."},
         "aiGenerated": {"type": "boolean", "description": "Whether it is labelled as made by AI."}}
        """);

    public override IReadOnlyList<Issue> CheckOptions(JsonObject options) => options.Text("placement") != "story"
        ? base.CheckOptions(options)
        :
        [
            .. base.CheckOptions(options), .. _reelOnly.Append("collaborators").Where(name => options[name] is not null)
                .Select(name => new Issue($"/{name}", Rule.Excluded, "A story has no such option.")),
        ];

    public override ProviderRules RulesFor(DeliveryContent content, ProviderRules rules)
    {
        if (InstagramPublisher.IsStory(content))
            return rules with
            {
                MaxText = 0,
                MaxMedia = 1,
                Media = new MediaRules([_image with { MinAspect = null, MaxAspect = null }, _storyVideo], Required: true),
            };
        return _reelOnly.Any(name => content.Options[name] is not null)
            ? rules with { MaxMedia = 1, Media = new MediaRules([_reel], Required: true) }
            : rules;
    }
}
