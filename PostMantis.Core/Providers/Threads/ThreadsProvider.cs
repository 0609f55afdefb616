using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>Threads: text, pictures, videos, carousels, and chains of replies.</summary>
internal sealed class ThreadsProvider : IProvider
{
    public const string Name = "threads";
    private const string ReplyScope = "threads_manage_replies";
    private const string RepliesFact = "replies";
    private const int MostTopic = 50;
    private const int MostId = 50;

    private readonly ThreadsSettings _settings;

    public ThreadsProvider(ThreadsClient client, ThreadsPublisher publisher, ThreadsReconciler reconciler,
        ThreadsSettings settings, TimeProvider time)
    {
        (_settings, Publisher, Reconciler) = (settings, publisher, reconciler);

        // Replies to one's own posts need a permission of their own; without it single posts still go out.
        Consent = new MetaLogin(client, ThreadsErrors.All, settings, new MetaLoginWay("th",
            ["threads_basic", "threads_content_publish", ReplyScope],
            ["threads_basic", "threads_content_publish"],
            "id,username,name,threads_profile_picture_url", "id", "threads_profile_picture_url")
        {
            Facts = tokens => new Dictionary<string, string>
            {
                [RepliesFact] = tokens.Scopes.Count == 0 || tokens.Scopes.Contains(ReplyScope) ? "yes" : "no",
            },
        }, time);
    }

    public string Id => Name;

    public string DisplayName => "Threads";

    public IReadOnlyList<string> MissingSettings => _settings.MissingClient(ThreadsSettings.Section);

    public ProviderRules Rules { get; } = new(500, TextUnit.EmojiAsBytes, UrlCounts: null, BodyRequired: false, MaxMedia: 20,
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

    public ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        return facts.GetValueOrDefault(RepliesFact) == "no" ? Rules with { MaxThreadParts = 0, FirstComment = false } : Rules;
    }

    public IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("posts", BudgetScope.Profile, 250, TimeSpan.FromHours(24), BudgetKind.Rolling)];

    public JsonObject OptionsSchema { get; } = JsonNode.Parse($$"""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
         "properties": {
           "topicTag": {"type": "string", "minLength": 1, "maxLength": {{MostTopic}}, "pattern": "^[^.&]+$",
             "description": "The post's topic; without it the first #tag of the text is."},
           "replyControl": {"enum": ["everyone", "accountsYouFollow", "mentionedOnly"], "description": "Who may reply."},
           "quotePostId": {"type": "string", "minLength": 1, "maxLength": {{MostId}}, "pattern": "^[0-9]+$",
             "description": "Id of a post to quote."} } }
        """)!.AsObject();

    public IConsent Consent { get; }

    public IPublisher Publisher { get; }

    public IReconciler Reconciler { get; }

    public IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        if (reader.String("topicTag", min: 1, max: MostTopic) is { } topic && topic.AsSpan().ContainsAny('.', '&'))
            issues.Add(new Issue("/topicTag", Rule.WrongFormat, "A topic has no '.' and no '&'."));
        reader.OneOf<ThreadsReplyControl>("replyControl");
        if (reader.String("quotePostId", min: 1, max: MostId) is { } quoted && !quoted.All(char.IsAsciiDigit))
            issues.Add(new Issue("/quotePostId", Rule.WrongFormat, "Must be digits."));
        reader.Finish();
        return issues;
    }
}

/// <summary>Who may reply to a post.</summary>
internal enum ThreadsReplyControl
{
    Everyone,
    AccountsYouFollow,
    MentionedOnly,
}
