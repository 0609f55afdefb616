using System.Net;
using System.Reflection;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Connections;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;
using PostMantis.Web.Shared;

namespace PostMantis.Tests.Web;

/// <summary>What this instance says of itself to everybody, and whether that is so.</summary>
public sealed class PublicPageTests
{
    private static readonly string[] _pages = ["/welcome", "/docs", "/security", "/privacy", "/content-guidelines"];

    [Fact]
    public async Task Public_pages_say_who_runs_the_instance_or_that_nobody_said_so()
    {
        await using var silent = await PostMantisHost.StartAsync();
        foreach (var path in _pages)
            Assert.Contains("Who runs this instance has not said their name.", await TextAsync(silent, path), StringComparison.Ordinal);
        Assert.Contains("has not given an address", await TextAsync(silent, "/security"), StringComparison.Ordinal);
        using (var missing = await silent.Client.GetAsync(new Uri("/.well-known/security.txt", UriKind.Relative)))
            Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);

        await using var named = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Operator:Name"] = "Example Ltd",
            ["Operator:Country"] = "Austria",
            ["Operator:Contact"] = "hello@example.com",
            ["Operator:SecurityContact"] = "security@example.com",
            ["Operator:SourceUrl"] = "https://git.example.com/postmantis/blob/main/",
        });
        foreach (var path in _pages)
            Assert.Contains("This instance is run by Example Ltd, Austria.", await TextAsync(named, path), StringComparison.Ordinal);
        Assert.Contains("mailto:hello@example.com", await TextAsync(named, "/privacy"), StringComparison.Ordinal);
        var security = await TextAsync(named, "/security");
        Assert.Contains("within 2 business days", security, StringComparison.Ordinal);
        Assert.Contains("https://git.example.com/postmantis/blob/main/PostMantis.Tests/Vault/VaultTests.cs", security, StringComparison.Ordinal);

        using var answer = await named.Client.GetAsync(new Uri("/.well-known/security.txt", UriKind.Relative));
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        var fields = (await answer.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(": ", 2)).ToDictionary(f => f[0], f => f[1]);
        Assert.Equal("mailto:security@example.com", fields["Contact"]);
        var expires = DateTimeOffset.Parse(fields["Expires"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(expires - named.Clock.GetUtcNow(), TimeSpan.FromDays(30), TimeSpan.FromDays(365));
        Assert.EndsWith("/.well-known/security.txt", fields["Canonical"], StringComparison.Ordinal);
        Assert.EndsWith("/security", fields["Policy"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_documents_are_readable_pages_whose_links_lead_somewhere()
    {
        await using var host = await PostMantisHost.StartAsync();
        foreach (var (name, title) in DocumentPages.Listed)
        {
            var page = await TextAsync(host, $"/docs/{name}");
            Assert.Contains("<h1", page, StringComparison.Ordinal);
            Assert.True(DocumentPages.Find(name) is not null, $"{title} is not there.");
        }
        var links = DocumentLibrary.Files.Keys.Where(f => f.EndsWith(".md", StringComparison.Ordinal))
            .Select(f => DocumentPages.Find(f[..^3])!.Html)
            .SelectMany(html => System.Text.RegularExpressions.Regex.Matches(html, "href=\"(/[^\"#]*)").Select(m => m.Groups[1].Value)).Distinct();
        foreach (var link in links)
        {
            using var answer = await host.Client.GetAsync(new Uri(link, UriKind.Relative));
            Assert.True((int)answer.StatusCode < 400, $"{link}: {answer.StatusCode}");
        }
        foreach (var document in DocumentLibrary.Files.Values.Where(d => d.Text.Contains("```mermaid", StringComparison.Ordinal)))
        {
            var html = DocumentPages.Find(document.Name[..^3])!.Html;
            Assert.DoesNotContain("mermaid", html, StringComparison.Ordinal);
            var arrows = System.Text.RegularExpressions.Regex.Count(document.Text, "^  .*(-->|->>)", System.Text.RegularExpressions.RegexOptions.Multiline);
            var shown = System.Text.RegularExpressions.Regex.Matches(html, "<figure class=\"diagram\">.*?</figure>", System.Text.RegularExpressions.RegexOptions.Singleline)
                .Sum(figure => figure.Value.Split("<tr>").Length - 2);
            Assert.Equal(arrows, shown);
        }
        Assert.Contains("<span class=\"state\">sequencer: number, message and work item in one transaction</span>", DocumentPages.Find("webhooks")!.Html, StringComparison.Ordinal);
        Assert.Contains("<span class=\"state\">awaiting<wbr>Approval</span>", DocumentPages.Find("lifecycle")!.Html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", DocumentPages.Find("agents")!.Html, StringComparison.OrdinalIgnoreCase);
        using var missing = await host.Client.GetAsync(new Uri("/docs/no-such-page", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public void Every_statement_on_security_names_tests_that_are_there()
    {
        Assert.Equal(Enumerable.Range(1, 16).Select(n => $"S{n}"), SecurityStatements.All.Select(s => s.Id));
        var known = typeof(PublicPageTests).Assembly.GetTypes().SelectMany(type => type.GetMethods()
            .Where(m => m.GetCustomAttributes().Any(a => a is FactAttribute))
            .Select(m => $"{type.FullName!["PostMantis.Tests.".Length..]}.{m.Name}")).ToHashSet(StringComparer.Ordinal);
        foreach (var statement in SecurityStatements.All)
        {
            Assert.NotEmpty(statement.Tests);
            foreach (var test in statement.Tests)
            {
                Assert.True(known.Contains(test), $"{statement.Id} names {test}, which is no test.");
                Assert.True(File.Exists(Repository.File($"PostMantis.Tests/{string.Join('/', test.Split('.')[..^1])}.cs")), test);
            }
        }
    }

    [Fact]
    public async Task Every_row_of_the_threat_model_names_tests_that_are_there()
    {
        var names = typeof(PublicPageTests).Assembly.GetTypes().Where(t => t.Name.EndsWith("Tests", StringComparison.Ordinal))
            .SelectMany(t => t.GetMethods().Select(m => $"{t.Name}.{m.Name}").Append(t.Name)).ToHashSet(StringComparer.Ordinal);
        var text = await File.ReadAllTextAsync(Repository.File("docs/security.md"));
        var rows = text[text.IndexOf("## Threat model", StringComparison.Ordinal)..].Split('\n')
            .Where(line => line.StartsWith("| T", StringComparison.Ordinal)).ToList();
        Assert.True(rows.Count >= 20, $"{rows.Count} rows");
        foreach (var row in rows)
        {
            var tests = System.Text.RegularExpressions.Regex.Matches(row.Split('|')[^2], "`([^`]+)`").Select(m => m.Groups[1].Value).ToList();
            Assert.NotEmpty(tests);
            foreach (var test in tests) Assert.True(names.Contains(test), $"{test} in: {row}");
        }
    }

    [Fact]
    public async Task The_public_API_has_no_call_that_changes_keys_or_webhooks()
    {
        await using var host = await PostMantisHost.StartAsync();
        var writes = host.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.Contains("api/v", StringComparison.Ordinal) == true)
            .Where(e => e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Any(m => m is not ("GET" or "HEAD" or "OPTIONS")) == true)
            .Select(e => e.RoutePattern.RawText!).ToList();
        Assert.NotEmpty(writes);
        Assert.DoesNotContain(writes, route => route.Contains("key", StringComparison.OrdinalIgnoreCase)
            || route.Contains("webhook", StringComparison.OrdinalIgnoreCase) || route.Contains("endpoint", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Of_a_network_account_nothing_is_kept_that_the_privacy_page_does_not_name()
    {
        await using var host = await PostMantisHost.StartAsync();
        var columns = await host.InDatabaseAsync(db => Task.FromResult(new[] { typeof(Connection), typeof(Profile) }
            .SelectMany(type => db.Model.FindEntityType(type)!.GetProperties().Select(p => p.Name)).Distinct().Order(StringComparer.Ordinal).ToList()));
        string[] named =
        [
            // Who it is and where it may publish, the grant, and our own notes on it.
            "AccountName", "ProviderAccountId", "ProviderProfileId", "Name", "Handle", "PictureUrl", "Provider", "Facts",
            "Credential", "CredentialVersion", "Scopes", "CanRenew", "AccessTokenExpiresAt", "RefreshTokenExpiresAt", "RefreshedAt", "LastRefreshError",
            "Id", "UserId", "ConnectionId", "BrandId", "ExternalId", "Status", "TestMode", "CreatedAt", "UpdatedAt", "PausedAt", "DisconnectedAt",
        ];
        Assert.Empty(columns.Except(named));
    }

    private static async Task<string> TextAsync(PostMantisHost host, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "text/html");
        using var answer = await host.Client.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode}");
        return WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
    }
}
