using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers;

/// <summary>A network as most are: its options are checked by their schema, and all else is as usual unless it says so.</summary>
/// <param name="id">The contract's name.</param>
/// <param name="missing">Settings of its app that the operator has yet to make.</param>
internal abstract class Network(
    string id, IConsent consent, IPublisher publisher, IReconciler reconciler, IReadOnlyList<string>? missing = null) : IProvider
{
    public string Id => id;

    public string DisplayName { get; } = ProviderCatalog.NameOf(id);

    public IReadOnlyList<string> MissingSettings { get; } = missing ?? [];

    public abstract ProviderRules Rules { get; }

    public abstract JsonObject OptionsSchema { get; }

    public virtual IReadOnlyList<BudgetRule> BudgetRules => [];

    public virtual IAccountLimits? AccountLimits => null;

    public IConsent Consent => consent;

    public IPublisher Publisher => publisher;

    public IReconciler Reconciler => reconciler;

    public virtual ProviderRules RulesOf(IReadOnlyDictionary<string, string> facts) => Rules;

    public virtual ProviderRules RulesFor(DeliveryContent content, ProviderRules rules) => rules;

    /// <summary>Of options that are not offered whole, what is left.</summary>
    public virtual JsonObject ChoicesOf(IReadOnlyDictionary<string, string> facts) => new(RulesOf(facts).ExcludedChoices.Select(pair =>
        KeyValuePair.Create(pair.Key, (JsonNode?)new JsonArray([.. (OptionsSchema.Texts("properties", pair.Key, "enum") ?? [])
            .Except(pair.Value).Select(choice => JsonValue.Create(choice))]))));

    public virtual IReadOnlyList<Issue> CheckOptions(JsonObject options) => StrictOptions.Check(OptionsSchema, options);

    public virtual IReadOnlyList<Issue> CheckContent(DeliveryContent content, ProviderRules rules, Func<string, int> count) => [];

    public virtual JsonObject? PublicDocument(string name) => null;
}
