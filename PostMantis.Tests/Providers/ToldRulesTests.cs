using System.Reflection;
using System.Text.Json;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>What posts are checked by is what callers are told of a network.</summary>
public sealed class ToldRulesTests
{
    private static readonly ProviderRules _rules = new(500, TextUnit.CodePoints, null, false, 4, true, 3, true, true);

    // What an account is not offered is told by its choices.
    public static TheoryData<string> Rules =>
        [.. typeof(ProviderRules).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).Select(p => p.Name)
            .Except([nameof(ProviderRules.ExcludedChoices)])];

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_that_changes_is_told(string rule)
    {
        var changed = _rules with { };
        var property = typeof(ProviderRules).GetProperty(rule)!;
        property.SetValue(changed, property.GetValue(changed) switch
        {
            bool flag => !flag,
            int number => number + 1,
            string => "<",
            TextUnit => TextUnit.Graphemes,
            IReadOnlyList<TextWith> => (TextWith[])[new TextWith(MediaKind.Video, 100)],
            null when property.PropertyType == typeof(MediaRules) => new MediaRules([], Required: true),
            null => 17,
            var other => throw Xunit.Sdk.FailException.ForFailure($"{rule} is {other}"),
        });
        Assert.NotEqual(Told(_rules), Told(changed));
    }

    private static string Told(ProviderRules rules) => JsonSerializer.Serialize(
        new { Text = TextLimits.Of(rules), Media = MediaLimits.Of(rules), Features = ProviderFeatures.Of(rules) }, Core.Common.Json.Options);
}
