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
        List<Match> urls = [.. rules.NamesCountAsUrls ? Names().Matches(text.Normalize()).Where(IsName) : _urls.Matches(text).AsEnumerable()];
        if (urls.Count == 0) return Of(text, rules.Unit);
        var (count, from) = (urls.Count * price, 0);
        var whole = rules.NamesCountAsUrls ? text.Normalize() : text;
        foreach (var url in urls)
        {
            count += Of(whole[from..url.Index], rules.Unit);
            from = url.Index + url.Length;
        }
        return count + Of(whole[from..], rules.Unit);
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
            TextUnit.EmojiAsBytes => EmojiAsBytes(text),
            _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, null),
        };
    }

    private const int CombiningKeycap = 0x20E3;
    private const int EmojiStyle = 0xFE0F;
    private const int LongestUrl = 4096;
    private const int LongestLabel = 63;

    private static bool IsName(Match found)
    {
        var labels = found.Groups["host"].Value.Split('.');
        return found.Length <= LongestUrl && TopLevelDomains.Has(labels[^1]) && labels.All(label => label.Length <= LongestLabel);
    }

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
                || (runes.Count > 1 && runes[1].Value == EmojiStyle && !runes[0].IsAscii)
                ? 2
                : runes.Sum(rune => rune.Value is <= 4351 or (>= 8192 and <= 8205) or (>= 8208 and <= 8223)
                    or (>= 8242 and <= 8247) ? 1 : 2);
        }
        return weight;
    }

    private const int EmojiVariation = 0xFE0F;

    private static int EmojiAsBytes(string text)
    {
        var count = 0;
        var elements = StringInfo.GetTextElementEnumerator(text);
        while (elements.MoveNext())
        {
            var element = elements.GetTextElement();
            count += element.EnumerateRunes().Any(IsEmoji) ? Encoding.UTF8.GetByteCount(element) : element.EnumerateRunes().Count();
        }
        return count;
    }

    // Symbols of the emoji blocks, flags, and whatever is asked to look like one.
    private static bool IsEmoji(Rune rune) => rune.Value is EmojiVariation or CombiningKeycap
        or (>= 0x1F000 and <= 0x1FAFF) or (>= 0x2600 and <= 0x27BF);

    // Punctuation at the end belongs to the sentence. Without going back, so that no text takes longer than its length.
    private static readonly Regex _urls = new(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]]",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    // What a letter, a digit or another name runs into is none.
    [GeneratedRegex(@"(?<![\p{L}\p{N}@$#_./-])(?:https?://)?(?<host>(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+\p{L}{2,24})(?::[0-9]{1,5})?"
        + @"(?:[/?#](?:[\p{L}\p{N}/?#&=%~+@!*'();:,._$\[\]|-]*[\p{L}\p{N}/=#&_+-])?)?(?![\p{L}\p{N}@])", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Names();

    [GeneratedRegex(@"(?<![\w/@])(@[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)@[\w.-]+\w", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FarMentions();
}
