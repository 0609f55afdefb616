using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

public sealed class PageShellTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await PostMantisHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [InlineData("/css/postmantis.css", "--accent")]
    [InlineData("/lib/bootstrap.css", "@layer bootstrap")]
    [InlineData("/lib/icons.svg", "symbol id=\"send\"")]
    [InlineData("/js/postmantis.js", "EventSource")]
    [InlineData("/favicon.svg", "<svg")]
    public async Task Every_asset_is_served_by_us_with_its_content(string path, string content)
    {
        using var response = await SendAsync(HttpMethod.Get, path, "*/*");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains(content, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_answer_forbids_inline_code_and_framing()
    {
        var pages = DashboardRoutes.Of(_host.Services.GetServices<EndpointDataSource>())
            .Select(pattern => DashboardRoutes.Fill(pattern, new Dictionary<string, string>())).ToList();
        Assert.True(pages.Count > 30, $"{pages.Count} pages");
        foreach (var path in (string[])[.. pages, "/status/404", "/no/such/page", "/api/v1/key", "/api/v1/nothing", "/llms.txt", "/openapi/v1.json", "/mcp", "/scalar"])
        {
            using var response = await SendAsync(HttpMethod.Get, path, "text/html");
            var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.True(policy.Contains("frame-ancestors 'none'", StringComparison.Ordinal), path);
            Assert.True(policy.Contains("object-src 'none'", StringComparison.Ordinal), path);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));

            // The reference of the API is a page of somebody else's making.
            if (path == "/scalar") continue;
            Assert.True(policy.Contains("script-src 'self';", StringComparison.Ordinal), path);
            Assert.True(policy.Contains("style-src 'self';", StringComparison.Ordinal), path);
            Assert.False(policy.Contains("unsafe", StringComparison.Ordinal), path);
        }
    }

    [Fact]
    public async Task An_address_that_does_not_exist_is_answered_by_a_page()
    {
        using var response = await SendAsync(HttpMethod.Get, "/no/such/page", "text/html");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("There is nothing here", await response.Content.ReadAsStringAsync(
            TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_post_without_its_token_is_refused_by_a_page()
    {
        using var response = await SendAsync(HttpMethod.Post, "/theme", "text/html", ("theme", "dark"));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("That form could not be read", await response.Content.ReadAsStringAsync(
            TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string accept, params (string Name, string Value)[] form)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        if (method == HttpMethod.Post)
            request.Content = new FormUrlEncodedContent(form.ToDictionary(field => field.Name, field => field.Value));
        return await _host.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
