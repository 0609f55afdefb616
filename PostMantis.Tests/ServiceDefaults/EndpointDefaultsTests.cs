using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using PostMantis.ServiceDefaults;

namespace PostMantis.Tests.ServiceDefaults;

public sealed class EndpointDefaultsTests : IAsyncLifetime
{
    private WebApplication _app = null!;
    private HttpClient _client = null!;
    private HealthCheckResult _queue = HealthCheckResult.Healthy("0 waiting");

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddServiceDefaults();
        builder.Services.AddHealthChecks().AddCheck("queue", () => _queue);
        _app = builder.Build();
        _app.MapDefaultEndpoints();
        _app.MapGet("/heads", (HttpContext http) => string.Join('\n', http.Request.Headers.Select(h => $"{h.Key}: {h.Value}")));
        _app.MapGet("/relay", async (IHttpClientFactory clients, HttpContext http) =>
        {
            using var client = clients.CreateClient("network");
            return await client.GetStringAsync(new Uri($"http://{http.Request.Host}/heads"));
        });
        await _app.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    [Fact]
    public async Task Health_explains_itself_on_this_machine()
    {
        using var health = JsonDocument.Parse(await _client.GetStringAsync("/health"));
        Assert.Equal("0 waiting", health.RootElement.GetProperty("checks").GetProperty("queue")
            .GetProperty("description").GetString());
    }

    [Theory]
    [InlineData("X-Forwarded-For", "192.0.2.7")]
    [InlineData("Forwarded", "for=192.0.2.7")]
    public async Task Behind_a_proxy_health_is_one_word_and_metrics_are_not_there(string header, string value)
    {
        _client.DefaultRequestHeaders.Add(header, value);
        Assert.Equal("Healthy", await _client.GetStringAsync("/health"));
        using var metrics = await _client.GetAsync("/metrics");
        Assert.Equal(HttpStatusCode.NotFound, metrics.StatusCode);
        Assert.Empty(await metrics.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_trace_goes_on_to_networks_and_baggage_does_not()
    {
        const string trace = "0af7651916cd43dd8448eb211c80319c";
        using var request = new HttpRequestMessage(HttpMethod.Get, "/relay");
        request.Headers.Add("traceparent", $"00-{trace}-b7ad6b7169203331-01");
        request.Headers.Add("tracestate", "vendor=1");
        request.Headers.Add("baggage", "campaign=planted");
        request.Headers.Add("Correlation-Context", "campaign=planted");
        using var answer = await _client.SendAsync(request);
        var heads = await answer.Content.ReadAsStringAsync();
        Assert.Contains($"traceparent: 00-{trace}-", heads, StringComparison.Ordinal);
        Assert.DoesNotContain("planted", heads, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_are_for_this_machine()
    {
        Assert.Contains("target_info", await _client.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_check_makes_us_unready_but_alive()
    {
        _queue = HealthCheckResult.Unhealthy("stuck", new InvalidOperationException("the exception's text"));
        using var health = await _client.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        var body = await health.Content.ReadAsStringAsync();
        Assert.Contains("stuck", body, StringComparison.Ordinal);
        Assert.DoesNotContain("the exception's text", body, StringComparison.Ordinal);
        using var alive = await _client.GetAsync("/alive");
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }
}
