using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>How long a text may be.</summary>
/// <param name="UrlCounts">What a URL counts as; null: its own length.</param>
/// <param name="With">The longest text of posts with files of some kinds, where it is another.</param>
/// <param name="ExcludedCharacters">Characters that no text may hold.</param>
/// <param name="MaxComment">The longest first comment.</param>
/// <param name="MaxAltText">The longest alternative text in UTF-16 units; null: any.</param>
/// <param name="MaxHashtags">In one text; null: any number.</param>
/// <param name="AdvisedHashtags">More of them are warned of.</param>
/// <param name="MaxMentions">Names with @ in one text; null: any number.</param>
/// <param name="MaxLinks">Different web addresses in one text, a link card among them; null: any number.</param>
/// <param name="MaxLinkLength">The longest address of a link card in UTF-16 units; null: any.</param>
/// <param name="NamesCountAsUrls">Whether a name such as <c>example.com</c> counts as a URL without http.</param>
/// <param name="FarMentionsCountAsNear">Whether <c>@name@server</c> counts as <c>@name</c>.</param>
public sealed record TextLimits(int Max, TextUnit Unit, int? UrlCounts, bool Required, IReadOnlyList<TextWith> With,
    string ExcludedCharacters, int MaxComment, int? MaxAltText, int? MaxHashtags, int? AdvisedHashtags, int? MaxMentions, int? MaxLinks,
    int? MaxLinkLength, bool NamesCountAsUrls, bool FarMentionsCountAsNear)
{
    public static TextLimits Of(ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return new TextLimits(rules.MaxText, rules.Unit, rules.UrlCounts, rules.BodyRequired, rules.TextWith,
            rules.ExcludedCharacters, rules.MaxComment ?? rules.MaxText, rules.MaxAlt, rules.MaxHashtags,
            rules.AdvisedHashtags, rules.MaxMentions, rules.MaxLinks, rules.MaxLink, rules.NamesCountAsUrls,
            rules.FarMentionsCountAsNear);
    }
}

/// <summary>Which media a post may carry.</summary>
/// <param name="Max">Files; 0: none.</param>
/// <param name="Required">Whether a post needs media.</param>
/// <param name="MixedKinds">Whether images and video share a post.</param>
/// <param name="SameSize">Whether several pictures must be of one width and height.</param>
/// <param name="Rules">One for each class of media, and what no rule is for is not taken; empty: only their number counts.</param>
public sealed record MediaLimits(
    int Max, bool Required, bool MixedKinds, bool SameSize, IReadOnlyList<MediaRule> Rules)
{
    public static MediaLimits Of(ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return new MediaLimits(rules.MaxMedia, rules.Media?.Required ?? false, rules.Media?.MixedKinds ?? true,
            rules.Media?.SameSize ?? false,
            rules.Media?.Rules ?? []);
    }
}

/// <summary>What a network can do besides plain posts.</summary>
/// <param name="MaxThreadParts">Parts after the first; 0 without threads.</param>
/// <param name="LinkWithMedia">Whether a link and files share a post.</param>
/// <param name="Cover">Whether a moment of a film can be its cover.</param>
public sealed record ProviderFeatures(
    bool Thread, int MaxThreadParts, bool FirstComment, bool Link, bool AltText, bool LinkWithMedia, bool Cover)
{
    public static ProviderFeatures Of(ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return new ProviderFeatures(rules.MaxThreadParts > 0, rules.MaxThreadParts, rules.FirstComment, rules.Link,
            rules.AltText, rules.LinkWithMedia, rules.Cover);
    }
}

/// <summary>A budget as a rule, without anybody's use of it.</summary>
/// <param name="Scope">profile: each has its own; app: all share it.</param>
/// <param name="Kind">rolling: any stretch of the window's length; fixed: windows from the Unix epoch on, UTC.</param>
public sealed record BudgetRuleResource(string Name, BudgetScope Scope, BudgetKind Kind, int Limit, double WindowSeconds)
{
    public static BudgetRuleResource From(BudgetRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        return new BudgetRuleResource(rule.Name, rule.Scope, rule.Kind, rule.Limit, rule.Window.TotalSeconds);
    }
}

/// <summary>A network as callers read it, without an account.</summary>
/// <param name="Id">As <c>providerOptions</c> and profiles name it.</param>
/// <param name="IsConfigured">Whether this instance can connect accounts there.</param>
/// <param name="OptionsSchema">JSON schema (2020-12) of <c>providerOptions.{id}</c>.</param>
public sealed record ProviderResource(
    string Object,
    string Id,
    string Name,
    bool IsConfigured,
    TextLimits Text,
    MediaLimits Media,
    ProviderFeatures Features,
    JsonObject OptionsSchema,
    IReadOnlyList<BudgetRuleResource> Budgets)
{
    public const string Kind = "provider";

    public static ProviderResource From(IProvider provider, IEnumerable<BudgetRule> budgets)
    {
        ArgumentNullException.ThrowIfNull(provider);
        return new ProviderResource(Kind, provider.Id, provider.DisplayName, provider.IsConfigured,
            TextLimits.Of(provider.Rules), MediaLimits.Of(provider.Rules), ProviderFeatures.Of(provider.Rules),
            provider.OptionsSchema, [.. budgets.Select(BudgetRuleResource.From)]);
    }
}
