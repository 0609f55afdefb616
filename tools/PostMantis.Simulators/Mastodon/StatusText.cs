using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace PostMantis.Simulators.Mastodon;

/// <summary>How a server counts a status and turns it into HTML.</summary>
internal static partial class StatusText
{
    /// <summary>The graphemes of warning and text; a link costs a fixed number, a far mention only its name.</summary>
    public static int Count(string warning, string text, int linkCost)
    {
        var counted = LinkShape().Replace(warning + text, new string('x', linkCost));
        return new StringInfo(MentionShape().Replace(counted, "@$1")).LengthInTextElements;
    }

    /// <summary>The paragraphs with links, mentions and hashtags made clickable.</summary>
    public static string ToHtml(string text, string host)
    {
        var html = new StringBuilder();
        foreach (var paragraph in text.ReplaceLineEndings("\n").Split("\n\n"))
            html.Append("<p>").Append(Inline(paragraph, host).Replace("\n", "<br />", StringComparison.Ordinal))
                .Append("</p>");
        return html.ToString();
    }

    /// <summary>The hashtags, without #.</summary>
    public static IEnumerable<string> Tags(string text) =>
        TagShape().Matches(text).Select(found => found.Groups[1].Value).Distinct(StringComparer.OrdinalIgnoreCase);

    private static string Inline(string text, string host)
    {
        var html = new StringBuilder();
        var from = 0;
        foreach (Match found in EntityShape().Matches(text))
        {
            html.Append(WebUtility.HtmlEncode(text[from..found.Index])).Append(Entity(found, host));
            from = found.Index + found.Length;
        }
        return html.Append(WebUtility.HtmlEncode(text[from..])).ToString();
    }

    private static string Entity(Match found, string host)
    {
        var value = WebUtility.HtmlEncode(found.Value);
        if (found.Groups["link"].Success)
        {
            var start = value.IndexOf("://", StringComparison.Ordinal) + 3;
            var shown = value[start..];
            var (seen, hidden) = shown.Length > 30 ? (shown[..30], shown[30..]) : (shown, "");
            return $"<a href=\"{value}\" target=\"_blank\" rel=\"nofollow noopener noreferrer\" translate=\"no\">"
                + $"<span class=\"invisible\">{value[..start]}</span><span class=\"{(hidden.Length > 0 ? "ellipsis" : "")}\">"
                + $"{seen}</span><span class=\"invisible\">{hidden}</span></a>";
        }
        if (found.Groups["tag"].Success)
            return $"<a href=\"{host}/tags/{value[1..]}\" class=\"mention hashtag\" rel=\"tag\">"
                + $"#<span>{value[1..]}</span></a>";
        return $"<span class=\"h-card\" translate=\"no\"><a href=\"{host}/{value}\" class=\"u-url mention\">"
            + $"@<span>{value[1..].Split('@')[0]}</span></a></span>";
    }

    [GeneratedRegex(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]]", RegexOptions.IgnoreCase)]
    private static partial Regex LinkShape();

    [GeneratedRegex(@"(?<![\w/@])@([a-z0-9_]+(?:[a-z0-9_.-]*[a-z0-9_]+)?)@[\w.-]+\w", RegexOptions.IgnoreCase)]
    private static partial Regex MentionShape();

    [GeneratedRegex(@"(?<![\w/#])#(\w*[\p{L}_]\w*)")]
    private static partial Regex TagShape();

    [GeneratedRegex(@"(?<link>https?://[^\s<>""]*[^\s<>"".,;:!?)\]])|(?<tag>(?<![\w/#])#\w*[\p{L}_]\w*)"
        + @"|(?<mention>(?<![\w/@])@[a-z0-9_]+(?:@[\w.-]+\w)?)", RegexOptions.IgnoreCase)]
    private static partial Regex EntityShape();
}
