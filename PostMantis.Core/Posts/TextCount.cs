using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Posts;

/// <summary>Counts text as a network does.</summary>
public static partial class TextCount
{
    /// <summary>Length of <paramref name="text"/> under <paramref name="rules"/>, URLs at their fixed price.</summary>
    public static int Of(string text, ProviderRules rules)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(rules);
        if (rules.FarMentionsCountAsNear) text = FarMentions().Replace(text, "$1");
        if (rules.UrlCounts is not { } price) return Of(text, rules.Unit);
        var urls = Urls().Matches(text);
        return Of(Urls().Replace(text, ""), rules.Unit) + (urls.Count * price);
    }

    /// <summary>Length of <paramref name="text"/> in <paramref name="unit"/>.</summary>
    public static int Of(string text, TextUnit unit)
    {
        ArgumentNullException.ThrowIfNull(text);
        return unit switch
        {
            TextUnit.Utf16 => text.Length,
            TextUnit.CodePoints => text.EnumerateRunes().Count(),
            TextUnit.Graphemes => new StringInfo(text).LengthInTextElements,
            TextUnit.Utf8Bytes => Encoding.UTF8.GetByteCount(text),
            TextUnit.Weighted => Weighted(text),
            _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, null),
        };
    }

    private const int CombiningKeycap = 0x20E3;

    // X's twitter-text, configuration v3: these ranges weigh one, everything else and every emoji two, after NFC.
    private static int Weighted(string text)
    {
        var weight = 0;
        var elements = StringInfo.GetTextElementEnumerator(text.Normalize());
        while (elements.MoveNext())
        {
            var runes = elements.GetTextElement().EnumerateRunes().ToList();
            weight += runes.Exists(rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.OtherSymbol
                    && rune.Value > 0x2100 || rune.Value == CombiningKeycap)
                ? 2
                : runes.Sum(rune => rune.Value is <= 4351 or (>= 8192 and <= 8205) or (>= 8208 and <= 8223)
                    or (>= 8242 and <= 8247) ? 1 : 2);
        }
        return weight;
    }

    // Punctuation at the end belongs to the sentence.
    [GeneratedRegex(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]]", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Urls();

    [GeneratedRegex(@"(?<![\w/@])(@[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)@[\w.-]+\w", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FarMentions();
}
