using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;

namespace PostMantis.Web.Pages.Keys;

/// <summary>
/// The last request of a key that changed something, put together from what is stored of it; and how programs write it. The
/// key's secret, which nobody has kept, is a variable in all of them.
/// </summary>
/// <param name="Path">Below the base of the API.</param>
/// <param name="At">When it was; null: the key has changed nothing yet, and this is one to begin with.</param>
public sealed record LastRequest(string Method, string Path, JsonObject? Body, DateTimeOffset? At)
{
    /// <summary>The variable that holds the key.</summary>
    public const string Variable = "POSTMANTIS_KEY";

    // Entries of one request are written moments apart.
    private static readonly TimeSpan _oneRequest = TimeSpan.FromSeconds(1);

    private static readonly JsonSerializerOptions _readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Asks what the key may do.</summary>
    public static LastRequest First { get; } = new("GET", "/key", null, null);

    /// <summary>The entry that tells of the last request: of several entries of one request the first.</summary>
    /// <param name="entries">What the key did, newest first.</param>
    public static AuditEntry? EntryOf(IReadOnlyList<AuditEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var last = entries.FirstOrDefault(e => Steps(e) is not null);
        return last?.Action is "post.accepted" or "post.approvalRequested"
            ? entries.FirstOrDefault(e => e.Action == "post.created" && e.PostId == last.PostId && last.CreatedAt - e.CreatedAt < _oneRequest) ?? last
            : last;
    }

    /// <summary>The request that an entry tells of.</summary>
    /// <param name="post">The entry's post as it is now; null: it has none, or is gone.</param>
    public static LastRequest Of(AuditEntry? entry, PostResource? post)
    {
        if (entry is null || Steps(entry) is not var (method, path)) return First;
        var body = entry.Action switch
        {
            "post.created" or "post.updated" when post is not null =>
                PostCopier.BodyOf(post, [.. post.Deliveries.Select(d => d.ProfileId)]),
            "post.rescheduled" when post?.ScheduledAt is { } at =>
                new JsonObject { ["scheduledAt"] = UtcMillisecondsConverter.Format(at) },
            "delivery.resolved" => new JsonObject { ["as"] = (string?)entry.Detail?["as"] ?? "published" },
            _ when method == "POST" => [],
            _ => null,
        };
        if (entry.Action == "post.created" && post is { Status: Core.Posts.PostStatus.Draft }) body!["post"]!["draft"] = true;
        return entry.Action is "post.created" or "post.updated" && post is null
            ? First
            : new LastRequest(method, path, body, entry.CreatedAt);
    }

    /// <summary>The request in each language, ready to paste.</summary>
    /// <param name="api">The base of the API.</param>
    public IReadOnlyList<(string Language, string Note, string Code)> Snippets(string api)
    {
        ArgumentNullException.ThrowIfNull(api);
        var (url, json, type) = (api + Path, Body?.ToJsonString(_readable),
            Method == "PATCH" ? "application/merge-patch+json" : "application/json");
        return
        [
            ("curl", $"Put the key into the variable {Variable} first.", Curl(url, json, type)),
            ("C#", "Nothing to install.", CSharp(url, json, type)),
            ("TypeScript", "Node 20, nothing to install.", TypeScript(url, json, type)),
            ("Python", "pip install requests", Python(url, type)),
        ];
    }

    private static (string Method, string Path)? Steps(AuditEntry entry) => entry.Action switch
    {
        "post.created" => ("POST", "/posts"),
        "post.updated" => ("PATCH", $"/posts/{entry.PostId}"),
        "post.deleted" => ("DELETE", $"/posts/{entry.PostId}"),
        "post.accepted" or "post.approvalRequested" or "post.rescheduled" => ("POST", $"/posts/{entry.PostId}/publish"),
        "delivery.canceled" => ("POST", $"/posts/{entry.PostId}/deliveries/{entry.SubjectId}/cancel"),
        "delivery.retried" => ("POST", $"/posts/{entry.PostId}/deliveries/{entry.SubjectId}/retry"),
        "delivery.resolved" => ("POST", $"/posts/{entry.PostId}/deliveries/{entry.SubjectId}/resolve"),
        "profile.disconnected" => ("POST", $"/profiles/{entry.SubjectId}/disconnect"),
        _ => null,
    };

    private string Curl(string url, string? json, string type)
    {
        List<string> parts = [Method == "GET" ? $"curl {Quoted(url)}" : $"curl -X {Method} {Quoted(url)}",
            $"-H \"Authorization: Bearer ${Variable}\""];
        if (json is not null) parts.AddRange([$"-H 'Content-Type: {type}'", $"-d {Quoted(json)}"]);
        return string.Join(" \\\n  ", parts);

        static string Quoted(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";
    }

    private string CSharp(string url, string? json, string type)
    {
        var code = new StringBuilder()
            .Append("using var http = new HttpClient();\n")
            .Append(CultureInfo.InvariantCulture, $"using var request = new HttpRequestMessage(HttpMethod.{Method[0]}{Method[1..].ToLowerInvariant()}, \"{url}\");\n")
            .Append(CultureInfo.InvariantCulture, $"request.Headers.Authorization = new(\"Bearer\", Environment.GetEnvironmentVariable(\"{Variable}\"));\n");
        if (json is not null)
        {
            // JSON never has three quotes in a row.
            const string Quotes = "\"\"\"";
            code.Append(CultureInfo.InvariantCulture, $"request.Content = new StringContent({Quotes}\n    {Indented(json)}\n    {Quotes}, Encoding.UTF8, \"{type}\");\n");
        }
        return code.Append("using var answer = await http.SendAsync(request);\nConsole.WriteLine(await answer.Content.ReadAsStringAsync());").ToString();
    }

    private string TypeScript(string url, string? json, string type)
    {
        var headers = $"Authorization: `Bearer ${{process.env.{Variable}}}`" + (json is null ? "" : $", \"Content-Type\": \"{type}\"");
        return $"const answer = await fetch(\"{url}\", {{\n  method: \"{Method}\",\n  headers: {{ {headers} }},\n"
            + (json is null ? "" : $"  body: JSON.stringify({json.Replace("\n", "\n  ", StringComparison.Ordinal)}),\n")
            + "});\nconsole.log(answer.status, await answer.text());";
    }

    private string Python(string url, string type)
    {
        var headers = $"\"Authorization\": f\"Bearer {{os.environ['{Variable}']}}\"" + (Body is null ? "" : $", \"Content-Type\": \"{type}\"");
        return "import json, os, requests\n\n"
            + (Body is null ? "" : $"body = {Literal(Body, "")}\n")
            + $"answer = requests.request(\"{Method}\", \"{url}\", headers={{{headers}}}{(Body is null ? "" : ", data=json.dumps(body)")})\n"
            + "print(answer.status_code, answer.text)";
    }

    private static string Indented(string json) => json.Replace("\n", "\n    ", StringComparison.Ordinal);

    // JSON as Python writes it.
    private static string Literal(JsonNode? node, string indent) => node switch
    {
        null => "None",
        JsonObject { Count: 0 } => "{}",
        JsonArray { Count: 0 } => "[]",
        JsonObject members => $"{{\n{string.Join(",\n", members.Select(m => $"{indent}    {Text(m.Key)}: {Literal(m.Value, indent + "    ")}"))}\n{indent}}}",
        JsonArray items => $"[\n{string.Join(",\n", items.Select(i => $"{indent}    {Literal(i, indent + "    ")}"))}\n{indent}]",
        _ => node.GetValueKind() switch
        {
            JsonValueKind.True => "True",
            JsonValueKind.False => "False",
            JsonValueKind.String => Text(node.GetValue<string>()),
            _ => node.ToJsonString(),
        },
    };

    private static string Text(string text)
    {
        var literal = new StringBuilder("\"");
        foreach (var letter in text)
        {
            if (letter is '"' or '\\') literal.Append('\\').Append(letter);
            else if (letter == '\n') literal.Append("\\n");
            else if (char.IsControl(letter) || letter is '\u2028' or '\u2029')
                literal.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else literal.Append(letter);
        }
        return literal.Append('"').ToString();
    }
}
