using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Instagram by Instagram Login: pictures, reels, carousels and stories of professional accounts.</summary>
internal sealed class InstagramProvider : IProvider
{
    public const string Name = "instagram";
    private const int MostCollaborators = 3;
    private const int MostName = 100;
    private const int MostId = 50;

    private static readonly string[] _reelOnly = ["shareToFeed", "audioName"];
    private readonly InstagramSettings _settings;

    public InstagramProvider(InstagramClient client, InstagramPublisher publisher, InstagramReconciler reconciler,
        InstagramSettings settings, TimeProvider time)
    {
        (_settings, Publisher, Reconciler) = (settings, publisher, reconciler);
        Consent = new MetaLogin(client, InstagramErrors.All, settings, new MetaLoginWay("ig",
            ["instagram_business_basic", "instagram_business_content_publish"],
            ["instagram_business_basic", "instagram_business_content_publish"],
            "user_id,username,name,account_type,profile_picture_url", "user_id", "profile_picture_url"), time);
        Rules = new ProviderRules(settings.MaxCaption, TextUnit.CodePoints, UrlCounts: null, BodyRequired: false, MaxMedia: 10,
            Link: false, MaxThreadParts: 0, FirstComment: false, AltText: true)
        {
            Media = new MediaRules([_image with { MaxCount = 10 }, _reel with { MaxCount = 10 }], Required: true),
            MaxAlt = 1000,
            MaxHashtags = settings.MaxHashtags,
            AdvisedHashtags = settings.AdvisedHashtags,
            MaxMentions = 20,
        };
    }

    public string Id => Name;

    public string DisplayName => "Instagram";

    public IReadOnlyList<string> MissingSettings => _settings.MissingClient(InstagramSettings.Section);

    public ProviderRules Rules { get; }

    public JsonObject OptionsSchema { get; } = JsonNode.Parse($$"""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
         "properties": {
           "placement": {"enum": ["feed", "story"], "default": "feed",
             "description": "A single video in the feed is a reel. A story has one file and no text."},
           "shareToFeed": {"type": "boolean", "description": "Reels: whether it shows in the feed besides the reels tab."},
           "audioName": {"type": "string", "minLength": 1, "maxLength": {{MostName}}, "description": "Reels: a name for the sound."},
           "collaborators": {"type": "array", "maxItems": {{MostCollaborators}}, "items": {"type": "string", "minLength": 1, "maxLength": {{MostName}}},
             "description": "User names invited as co-authors."},
           "locationId": {"type": "string", "minLength": 1, "maxLength": {{MostId}}, "pattern": "^[0-9]+$",
             "description": "Id of the place's Facebook Page."},
           "aiGenerated": {"type": "boolean", "description": "Whether it is labelled as made by AI."} } }
        """)!.AsObject();

    public IConsent Consent { get; }

    public IPublisher Publisher { get; }

    public IReconciler Reconciler { get; }

    public IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        var placement = reader.OneOf<InstagramPlacement>("placement");
        reader.Boolean("shareToFeed");
        reader.String("audioName", min: 1, max: MostName);
        var people = reader.Array("collaborators", MostCollaborators);
        for (var i = 0; i < (people?.Count ?? 0); i++)
        {
            // Names are sent as a list with commas.
            if (reader.Text(people![i], $"/collaborators/{i}", min: 1, max: MostName)?.Contains(',', StringComparison.Ordinal) is true)
                issues.Add(new Issue($"/collaborators/{i}", Rule.WrongFormat, "Give one user name."));
        }
        if (reader.String("locationId", min: 1, max: MostId) is { } place && !place.All(char.IsAsciiDigit))
            issues.Add(new Issue("/locationId", Rule.WrongFormat, "Must be digits."));
        reader.Boolean("aiGenerated");
        reader.Finish();
        if (placement == InstagramPlacement.Story)
            foreach (var name in _reelOnly.Append("collaborators").Where(name => options[name] is not null))
                issues.Add(new Issue($"/{name}", Rule.Excluded, "A story has no such option."));
        return issues;
    }

    public ProviderRules RulesFor(DeliveryContent content, ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(rules);
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
}

/// <summary>Where a post appears.</summary>
internal enum InstagramPlacement
{
    Feed,
    Story,
}
