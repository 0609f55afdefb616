using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PostMantis.Api.Http;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>What programs read about the API, and what a call says that will go.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public async Task An_instance_serves_its_pages_and_every_link_of_llms_txt_answers()
    {
        await using var host = await PostMantisHost.StartAsync();
        var text = await host.Client.GetStringAsync(new Uri("/llms.txt", UriKind.Relative));
        var links = Links().Matches(text).Select(link => link.Groups[1].Value).ToList();
        Assert.Contains("/openapi/v1.json", links);
        Assert.Contains("/changelog", links);
        foreach (var link in links)
        {
            using var answer = await host.Client.GetAsync(new Uri(link, UriKind.Relative));
            Assert.True(answer.IsSuccessStatusCode, link);
        }

        using var page = await host.Client.GetAsync(new Uri("/docs/api.md", UriKind.Relative));
        Assert.Equal("text/markdown", page.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("# The API", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/docs/api.md");
        again.Headers.IfNoneMatch.Add(page.Headers.ETag!);
        using var unchanged = await host.Client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        using var missing = await host.Client.GetAsync(new Uri("/docs/..%2Fsecret.md", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task A_call_that_will_go_says_since_when_until_when_and_what_takes_its_place()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        var since = new DateTimeOffset(2027, 3, 1, 0, 0, 0, TimeSpan.Zero);
        app.MapGet("/old", () => TypedResults.Ok("still here")).Retires(since, since.AddYears(1), "/api/v1/publish/logs");
        await app.StartAsync();

        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var answer = await client.GetAsync(new Uri("/old", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var said = string.Join('\n', ((string[])["Deprecation", "Sunset", "Link"])
            .Select(name => $"{name}: {Assert.Single(answer.Headers.GetValues(name))}"));
        Assert.Contains(said, await File.ReadAllTextAsync(Repository.File("docs/versioning.md")), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            app.MapGet("/older", () => TypedResults.Ok()).Retires(since, since.AddMonths(11), "/"));
    }

    [GeneratedRegex(@"\]\((/[^)]+)\)")]
    private static partial Regex Links();
}
