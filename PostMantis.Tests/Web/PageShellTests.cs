using System.Net;
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
        using var response = await SendAsync(HttpMethod.Get, "/status/404", "text/html");
        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.Contains("style-src 'self';", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
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
