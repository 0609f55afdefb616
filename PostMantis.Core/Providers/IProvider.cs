using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers;

/// <summary>A social network: who it is, what it can do, and its rules as data. One per folder below this room.</summary>
public interface IProvider
{
    /// <summary>The contract's name, such as <c>bluesky</c>.</summary>
    string Id { get; }

    /// <summary>What people call it.</summary>
    string DisplayName { get; }

    /// <summary>Whether the operator has configured what this network needs (client id and so on).</summary>
    bool IsConfigured => MissingSettings.Count == 0;

    /// <summary>Settings the operator has yet to make before accounts can be connected.</summary>
    IReadOnlyList<string> MissingSettings => [];

    /// <summary>Rules that hold without an account; account-dependent ones replace them.</summary>
    ProviderRules Rules { get; }

    /// <summary>The rules of one account, by the facts of its profile (<see cref="IAccountLimits"/>).</summary>
    ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) => Rules;

    /// <summary>The rules for one post, where its options choose the kind of post.</summary>
    /// <param name="rules">Those of the account.</param>
    ProviderRules RulesFor(DeliveryContent content, ProviderRules rules) => rules;

    /// <summary>What one account offers for options, by option, by the facts of its profile.</summary>
    JsonObject ChoicesOf(IReadOnlyDictionary<string, string> facts) => [];

    /// <summary>Reads what depends on the account; null when nothing does.</summary>
    IAccountLimits? AccountLimits => null;

    /// <summary>JSON schema (2020-12) of <c>providerOptions.{Id}</c>.</summary>
    JsonObject OptionsSchema { get; }

    /// <summary>Checks options strictly: unknown members, types, ranges. Pointers are relative to the options object.</summary>
    IReadOnlyList<Issue> CheckOptions(JsonObject options);

    /// <summary>
    /// What speaks against a post beyond its rules: what hangs together. Pointers begin with <c>/body</c>, <c>/media</c>,
    /// <c>/options</c>, <c>/link</c>, <c>/thread</c> or <c>/firstComment</c>.
    /// </summary>
    /// <param name="count">Counts a text as <paramref name="rules"/> say.</param>
    IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count) => [];

    /// <summary>A document about us that the network reads here, by name; null when there is none of that name.</summary>
    JsonObject? PublicDocument(string name) => null;

    /// <summary>How many posts the network takes in how long; none unless it says so.</summary>
    IReadOnlyList<BudgetRule> BudgetRules => [];

    IConsent Consent { get; }

    IPublisher Publisher { get; }

    IReconciler Reconciler { get; }
}

/// <summary>
/// Limits that a network tells for each account. They are kept as facts of the profile, so that rules are data when a post
/// is accepted; nobody is asked then.
/// </summary>
public interface IAccountLimits
{
    /// <summary>How old what was read may be before it is read again.</summary>
    TimeSpan FreshFor { get; }

    /// <summary>The facts as the network tells them now; null when it tells nothing.</summary>
    Task<IReadOnlyDictionary<string, string>?> ReadAsync(PublishTarget target, GrantTokens tokens, CancellationToken ct);
}

/// <summary>How a network counts text.</summary>
public enum TextUnit
{
    Utf16,
    CodePoints,
    Graphemes,
    Weighted,
    Utf8Bytes,

    /// <summary>Code points, but what a reader sees as one emoji counts as its UTF-8 bytes.</summary>
    EmojiAsBytes,
}

/// <summary>What a network takes, read by the one rule engine behind validate, create, edit, the composer and publish.</summary>
/// <param name="MaxText">Longest body in <paramref name="Unit"/>.</param>
/// <param name="UrlCounts">What a URL counts as, or null for its own length.</param>
public sealed record ProviderRules(
    int MaxText,
    TextUnit Unit,
    int? UrlCounts,
    bool BodyRequired,
    int MaxMedia,
    bool Link,
    int MaxThreadParts,
    bool FirstComment,
    bool AltText)
{
    /// <summary>Longest alternative text of one file, in UTF-16 units; null: nobody counts it.</summary>
    public int? MaxAlt { get; init; }

    /// <summary>Whether a name such as <c>example.com</c> counts as a URL without http.</summary>
    public bool NamesCountAsUrls { get; init; }

    /// <summary>Whether <c>@name@server</c> counts as <c>@name</c>.</summary>
    public bool FarMentionsCountAsNear { get; init; }

    /// <summary>What each media file must be; null: nothing is asked beyond their number.</summary>
    public MediaRules? Media { get; init; }

    /// <summary>Longest text of posts with a file of a kind, where it is not <see cref="MaxText"/>.</summary>
    public IReadOnlyList<TextWith> TextWith { get; init; } = [];

    /// <summary>Characters that no text may hold.</summary>
    public string ExcludedCharacters { get; init; } = "";

    /// <summary>Longest first comment; null: as long as a body.</summary>
    public int? MaxComment { get; init; }

    /// <summary>Longest address of a link in UTF-16 units; null: any.</summary>
    public int? MaxLink { get; init; }

    /// <summary>Values of options that are not offered to an account, by option.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ExcludedChoices { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Whether a link and files share a post.</summary>
    public bool LinkWithMedia { get; init; } = true;

    /// <summary>Whether a moment of a film can be its cover.</summary>
    public bool Cover { get; init; } = true;

    /// <summary>Hashtags in one text.</summary>
    public int? MaxHashtags { get; init; }

    /// <summary>Hashtags in one text that the network advises not to exceed: more of them are warned of.</summary>
    public int? AdvisedHashtags { get; init; }

    /// <summary>Names with @ in one text.</summary>
    public int? MaxMentions { get; init; }

    /// <summary>Different web addresses in one text, a link card among them.</summary>
    public int? MaxLinks { get; init; }
}

/// <summary>How long the text of a post may be that has a file of a kind.</summary>
public sealed record TextWith(MediaKind Kind, int MaxText);
