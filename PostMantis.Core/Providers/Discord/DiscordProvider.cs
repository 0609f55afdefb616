using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Discord;

/// <summary>A channel of a Discord server, by a bot of its owner.</summary>
internal sealed class DiscordProvider(DiscordConsent consent, DiscordPublisher publisher, DiscordSettings settings)
    : Network(Name, consent, publisher, publisher)
{
    public const string Name = "discord";

    public override ProviderRules Rules { get; } = new(2000, TextUnit.Utf16, UrlCounts: null, BodyRequired: false, MaxMedia: 10, Link: false,
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

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("{}");
}
