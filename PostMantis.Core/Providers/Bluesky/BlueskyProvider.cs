using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>Bluesky and every server of the AT Protocol.</summary>
internal sealed class BlueskyProvider(BlueskyConsent consent, BlueskyPublisher publisher, AtprotoOAuth oauth)
    : Network(Name, consent, publisher, publisher)
{
    public const string Name = "bluesky";
    private const int MostBytes = 3000;

    public override ProviderRules Rules { get; } = new(300, TextUnit.Graphemes, UrlCounts: null, BodyRequired: false, MaxMedia: 10,
        Link: true, MaxThreadParts: 20, FirstComment: true, AltText: true)
    {
        LinkWithMedia = false,
        Cover = false,
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png", "image/webp"]) { MaxCount = 10, MaxBytes = 2_000_000 },
            new MediaRule(MediaKind.Image, ["image/gif"]) { Animated = true, MaxCount = 1, Alone = true, MaxBytes = 2_000_000 },
            new MediaRule(MediaKind.Video, ["video/mp4"])
            {
                MaxCount = 1, Alone = true, MaxBytes = 300_000_000, MaxDurationMs = 180_000, VideoCodecs = ["h264"], AudioCodecs = ["aac"],
            },
        ], MixedKinds: false),
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"languages": {"type": "array", "maxItems": 3, "items": {"type": "string", "minLength": 2, "maxLength": 35, "pattern": "^[a-zA-Z0-9-]*$"},
           "description": "BCP 47 tags of the text's languages, such as en or pt-BR."},
         "linkTitle": {"type": "string", "maxLength": 300, "description": "Title of the link card; the link's host when left out."},
         "linkDescription": {"type": "string", "maxLength": 1000, "description": "Text of the link card."}}
        """);

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
    [
        new BudgetRule("postsPerHour", BudgetScope.Profile, 2500, TimeSpan.FromHours(1), BudgetKind.Rolling),
        new BudgetRule("postsPerDay", BudgetScope.Profile, 17_500, TimeSpan.FromDays(1), BudgetKind.Rolling),
    ];

    public override JsonObject? PublicDocument(string name) => name == AtprotoOAuth.Document ? oauth.Metadata() : null;

    public override IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count)
    {
        List<Issue> issues = [];
        if (Encoding.UTF8.GetByteCount(content.Body ?? "") is > MostBytes and var bytes)
            issues.Add(new Issue("/body", Rule.TooLong, $"Bluesky takes at most {MostBytes} bytes.", Limit: MostBytes, Actual: bytes, Unit: "utf8Bytes"));
        for (var i = 0; i < content.Thread.Count; i++)
            if (Encoding.UTF8.GetByteCount(content.Thread[i].Body) is > MostBytes and var partBytes)
                issues.Add(new Issue($"/thread/{i}/body", Rule.TooLong, $"Bluesky takes at most {MostBytes} bytes.", Limit: MostBytes, Actual: partBytes, Unit: "utf8Bytes"));
        return issues;
    }
}
