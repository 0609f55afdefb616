using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>LinkedIn, as a member or as a page: text, link, pictures, one film, one document (docs/providers/linkedin.md).</summary>
internal sealed class LinkedInProvider(
    LinkedInSettings settings, LinkedInConsent consent, LinkedInPublisher publisher, LinkedInReconciler reconciler)
    : Network(Name, consent, publisher, reconciler, settings.MissingClient(LinkedInSettings.Section))
{
    public const string Name = "linkedin";

    public override ProviderRules Rules { get; } = new(MaxText: settings.MaxText, TextUnit.Utf16, UrlCounts: null,
        BodyRequired: false, MaxMedia: 20, Link: true, MaxThreadParts: 0, FirstComment: true, AltText: true)
    {
        MaxAlt = 4086,
        MaxComment = 1250,
        LinkWithMedia = false,
        Cover = false,
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png", "image/gif"]) { MaxCount = 20, MaxPixels = 36_152_319 },
            new MediaRule(MediaKind.Image, ["image/gif"])
            {
                Animated = true, MaxCount = 20, MaxFrames = 250, MaxPixels = 36_152_319,
            },
            new MediaRule(MediaKind.Video, ["video/mp4"])
            {
                MaxCount = 1, Alone = true, MinBytes = 75_000, MaxBytes = 500_000_000, MinDurationMs = 3_000,
                MaxDurationMs = 1_800_000,
            },
            new MediaRule(MediaKind.Document,
            [
                "application/pdf", "application/msword", "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ])
            {
                MaxCount = 1, Alone = true, MaxBytes = 100_000_000, MaxPages = 300,
            },
        ], MixedKinds: false),
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"visibility": {"enum": ["public", "connections", "loggedIn"], "default": "public",
           "description": "Who sees the post; connections is for members, not for pages."},
         "disableReshare": {"type": "boolean", "default": false, "description": "Whether others cannot share it."},
         "title": {"type": "string", "minLength": 1, "maxLength": 200,
           "description": "Title of the document, film or link; otherwise its alternative text or name, or the link's host."},
         "description": {"type": "string", "minLength": 1, "maxLength": 250,
           "description": "What is said below the title of a link; LinkedIn does not look at the page itself."}}
        """);

    // A post with one picture is about three of the 150 calls a day that a member has with an app.
    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("memberDay", BudgetScope.Profile, 50, TimeSpan.FromDays(1), BudgetKind.Fixed)];

    public override ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) => facts.ContainsKey(LinkedInConsent.PageFact)
        ? Rules with { ExcludedChoices = new Dictionary<string, IReadOnlyList<string>> { ["visibility"] = ["connections"] } }
        : Rules;
}
