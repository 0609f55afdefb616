using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace PostMantis.Simulators.X;

/// <summary>Counts a post as X does: links 23, emoji 2, most alphabets 1, the rest 2.</summary>
internal static partial class WeightedText
{
    /// <summary>What any link costs.</summary>
    public const int LinkWeight = 23;

    private const int LongestLink = 4096;
    private const int LongestLabel = 63;

    /// <summary>The weight of the text, in the units of the 280.</summary>
    public static int Count(string text)
    {
        text = text.Normalize(NormalizationForm.FormC);
        var (weight, from) = (0, 0);
        foreach (var link in Links(text))
        {
            weight += Plain(text[from..link.Index]) + LinkWeight;
            from = link.Index + link.Length;
        }
        return weight + Plain(text[from..]);
    }

    /// <summary>Whether the text holds a character that X refuses.</summary>
    public static bool HasInvalid(string text) => text.AsSpan().IndexOfAny('\uFFFE', '\uFEFF', '\uFFFF') >= 0;

    /// <summary>The links X would shorten, in order.</summary>
    public static IEnumerable<Match> Links(string text) => LinkShape().Matches(text).Where(IsLink);

    /// <summary>The cashtags, as $ABC.</summary>
    public static int Cashtags(string text) => CashtagShape().Count(text);

    /// <summary>The names spoken to, without the @.</summary>
    public static IEnumerable<string> Mentions(string text) =>
        MentionShape().Matches(text).Select(found => found.Groups[1].Value);

    private static bool IsLink(Match found)
    {
        var labels = found.Groups["host"].Value.Split('.');
        return found.Length <= LongestLink && TopLevelDomains.Knows(labels[^1])
            && labels.All(label => label.Length is > 0 and <= LongestLabel && label[0] != '-' && label[^1] != '-');
    }

    private static int Plain(string text)
    {
        var weight = 0;
        var clusters = StringInfo.GetTextElementEnumerator(text);
        while (clusters.MoveNext())
        {
            var runes = clusters.GetTextElement().EnumerateRunes().Select(rune => rune.Value).ToList();
            var emoji = IsEmoji(runes);
            weight += emoji ? 2 : 0;
            weight += runes.Where(rune => !emoji || !BelongsToEmoji(rune)).Sum(Weight);
        }
        return weight;
    }

    private static int Weight(int rune) =>
        rune is <= 0x10FF or (>= 0x2000 and <= 0x200D) or (>= 0x2010 and <= 0x201F) or (>= 0x2032 and <= 0x2037)
            ? 1 : 2;

    private static bool IsEmoji(List<int> runes) => runes[0] switch
    {
        '#' or '*' or (>= '0' and <= '9') => runes.Contains(0x20E3),
        0xA9 or 0xAE or 0x2122 => runes.Contains(0xFE0F),
        var first => IsPicture(first) || IsFlagLetter(first),
    };

    private static bool IsPicture(int rune) => rune is (>= 0x1F000 and <= 0x1FAFF and not (>= 0x1F1E6 and <= 0x1F1FF))
        or (>= 0x2600 and <= 0x27BF) or (>= 0x2300 and <= 0x23FF) or (>= 0x2194 and <= 0x21AA)
        or (>= 0x25AA and <= 0x25FE) or (>= 0x2B05 and <= 0x2B55) or 0x203C or 0x2049 or 0x2139 or 0x24C2
        or 0x2934 or 0x2935 or 0x3030 or 0x303D or 0x3297 or 0x3299;

    private static bool IsFlagLetter(int rune) => rune is >= 0x1F1E6 and <= 0x1F1FF;

    private static bool BelongsToEmoji(int rune) => IsPicture(rune) || IsFlagLetter(rune)
        || rune is 0x200D or 0xFE0F or 0x20E3 or (>= 0x1F3FB and <= 0x1F3FF) or (>= 0xE0020 and <= 0xE007F)
            or 0xA9 or 0xAE or 0x2122 or '#' or '*' or (>= '0' and <= '9') or 0x2640 or 0x2642;

    [GeneratedRegex(
        @"(?<![\p{L}\p{N}@$#_./-])(?:https?://)?(?<host>(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+[a-z]{2,24})"
        + @"(?::\d{1,5})?(?:(?=[/?#])[\p{L}\p{N}/?#&=%~+@!*'();:,._$\[\]-]*[\p{L}\p{N}/=#&_+-])?(?![\p{L}\p{N}@])",
        RegexOptions.IgnoreCase)]
    private static partial Regex LinkShape();

    [GeneratedRegex(@"(?<![\p{L}\p{N}$])\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?![\p{L}\p{N}])")]
    private static partial Regex CashtagShape();

    [GeneratedRegex(@"(?<![\w@])@(\w{1,15})\b")]
    private static partial Regex MentionShape();
}
