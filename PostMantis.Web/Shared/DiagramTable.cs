using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;

namespace PostMantis.Web.Shared;

/// <summary>
/// The Mermaid diagrams of the documents, each arrow a row: drawing them would take a script of 3 MB, and a table is read
/// by everybody. Other code stays code.
/// </summary>
internal sealed partial class DiagramTable : CodeBlockRenderer
{
    private const string Language = "mermaid";
    private const string Outside = "[*]";

    protected override void Write(HtmlRenderer renderer, CodeBlock obj)
    {
        if (obj is FencedCodeBlock { Info: Language }) renderer.Write(Of(obj.Lines.ToString()));
        else base.Write(renderer, obj);
    }

    /// <summary>A diagram's arrows in their order, those of one origin together.</summary>
    private static string Of(string source)
    {
        var isTalk = source.StartsWith("sequenceDiagram", StringComparison.Ordinal);
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        List<(string From, string To, string What)> arrows = [];
        foreach (var line in source.Split('\n').Select(line => line.Trim()))
        {
            foreach (Match named in Named().Matches(line)) names[named.Groups["id"].Value] = named.Groups["name"].Value;
            if (Quoted().Match(line) is { Success: true } quoted) names[quoted.Groups["id"].Value] = quoted.Groups["name"].Value;
            else if (Spoken().Match(line) is { Success: true } spoken) names[spoken.Groups["id"].Value] = spoken.Groups["name"].Value;
            else if (Arrow().Match(line) is { Success: true } arrow)
                arrows.Add((arrow.Groups["from"].Value, arrow.Groups["to"].Value, (arrow.Groups["what"].Success ? arrow.Groups["what"] : arrow.Groups["by"]).Value.Trim()));
        }
        // What somebody says comes in its order; of states each is looked up.
        if (!isTalk) arrows = [.. arrows.GroupBy(a => a.From).SelectMany(a => a)];
        var html = new StringBuilder("<figure class=\"diagram\"><table><thead><tr>");
        html.Append(isTalk ? "<th>Who</th><th>To</th><th>What</th>" : "<th>From</th><th>To</th><th>By</th>").Append("</tr></thead><tbody>");
        for (var i = 0; i < arrows.Count;)
        {
            var from = arrows[i].From;
            var rows = arrows.Skip(i).TakeWhile(a => a.From == from).ToList();
            for (var n = 0; n < rows.Count; n++)
            {
                html.Append("<tr>");
                if (n == 0) html.Append("<th scope=\"rowgroup\" rowspan=\"").Append(rows.Count).Append("\">").Append(NameOf(from, "begin")).Append("</th>");
                html.Append("<td>").Append(NameOf(rows[n].To, "end")).Append("</td><td>").Append(WebUtility.HtmlEncode(rows[n].What)).Append("</td></tr>");
            }
            i += rows.Count;
        }
        return html.Append("</tbody></table></figure>\n").ToString();

        string NameOf(string id, string outside) => id == Outside
            ? $"<em>{outside}</em>"
            : $"<span class=\"state\">{Hump().Replace(WebUtility.HtmlEncode(names.GetValueOrDefault(id, id)), "<wbr>")}</span>";
    }

    // Where a name of several words may break on a narrow screen.
    [GeneratedRegex(@"(?<=\p{Ll})(?=\p{Lu})")]
    private static partial Regex Hump();

    // A state or a step: begins --> ends: by what; a -- by what --> b; A->>B: what is said.
    [GeneratedRegex(@"^(?<from>\[\*\]|\w+)(\W*?[\[(].*?[\])]+)?\s*(--\s+(?<by>.+?)\s+)?(-->|-->>|->>)\s*(?<to>\[\*\]|\w+)([\[(].*[\])]+)?(:\s*(?<what>.+))?$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Arrow();

    [GeneratedRegex(@"^state ""(?<name>.+)"" as (?<id>\w+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^participant (?<id>\w+) as (?<name>.+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Spoken();

    // A step's words stand where it is first named.
    [GeneratedRegex(@"\b(?<id>\w+)(\[\((?<name>[^)]+)\)\]|\[(?<name>[^\]*]+)\])", RegexOptions.ExplicitCapture)]
    private static partial Regex Named();
}
