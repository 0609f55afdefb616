using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.X;

/// <summary>X, API v2.</summary>
internal sealed partial class XProvider(XConsent consent, XPublisher publisher, XTimeline timeline, XSettings settings)
    : Network(Name, consent, publisher, timeline, string.IsNullOrWhiteSpace(settings.ClientId)
        ? [$"{Section}:{nameof(settings.ClientId)}", $"{Section}:{nameof(settings.ClientSecret)}"] : []), IAccountLimits
{
    public const string Name = "x";
    public const string Section = "Providers:X";

    public override ProviderRules Rules { get; } = new(280, TextUnit.Weighted, UrlCounts: 23, BodyRequired: false, MaxMedia: 4, Link: false,
        MaxThreadParts: settings.Threads ? 24 : 0, FirstComment: settings.Threads, AltText: true)
    {
        MaxAlt = 1000,
        NamesCountAsUrls = true,
        Cover = false,
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png", "image/webp", "image/gif"]) { MaxCount = 4, MaxBytes = 5_000_000 },
            new MediaRule(MediaKind.Image, ["image/gif"])
            {
                Animated = true, MaxCount = 1, Alone = true, MaxBytes = 15_000_000, MaxWidth = 1280, MaxHeight = 1080, MaxFrames = 350,
                MaxFramePixels = 300_000_000,
            },
            new MediaRule(MediaKind.Video, ["video/mp4", "video/quicktime"])
            {
                MaxCount = 1, Alone = true, MaxBytes = 512_000_000, MinDurationMs = 500, MaxDurationMs = 140_000, MinWidth = 32, MinHeight = 32,
                MaxWidth = 1280, MaxHeight = 1024, MinAspect = 1d / 3, MaxAspect = 3, MaxFps = 60, VideoCodecs = ["h264"], AudioCodecs = ["aac"],
            },
        ], MixedKinds: false),
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"replySettings": {"enum": ["following", "mentionedUsers", "subscribers", "verified"], "description": "Who may answer; everyone when left out."},
         "madeWithAi": {"type": "boolean", "description": "Says that the media were made with AI."},
         "paidPartnership": {"type": "boolean", "description": "Says that somebody paid for the post."}}
        """);

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
    [
        new BudgetRule("posts", BudgetScope.Profile, 100, TimeSpan.FromMinutes(15), BudgetKind.Rolling),
        new BudgetRule("appPosts", BudgetScope.App, 10_000, TimeSpan.FromDays(1), BudgetKind.Rolling),
    ];

    public override IAccountLimits AccountLimits => this;

    public TimeSpan FreshFor => TimeSpan.FromDays(1);

    public override ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) =>
        settings.LongTextFor.Split(',', StringSplitOptions.TrimEntries).Contains(facts.GetValueOrDefault(XConsent.SubscriptionFact, ""))
            ? Rules with { MaxText = settings.LongText } : Rules;

    public async Task<IReadOnlyDictionary<string, string>?> ReadAsync(PublishTarget target, GrantTokens tokens, CancellationToken ct) =>
        (await consent.AccountAsync(tokens, ct)).Destination?.Facts;

    public override IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count)
    {
        List<Issue> issues = [];
        var (body, money) = (content.Body ?? "", CultureInfo.InvariantCulture);
        if (settings.SelfServe && Cashtag().Count(body) is > 1 and var tags)
            issues.Add(new Issue("/body", Rule.TooMany, "X takes one cashtag in a post of this app.", Fix: "Leave out the others.", Limit: 1, Actual: tags, Unit: "items"));
        if (body.AsSpan().IndexOfAny('\uFFFE', '\uFEFF', '\uFFFF') >= 0)
            issues.Add(new Issue("/body", Rule.WrongFormat, "X does not take one of the characters."));
        if (Address().IsMatch(body))
            issues.Add(new Issue("/body", Rule.PriceChange, $"A post with a link costs the operator {settings.LinkPrice.ToString(money)} instead of {settings.PostPrice.ToString(money)} US dollars.", Severity.Warning));
        return issues;
    }

    [GeneratedRegex(@"(?<![\p{L}\p{N}$])\$[a-z]{1,6}(?:[._][a-z]{1,2})?(?![\p{L}\p{N}])", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Cashtag();

    [GeneratedRegex(@"https?://\S", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
