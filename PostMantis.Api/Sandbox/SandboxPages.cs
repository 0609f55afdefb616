using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace PostMantis.Api.Sandbox;

/// <summary>What people see of the network: plain pages without scripts, in a look of its own.</summary>
internal static class SandboxPages
{
    public const string Css = """
        :root { color-scheme: light dark; --paper: #f6f1e7; --ink: #2b2320; --card: #fffdf8; --line: #d9cdb8; --brand: #b3471d; }
        @media (prefers-color-scheme: dark) {
          :root { --paper: #1f1a17; --ink: #f1e8dc; --card: #2a2420; --line: #4a4038; --brand: #f08a5b; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 Georgia, serif; }
        main { max-width: 38rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
        .mark { font-weight: bold; letter-spacing: .02em; color: var(--brand); text-decoration: none; }
        h1 { font-size: 1.6rem; line-height: 1.2; margin: 1.2rem 0 .5rem; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0; }
        label.card { display: flex; gap: .75rem; align-items: center; cursor: pointer; }
        .muted { opacity: .75; font-size: .9rem; }
        .body { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 .5rem; }
        .card img, .card video { display: block; max-width: 100%; height: auto; border-radius: .5rem; margin: 0 0 .5rem; }
        .reply { margin-left: 1.5rem; }
        button { font: inherit; padding: .6rem 1.2rem; border-radius: 2rem; border: 1px solid var(--brand); cursor: pointer; }
        button.yes { background: var(--brand); color: var(--paper); }
        button.no { background: transparent; color: var(--ink); margin-left: .5rem; }
        a { color: var(--brand); }
        """;

    public static string Consent(IEnumerable<SandboxAccount> accounts, IReadOnlyDictionary<string, string> hidden)
    {
        var page = new StringBuilder("<h1>Let PostMantis publish for you?</h1>"
            + "<p>It may publish to the pages of the account you choose, until you end it.</p><form method=\"post\">");
        foreach (var (name, value) in hidden)
            page.Append(CultureInfo.InvariantCulture, $"<input type=\"hidden\" name=\"{Text(name)}\" value=\"{Text(value)}\">");
        var first = true;
        foreach (var account in accounts)
        {
            page.Append(CultureInfo.InvariantCulture, $"<label class=\"card\"><input type=\"radio\" name=\"account\" value=\"{Text(account.Id)}\"{(first ? " checked" : "")}>"
                + $"<span><strong>{Text(account.Name)}</strong><br><span class=\"muted\">{Text(account.Handle)}</span></span></label>");
            first = false;
        }
        page.Append("<button class=\"yes\" name=\"decision\" value=\"allow\">Allow</button>"
            + "<button class=\"no\" name=\"decision\" value=\"deny\">Deny</button></form>");
        return Layout("Allow access", page.ToString());
    }

    public static string Home(IEnumerable<SandboxDestination> destinations)
    {
        var page = new StringBuilder("<h1>Every page of this network</h1>");
        foreach (var destination in destinations)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p class=\"card\"><a href=\"/feed/{Text(destination.Id)}\">{Text(destination.Name)}</a> "
                + $"<span class=\"muted\">{Text(destination.Handle)}</span></p>");
        }
        return Layout("Sandbox", page.ToString());
    }

    public static string Feed(SandboxDestination destination, List<SandboxPost> posts, int pageSize)
    {
        var page = new StringBuilder($"<h1>{Text(destination.Name)}</h1><p class=\"muted\">{Text(destination.Handle)}</p>");
        foreach (var post in posts) page.Append(Article(post));
        if (posts.Count == 0) page.Append("<p class=\"card muted\">Nothing has been published here yet.</p>");
        if (posts.Count == pageSize) page.Append(CultureInfo.InvariantCulture, $"<p><a href=\"?before={posts[^1].Id}\">Older posts</a></p>");
        return Layout(destination.Name, page.ToString());
    }

    public static string Post(SandboxPost post) =>
        Layout("Post", Article(post) + $"<p><a href=\"/feed/{Text(post.DestinationId)}\">All posts of this page</a></p>");

    public static string Message(string title, string text) => Layout(title, $"<h1>{Text(title)}</h1><p>{Text(text)}</p>");

    private static string Article(SandboxPost post) =>
        $"<article class=\"card{(post.ParentId is null ? "" : " reply")}\" id=\"p-{post.Id}\"><p class=\"body\">{Text(post.Body)}</p>{string.Concat(post.Media.Select(Shown))}"
        + $"<a class=\"muted\" href=\"/posts/{post.Id}\"><time datetime=\"{post.CreatedAt:O}\">"
        + $"{post.CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC</time></a></article>";

    private static string Shown(SandboxAttachment file) => file.MimeType.Split('/')[0] switch
    {
        "image" => $"<img src=\"/media/{file.Id}\" alt=\"{Text(file.Alt ?? "")}\" loading=\"lazy\">",
        "video" => $"<video src=\"/media/{file.Id}\" controls preload=\"metadata\" aria-label=\"{Text(file.Alt ?? "Video")}\"></video>",
        _ => $"<p><a href=\"/media/{file.Id}\">{Text(file.Alt ?? "Document")}</a></p>",
    };

    private static string Layout(string title, string main) =>
        $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{Text(title)} · Sandbox</title>"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">"
        + $"<link rel=\"stylesheet\" href=\"/sandbox.css\"></head><body><main><a class=\"mark\" href=\"/\">Sandbox network</a>{main}</main></body></html>";

    private static string Text(string text) => HtmlEncoder.Default.Encode(text);
}
