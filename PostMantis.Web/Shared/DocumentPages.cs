using System.Collections.Concurrent;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Extensions.Tables;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace PostMantis.Web.Shared;

/// <summary>The pages of <c>docs/</c> for people: rendered once, with links that lead to the rendered ones.</summary>
internal static class DocumentPages
{
    public const string Path = "/docs";

    /// <summary>What the list beside a page offers, in the order of reading.</summary>
    public static readonly IReadOnlyList<(string Name, string Title)> Listed =
    [
        ("quickstart", "Quick start"), ("lifecycle", "The life of a post"), ("api", "The API"), ("access", "Authentication and access"),
        ("errors", "Errors"), ("webhooks", "Webhooks"), ("events", "Events"), ("media", "Media"), ("providers", "Networks"),
        ("budgets", "Budgets"), ("agents", "Agents"), ("automation", "n8n and Zapier"), ("connections", "Connections"),
        ("sandbox", "The sandbox network"), ("runtime", "How posts are published"), ("reliability", "What is promised"),
        ("security", "How it is kept safe"), ("versioning", "Versions"), ("changelog", "Changelog"),
    ];

    private static readonly MarkdownPipeline _pipeline = new MarkdownPipelineBuilder()
        .UsePipeTables().UseAutoIdentifiers(AutoIdentifierOptions.GitHub).DisableHtml().Build();

    private static readonly ConcurrentDictionary<string, DocumentPage> _rendered = new(StringComparer.Ordinal);

    /// <summary>A page by its name without the ending, such as <c>providers/x</c>; null when there is none.</summary>
    public static DocumentPage? Find(string name) =>
        FileOf(name) is { } file ? _rendered.GetOrAdd(file, static f => Render(DocumentLibrary.Files[f])) : null;

    private static string? FileOf(string name) =>
        ((string[])[$"{name}.md", $"{name}/README.md"]).FirstOrDefault(DocumentLibrary.Files.ContainsKey);

    private static DocumentPage Render(Document document)
    {
        var parsed = Markdown.Parse(document.Text, _pipeline);
        foreach (var link in parsed.Descendants<LinkInline>().ToList())
        {
            // Pictures are not part of what is served.
            if (link.IsImage) link.Remove();
            else link.Url = LinkOf(document.Name, link.Url ?? "");
        }

        // What scrolls must be reachable by keyboard.
        foreach (var code in parsed.Descendants<CodeBlock>()) code.GetAttributes().AddProperty("tabindex", "0");
        using var html = new StringWriter();
        var renderer = new HtmlRenderer(html);
        _pipeline.Setup(renderer);
        renderer.ObjectRenderers.ReplaceOrAdd<HtmlTableRenderer>(new ScrollingTable());
        renderer.ObjectRenderers.ReplaceOrAdd<CodeBlockRenderer>(new DiagramTable());
        renderer.Render(parsed);

        // A heading without words is none.
        return new DocumentPage(document.Title, html.ToString().Replace("<th></th>", "<td></td>", StringComparison.Ordinal));
    }

    private static string LinkOf(string from, string url)
    {
        if (url.Length == 0 || url[0] is '#' or '/' || Uri.TryCreate(url, UriKind.Absolute, out _)) return url;
        var target = new Uri(new Uri($"http://docs/{from}"), url);
        var name = target.AbsolutePath.TrimStart('/');
        if (!name.EndsWith(".md", StringComparison.Ordinal) || !DocumentLibrary.Files.ContainsKey(name)) return Path;
        name = name[..^3];
        return $"{Path}/{(name.EndsWith("/README", StringComparison.Ordinal) ? name[..^7] : name)}{target.Fragment}";
    }

    private sealed class ScrollingTable : HtmlTableRenderer
    {
        protected override void Write(HtmlRenderer renderer, Table table)
        {
            renderer.Write("<div class=\"table-wrap\" role=\"group\" aria-label=\"Table\" tabindex=\"0\">");
            base.Write(renderer, table);
            renderer.Write("</div>");
        }
    }
}

/// <summary>A page of the documents, rendered.</summary>
internal sealed record DocumentPage(string Title, string Html);
