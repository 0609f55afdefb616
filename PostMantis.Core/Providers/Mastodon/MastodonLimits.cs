using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>What one server takes, by its own words; kept as a fact of each profile there.</summary>
internal sealed record MastodonLimits(
    int MaxCharacters, int MaxFiles, int LinkCharacters, int MaxAlt, long ImageBytes, long ImagePixels, long VideoBytes,
    long VideoPixels, double VideoFps, IReadOnlyList<string> MimeTypes)
{
    public const string Fact = "limits";

    private static readonly string[] Images = ["image/jpeg", "image/png", "image/webp", "image/avif", "image/heic", "image/heif"];
    private static readonly string[] Videos = ["video/mp4", "video/webm", "video/quicktime"];
    private static readonly string[] Sounds = ["audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "audio/aac", "audio/mp4"];

    /// <summary>What servers take that nobody changed.</summary>
    public static MastodonLimits Usual { get; } = new(500, 4, 23, 1500, 16 << 20, 33_177_600, 99 << 20, 8_294_400, 120,
        ["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "video/quicktime"]);

    public static MastodonLimits Of(IReadOnlyDictionary<string, string> facts) => facts.GetValueOrDefault(Fact) is { } json
        ? JsonSerializer.Deserialize<MastodonLimits>(json)! : Usual;

    /// <summary>Reads <c>/api/v2/instance</c>; what it leaves out is as usual.</summary>
    public static MastodonLimits Read(JsonObject? instance)
    {
        var (posts, files) = (instance.Get("configuration", "statuses"), instance.Get("configuration", "media_attachments"));
        return new MastodonLimits(Number(posts, "max_characters", Usual.MaxCharacters),
            Math.Min(20, Number(posts, "max_media_attachments", Usual.MaxFiles)),
            Number(posts, "characters_reserved_per_url", Usual.LinkCharacters), Number(files, "description_limit", Usual.MaxAlt),
            Long(files, "image_size_limit", Usual.ImageBytes), Long(files, "image_matrix_limit", Usual.ImagePixels),
            Long(files, "video_size_limit", Usual.VideoBytes), Long(files, "video_matrix_limit", Usual.VideoPixels),
            Long(files, "video_frame_rate_limit", (long)Usual.VideoFps),
            files.Texts("supported_mime_types") is { Count: > 0 } types ? types : Usual.MimeTypes);
    }

    public string ToJson() => JsonSerializer.Serialize(this);

    public ProviderRules Rules() => new(MaxCharacters, TextUnit.Graphemes, LinkCharacters, BodyRequired: false, MaxFiles,
        Link: false, MaxThreadParts: 20, FirstComment: true, AltText: true)
    {
        MaxAlt = MaxAlt,
        FarMentionsCountAsNear = true,
        Cover = false,
        Media = new MediaRules(
        [
            .. Rule(MediaKind.Image, Images, rule => rule with { MaxBytes = ImageBytes, MaxPixels = ImagePixels }),
            .. Rule(MediaKind.Image, ["image/gif"], rule => rule with
            {
                Animated = true, MaxCount = 1, Alone = true, MaxBytes = VideoBytes, MaxPixels = ImagePixels,
            }),
            .. Rule(MediaKind.Video, Videos, rule => rule with
            {
                MaxCount = 1, Alone = true, MaxBytes = VideoBytes, MaxPixels = VideoPixels, MaxFps = VideoFps,
            }),
            .. Rule(MediaKind.Audio, Sounds, rule => rule with { MaxCount = 1, Alone = true, MaxBytes = VideoBytes }),
        ], MixedKinds: false),
    };

    private IEnumerable<MediaRule> Rule(MediaKind kind, string[] known, Func<MediaRule, MediaRule> limits) =>
        known.Where(MimeTypes.Contains).ToArray() is { Length: > 0 } types ? [limits(new MediaRule(kind, types))] : [];

    private static int Number(JsonNode? node, string name, int usual) =>
        node.Number(name) is > 0 and <= int.MaxValue and var number ? (int)number : usual;

    private static long Long(JsonNode? node, string name, long usual) => node.Number(name) is > 0 and var number ? number : usual;
}
