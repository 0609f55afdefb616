using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>YouTube: one film a post, also a Short, with a thumbnail (docs/providers/youtube.md).</summary>
internal sealed class YouTubeProvider(
    YouTubeSettings settings, YouTubeConsent consent, YouTubePublisher publisher, YouTubeReconciler reconciler)
    : Network(Name, consent, publisher, reconciler, settings.MissingClient(YouTubeSettings.Section))
{
    public const string Name = "youtube";
    private const int MostTags = 500;

    // The picture beside a film is its thumbnail.
    public override ProviderRules Rules { get; } = new(MaxText: 5000, TextUnit.Utf8Bytes, UrlCounts: null, BodyRequired: false,
        MaxMedia: 2, Link: false, MaxThreadParts: 0, FirstComment: false, AltText: false)
    {
        ExcludedCharacters = "<>",
        Cover = false,
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Video, []) { MinCount = 1, MaxCount = 1, MaxBytes = 256L << 30 },
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png"]) { MaxCount = 1, MaxBytes = 50_000_000 },
        ], Required: true),
    };

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"title": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[^<>]*[^<>\\s][^<>]*$",
           "description": "Title of the film, without < and >."},
         "privacyStatus": {"enum": ["public", "unlisted", "private"], "default": "public"},
         "tags": {"type": "array", "maxItems": 250, "items": {"type": "string", "minLength": 1, "pattern": "^[^<>]*$"},
           "description": "Together at most 500 characters; commas count, and a tag with a space costs two more."},
         "categoryId": {"type": "string", "pattern": "^[0-9]{1,3}$", "description": "YouTube's number of a category, such as 22."},
         "madeForKids": {"type": "boolean", "default": false},
         "syntheticMedia": {"type": "boolean", "default": false, "description": "Whether it shows what never happened and looks real."},
         "notifySubscribers": {"type": "boolean", "default": true}}
        """, "title");

    // Google counts from midnight Pacific; any 24 hours are stricter, and right in every time zone.
    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("uploadsPerDay", BudgetScope.App, settings.UploadsPerDay, TimeSpan.FromDays(1), BudgetKind.Rolling)];

    public override IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [.. base.CheckOptions(options)];
        var tags = options.Texts("tags") ?? [];
        var length = tags.Sum(tag => tag.Length + (tag.Contains(' ', StringComparison.Ordinal) ? 2 : 0)) + Math.Max(0, tags.Count - 1);
        if (length > MostTags)
            issues.Add(new Issue("/tags", Rule.TooLong, $"All tags together have at most {MostTags} characters.", Limit: MostTags,
                Actual: length, Unit: "characters"));
        return issues;
    }
}
