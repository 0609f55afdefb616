using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>TikTok: a film, or photos, posted directly (docs/providers/tiktok.md).</summary>
internal sealed class TikTokProvider(
    TikTokSettings settings, TikTokClient client, TikTokConsent consent, TikTokPublisher publisher, TikTokStatus status)
    : Network(Name, consent, publisher, status, settings.MissingClient(TikTokSettings.Section))
{
    public const string Name = "tiktok";

    public override ProviderRules Rules { get; } = RulesFor(mostSeconds: 600);

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"privacyLevel": {"enum": ["publicToEveryone", "mutualFollowFriends", "followerOfCreator", "selfOnly"],
           "description": "Who sees it; there is no default, and the account decides what is offered."},
         "allowComments": {"type": "boolean", "default": false},
         "allowDuet": {"type": "boolean", "default": false, "description": "Films only."},
         "allowStitch": {"type": "boolean", "default": false, "description": "Films only."},
         "brandedContent": {"type": "boolean", "default": false, "description": "A paid partnership; never with selfOnly."},
         "ownBrand": {"type": "boolean", "default": false, "description": "It promotes the creator's own business."},
         "aiGenerated": {"type": "boolean", "default": false},
         "photoTitle": {"type": "string", "minLength": 1, "maxLength": 90,
           "description": "Title of photos; the body is their description."},
         "photoCoverIndex": {"type": "integer", "minimum": 0, "maximum": 19, "default": 0},
         "autoAddMusic": {"type": "boolean", "default": false, "description": "Photos only."}}
        """, "privacyLevel");

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
    [
        new BudgetRule("creatorDay", BudgetScope.Profile, 15, TimeSpan.FromDays(1), BudgetKind.Rolling),
        new BudgetRule("initPerMinute", BudgetScope.Profile, 6, TimeSpan.FromMinutes(1), BudgetKind.Rolling),
    ];

    public override IAccountLimits AccountLimits { get; } = new TikTokCreators(client);

    public override ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) =>
        facts.CountOf(TikTokCreators.SecondsFact) is > 0 and var seconds ? RulesFor(seconds) : Rules;

    public override JsonObject ChoicesOf(IReadOnlyDictionary<string, string> facts)
    {
        var choices = new JsonObject();
        foreach (var (fact, option) in new[] { (TikTokCreators.PrivacyFact, "privacyLevel"), (TikTokCreators.OffFact, "off") })
            if (facts.TryGetValue(fact, out var list))
                choices[option] = new JsonArray([.. list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(one => JsonValue.Create(one))]);
        return choices;
    }

    // A title is for photos: a film has none.
    public override ProviderRules RulesFor(DeliveryContent content, ProviderRules rules) =>
        content.Options["photoTitle"] is null || rules.Media is not { } media ? rules
            : rules with { Media = media with { Rules = [.. media.Rules.Where(rule => rule.Kind == MediaKind.Image)] } };

    public override IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count) =>
        content.Media.Count > 0 && content.Options.Number("photoCoverIndex") is { } cover && cover >= content.Media.Count
            ? [new Issue("/options/photoCoverIndex", Rule.OutOfRange, "It names none of the photos.", Limit: content.Media.Count - 1,
                Actual: cover, Unit: "items")] : [];

    public override IReadOnlyList<Issue> CheckOptions(JsonObject options) =>
        options.Flag("brandedContent") == true && options.Text("privacyLevel") == "selfOnly"
            ? [.. base.CheckOptions(options), new Issue("/brandedContent", Rule.Excluded,
                "A paid partnership cannot be seen by its creator alone.", Fix: "Choose another privacy level.")]
            : base.CheckOptions(options);

    private static ProviderRules RulesFor(long mostSeconds) => new(MaxText: 4000, TextUnit.Utf16, UrlCounts: null,
        BodyRequired: false, MaxMedia: 20, Link: false, MaxThreadParts: 0, FirstComment: false, AltText: false)
    {
        TextWith = [new TextWith(MediaKind.Video, 2200)],
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/webp"])
            {
                MaxCount = 20, MaxBytes = 20_000_000, MaxWidth = 1920, MaxHeight = 1920, MaxShortSide = 1080,
            },
            new MediaRule(MediaKind.Video, ["video/mp4", "video/quicktime", "video/webm"])
            {
                MaxCount = 1, Alone = true, MaxBytes = 4_000_000_000, MinWidth = 360, MinHeight = 360, MaxWidth = 4096, MaxHeight = 4096,
                MinFps = 23, MaxFps = 60, MaxDurationMs = mostSeconds * 1000, VideoCodecs = ["h264", "hevc", "vp8", "vp9"],
            },
        ], MixedKinds: false, Required: true),
    };
}

/// <summary>Our options as TikTok names them.</summary>
internal static class TikTokOptions
{
    private static readonly Dictionary<string, string> Levels = new()
    {
        ["publicToEveryone"] = "PUBLIC_TO_EVERYONE", ["mutualFollowFriends"] = "MUTUAL_FOLLOW_FRIENDS",
        ["followerOfCreator"] = "FOLLOWER_OF_CREATOR", ["selfOnly"] = "SELF_ONLY",
    };

    public static string Level(DeliveryContent content) => Levels.GetValueOrDefault(content.Options.Text("privacyLevel") ?? "") ?? "";

    /// <summary>Our name of a level; null for one we do not know.</summary>
    public static string? LevelOf(string level) => Levels.FirstOrDefault(pair => pair.Value == level).Key;

    /// <summary>What speaks against the post by what the creator may choose right now; null when nothing does.</summary>
    public static string? Objection(TikTokCreator creator, DeliveryContent content, PublishFile first)
    {
        if (!creator.PrivacyLevels.Contains(Level(content)))
            return $"The account does not offer this privacyLevel; it offers {string.Join(", ", creator.PrivacyLevels.Select(LevelOf).OfType<string>())}.";
        if (creator.Off.FirstOrDefault(option => content.Options.Flag(option) == true) is { } off)
            return $"The account has switched off what {off} asks for.";
        if (first.Kind == MediaKind.Video && content.Options.Text("photoTitle") is not null)
            return "A film has no title besides its text: leave out photoTitle.";
        return first.DurationMs > creator.MostSeconds * 1000L
            ? $"The account may post films of at most {creator.MostSeconds} seconds." : null;
    }
}
