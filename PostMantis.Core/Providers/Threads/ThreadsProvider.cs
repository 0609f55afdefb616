using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>Threads: text, pictures, videos, carousels, and chains of replies.</summary>
internal sealed class ThreadsProvider(ThreadsClient client, ThreadsPublisher publisher, ThreadsReconciler reconciler,
    ThreadsSettings settings, TimeProvider time)
    : Network(Name, new MetaLogin(client, ThreadsErrors.All, settings, _login, time), publisher, reconciler,
        settings.MissingClient(ThreadsSettings.Section))
{
    public const string Name = "threads";
    private const string ReplyScope = "threads_manage_replies";
    private const string RepliesFact = "replies";

    // Replies to one's own posts need a permission of their own; without it single posts still go out.
    private static readonly MetaLoginWay _login = new("th",
        ["threads_basic", "threads_content_publish", ReplyScope], ["threads_basic", "threads_content_publish"],
        "id,username,name,threads_profile_picture_url", "id", "threads_profile_picture_url")
    {
        Facts = tokens => new Dictionary<string, string>
        {
            [RepliesFact] = tokens.Scopes.Count == 0 || tokens.Scopes.Contains(ReplyScope) ? "yes" : "no",
        },
    };

    public override ProviderRules Rules { get; } = new(500, TextUnit.EmojiAsBytes, UrlCounts: null, BodyRequired: false, MaxMedia: 20,
        Link: true, MaxThreadParts: 100, FirstComment: true, AltText: true)
    {
        Media = new MediaRules(
        [
            new MediaRule(MediaKind.Image, ["image/jpeg", "image/png"])
            {
                MaxCount = 20, MaxBytes = 8_000_000, MinAspect = 0.1, MaxAspect = 10, RgbOnly = true, Upright = true,
            },
            new MediaRule(MediaKind.Video, ["video/mp4", "video/quicktime"])
            {
                MaxCount = 20, MaxBytes = 1_000_000_000, MaxDurationMs = 300_000, MaxWidth = 1920, MinFps = 23, MaxFps = 60,
            },
        ]),
        MaxAlt = 1000,
        Cover = false,
        LinkWithMedia = false,
        MaxLinks = 5,
    };

    public override ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) =>
        facts.GetValueOrDefault(RepliesFact) == "no" ? Rules with { MaxThreadParts = 0, FirstComment = false } : Rules;

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("posts", BudgetScope.Profile, 250, TimeSpan.FromHours(24), BudgetKind.Rolling)];

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"topicTag": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[^.&]+$",
           "description": "The post's topic; without it the first #tag of the text is."},
         "replyControl": {"enum": ["everyone", "accountsYouFollow", "mentionedOnly"], "description": "Who may reply."},
         "quotePostId": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[0-9]+$",
           "description": "Id of a post to quote."}}
        """);
}
