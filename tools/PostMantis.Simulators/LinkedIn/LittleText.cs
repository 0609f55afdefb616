using System.Text;

namespace PostMantis.Simulators.LinkedIn;

/// <summary>The little text of a commentary: what readers see of it.</summary>
internal static class LittleText
{
    private const string Reserved = "|{}@[]()<>#\\*_~";

    /// <summary>
    /// Reads the text: an escaped letter stands for itself, hashtags and mentions are kept as their words. At the first
    /// reserved letter that is neither, reading ends.
    /// </summary>
    public static (string Shown, bool Broken) Read(string text)
    {
        var shown = new StringBuilder();
        for (var at = 0; at < text.Length; at++)
        {
            if (!Reserved.Contains(text[at]))
            {
                shown.Append(text[at]);
                continue;
            }
            if (text[at] == '\\' && at + 1 < text.Length && Reserved.Contains(text[at + 1]))
            {
                shown.Append(text[++at]);
                continue;
            }
            if (text[at] == '#' && at + 1 < text.Length && char.IsLetterOrDigit(text[at + 1]))
            {
                shown.Append('#');
                continue;
            }
            if (Template(text, at, shown) is not { } end) return (shown.ToString(), true);
            at = end;
        }
        return (shown.ToString(), false);
    }

    private static int? Template(string text, int at, StringBuilder shown)
    {
        if (text.AsSpan(at).StartsWith(@"{hashtag|\#|") && text.IndexOf('}', at) is > 0 and var close)
        {
            shown.Append('#').Append(text, at + 12, close - at - 12);
            return close;
        }
        if (!text.AsSpan(at).StartsWith("@[")) return null;
        var name = text.IndexOf("](", at, StringComparison.Ordinal);
        var end = name < 0 ? -1 : text.IndexOf(')', name);
        if (end < 0 || !text.AsSpan(name + 2).StartsWith("urn:li:")) return null;
        shown.Append(text, at + 2, name - at - 2);
        return end;
    }
}
