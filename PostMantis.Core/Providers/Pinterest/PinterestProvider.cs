using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Pinterest: pins with a picture, with up to five, or with a film, on boards (docs/providers/pinterest.md).</summary>
internal sealed class PinterestProvider(
    PinterestSettings settings, PinterestClient client, PinterestConsent consent, PinterestPublisher publisher,
    PinterestReconciler reconciler)
    : Network(Name, consent, publisher, reconciler, settings.MissingClient(PinterestSettings.Section))
{
    public const string Name = "pinterest";

    public override ProviderRules Rules { get; } = new(MaxText: settings.MaxDescription, TextUnit.CodePoints, UrlCounts: null,
        BodyRequired: false, MaxMedia: 5, Link: true, MaxThreadParts: 0, FirstComment: false, AltText: true)
    {
        MaxAlt = 500,
        MaxLink = 2048,
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png"]) { MaxCount = 5, MaxBytes = settings.MaxPictureBytes },
            new MediaRule(MediaKind.Video, ["video/mp4", "video/quicktime"])
            {
                MaxCount = 1, Alone = true, MaxBytes = settings.MaxFilmBytes,
                MinDurationMs = (long)settings.MinFilm.TotalMilliseconds, MaxDurationMs = (long)settings.MaxFilm.TotalMilliseconds,
            },
        ], MixedKinds: false, Required: true)
        {
            SameSize = true,
        },
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"title": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Title of the pin."},
         "boardSectionId": {"type": "string", "pattern": "^[0-9]{1,30}$",
           "description": "The number of a section of the board; GET /profiles/{id}/limits lists them under choices."}}
        """);

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
    [
        new BudgetRule("pinsPerMinute", BudgetScope.Profile, 30, TimeSpan.FromMinutes(1), BudgetKind.Rolling),
        .. settings.Trial ? [new BudgetRule("trialDay", BudgetScope.App, 140, TimeSpan.FromDays(1), BudgetKind.Rolling)]
            : Array.Empty<BudgetRule>(),
    ];

    public override IAccountLimits AccountLimits { get; } = new PinterestSections(client);

    public override JsonObject ChoicesOf(IReadOnlyDictionary<string, string> facts) =>
        facts.TryGetValue(PinterestSections.Fact, out var sections)
            ? new JsonObject { ["boardSectionId"] = JsonNode.Parse(sections) } : [];

    public override IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count) =>
        [
            .. content.Media.Index().Skip(1).Where(item => item.Item.Alt is not null).Select(item => new Issue(
                $"/media/{item.Index}/alt", Rule.Unsupported, "A pin has one alternative text, that of its first picture.",
                Fix: "Describe all pictures in the first one's.")),
        ];
}
