using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>Who may see a status.</summary>
internal enum MastodonVisibility
{
    Public,
    Unlisted,
    Private,
    Direct,
}

/// <summary>Mastodon and what speaks its API: every server has limits of its own.</summary>
internal sealed class MastodonProvider(MastodonConsent consent, MastodonPublisher publisher, MastodonStatuses statuses)
    : IProvider, IAccountLimits
{
    public const string Name = "mastodon";
    private static readonly ProviderRules Usual = MastodonLimits.Usual.Rules();

    public string Id => Name;

    public string DisplayName => "Mastodon";

    public ProviderRules Rules => Usual;

    public JsonObject OptionsSchema { get; } = JsonNode.Parse("""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
         "properties": {
           "visibility": {"enum": ["public", "unlisted", "private", "direct"], "description": "Who sees it; as the account's default when left out."},
           "sensitive": {"type": "boolean", "description": "Hides the media behind a warning."},
           "spoilerText": {"type": "string", "maxLength": 500, "description": "A content warning in front of the text; it counts as text."},
           "language": {"type": "string", "minLength": 2, "maxLength": 3, "description": "ISO 639 code of the text's language."}}}
        """)!.AsObject();

    public IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("posts", BudgetScope.Profile, 300, TimeSpan.FromHours(3), BudgetKind.Rolling)];

    public IConsent Consent => consent;

    public IPublisher Publisher => publisher;

    public IReconciler Reconciler => statuses;

    public IAccountLimits AccountLimits => this;

    public TimeSpan FreshFor => TimeSpan.FromHours(1);

    public Task<IReadOnlyDictionary<string, string>?> ReadAsync(PublishTarget target, GrantTokens tokens, CancellationToken ct) =>
        consent.ReadLimitsAsync(tokens, ct);

    public ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) =>
        facts.ContainsKey(MastodonLimits.Fact) ? MastodonLimits.Of(facts).Rules() : Usual;

    public IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        reader.OneOf<MastodonVisibility>("visibility");
        reader.Boolean("sensitive");
        reader.String("spoilerText", max: 500);
        reader.String("language", min: 2, max: 3);
        reader.Finish();
        return issues;
    }

    // The warning and the text are counted together.
    public IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count)
    {
        if (content.Options.Text("spoilerText") is not { Length: > 0 } warning) return [];
        var length = count($"{warning}{content.Body}");
        return length <= rules.MaxText ? []
            : [new Issue("/options/spoilerText", Rule.TooLong, $"Warning and text together have at most {rules.MaxText}.",
                Fix: "Shorten one of them.", Limit: rules.MaxText, Actual: length, Unit: CamelCase.Of(rules.Unit))];
    }
}
