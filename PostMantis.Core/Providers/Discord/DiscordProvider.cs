using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Discord;

/// <summary>A channel of a Discord server, by a bot of its owner.</summary>
internal sealed class DiscordProvider(DiscordConsent consent, DiscordPublisher publisher, DiscordSettings settings) : IProvider
{
    public const string Name = "discord";

    public string Id => Name;

    public string DisplayName => "Discord";

    public ProviderRules Rules { get; } = new(2000, TextUnit.Utf16, UrlCounts: null, BodyRequired: false, MaxMedia: 10, Link: false,
        MaxThreadParts: 0, FirstComment: false, AltText: true)
    {
        MaxAlt = 1024,
        Cover = false,
        Media = new MediaRules(
        [
            .. ((MediaKind[])[MediaKind.Image, MediaKind.Video, MediaKind.Audio, MediaKind.Document]).Select(kind => new MediaRule(kind, []) { MaxBytes = settings.FileBytes }),
            new MediaRule(MediaKind.Image, []) { Animated = true, MaxBytes = settings.FileBytes },
        ]),
    };

    public JsonObject OptionsSchema { get; } = JsonNode.Parse("""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "properties": {}}
        """)!.AsObject();

    public IConsent Consent => consent;

    public IPublisher Publisher => publisher;

    public IReconciler Reconciler => publisher;

    public IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        new ObjectReader(options, "", issues).Finish();
        return issues;
    }
}
