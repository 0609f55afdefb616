using System.Text;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>LinkedIn's markup of a commentary: everything it reserves is escaped, so that text is shown as written.</summary>
internal static partial class LittleText
{
    private const string Reserved = "\\|{}@[]()<>#*_~";

    /// <summary>Plain text as markup. Hashtags stay hashtags.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            if (Reserved.Contains(text[i]) && !IsHashtag(text, i)) escaped.Append('\\');
            escaped.Append(text[i]);
        }
        return escaped.ToString();
    }

    /// <summary>Markup as plain text: what <see cref="Escape"/> was given, also where LinkedIn wrote hashtags anew.</summary>
    public static string Unescape(string markup) =>
        Escapes().Replace(HashtagTemplates().Replace(markup, "#$1"), "$1");

    private static bool IsHashtag(string text, int at) => text[at] == '#'
        && at + 1 < text.Length && char.IsLetterOrDigit(text[at + 1])
        && (at == 0 || !(char.IsLetterOrDigit(text[at - 1]) || Reserved.Contains(text[at - 1])));

    [GeneratedRegex(@"\{hashtag\|\\?#\|([^}]+)\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HashtagTemplates();

    [GeneratedRegex(@"\\([\\|{}@\[\]()<>#*_~])", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Escapes();
}
