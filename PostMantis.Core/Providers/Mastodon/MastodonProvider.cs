using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>Mastodon and what speaks its API: every server has limits of its own.</summary>
internal sealed class MastodonProvider(MastodonConsent consent, MastodonPublisher publisher, MastodonStatuses statuses)
    : Network(Name, consent, publisher, statuses), IAccountLimits
{
    public const string Name = "mastodon";
    private static readonly ProviderRules Usual = MastodonLimits.Usual.Rules();

    public override ProviderRules Rules => Usual;

    public override JsonObject OptionsSchema { get; } = StrictOptions.Of("""
        {"visibility": {"enum": ["public", "unlisted", "private", "direct"], "description": "Who sees it; as the account's default when left out."},
         "sensitive": {"type": "boolean", "description": "Hides the media behind a warning."},
         "spoilerText": {"type": "string", "maxLength": 500, "description": "A content warning in front of the text; it counts as text."},
         "language": {"type": "string", "minLength": 2, "maxLength": 3, "description": "ISO 639 code of the text's language."}}
        """);

    public override IReadOnlyList<BudgetRule> BudgetRules { get; } =
        [new BudgetRule("posts", BudgetScope.Profile, 300, TimeSpan.FromHours(3), BudgetKind.Rolling)];

    public override IAccountLimits AccountLimits => this;

    public TimeSpan FreshFor => TimeSpan.FromHours(1);

    public Task<IReadOnlyDictionary<string, string>?> ReadAsync(PublishTarget target, GrantTokens tokens, CancellationToken ct) =>
        consent.ReadLimitsAsync(tokens, ct);

    public override ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) =>
        facts.ContainsKey(MastodonLimits.Fact) ? MastodonLimits.Of(facts).Rules() : Usual;

    // The warning and the text are counted together.
    public override IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count)
    {
        if (content.Options.Text("spoilerText") is not { Length: > 0 } warning) return [];
        var length = count($"{warning}{content.Body}");
        return length <= rules.MaxText ? []
            : [new Issue("/options/spoilerText", Rule.TooLong, $"Warning and text together have at most {rules.MaxText}.",
                Fix: "Shorten one of them.", Limit: rules.MaxText, Actual: length, Unit: CamelCase.Of(rules.Unit))];
    }
}
