using System.IO.Compression;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

public sealed class ApiConventionTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        _person = await Seed.UserAsync(_host);
        _api = await ApiClient.WithKeyAsync(_host, _person);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Health_needs_no_key_and_everything_else_does()
    {
        var nobody = new ApiClient(_host, null);
        Assert.Equal(200, (await nobody.GetAsync("/health")).Status);
        foreach (var path in (string[])["/key", "/posts", "/events", "/publish/logs", "/posts/01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"])
        {
            var reply = await nobody.GetAsync(path);
            Assert.Equal((401, "unauthorized"), (reply.Status, reply.Code));
            Assert.StartsWith("Bearer", reply.Headers["WWW-Authenticate"], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_key_tells_what_it_may_do()
    {
        var data = (await _api.GetAsync("/key")).Data;
        Assert.Equal("key", (string?)data["object"]);
        Assert.Equal("publish", (string?)data["permission"]);
        Assert.True((bool?)data["testMode"]);
        Assert.Equal(600, (int?)data["limits"]!["read"]);
        Assert.DoesNotContain(_api.Key!, data.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_or_expired_or_altered_key_is_refused()
    {
        var expiring = await ApiClient.WithKeyAsync(_host, _person, expiresAt: _host.Clock.GetUtcNow().AddHours(1));
        Assert.Equal(200, (await expiring.GetAsync("/key")).Status);
        _host.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(401, (await expiring.GetAsync("/key")).Status);

        var altered = _api.Key![..^1] + (_api.Key![^1] == 'A' ? 'B' : 'A');
        Assert.Equal(401, (await new ApiClient(_host, altered).GetAsync("/key")).Status);
        Assert.Equal(401, (await new ApiClient(_host, _api.Key!.Replace("test", "live", StringComparison.Ordinal)).GetAsync("/key")).Status);
        var forged = ApiKeyText.Create(_api.KeyId, testMode: true).Reveal();
        Assert.Equal(401, (await new ApiClient(_host, forged).GetAsync("/key")).Status);

        await _host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ApiKeys>().RevokeAsync(_person, _api.KeyId, default);
            return 0;
        });
        Assert.Equal(401, (await _api.GetAsync("/key")).Status);
    }

    [Theory]
    [InlineData("/providers", "br")]
    [InlineData("/providers", "gzip")]
    [InlineData("/posts?nope=1", "gzip")]
    public async Task Who_asks_for_it_is_answered_compressed(string path, string encoding)
    {
        var plain = await _api.GetAsync(path);
        Assert.False(plain.Headers.ContainsKey("Content-Encoding"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1" + path);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + _api.Key);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", encoding);
        using var answer = await _host.Client.SendAsync(request);
        Assert.Equal(plain.Status, (int)answer.StatusCode);
        Assert.Equal([encoding], answer.Content.Headers.ContentEncoding);
        Assert.Contains("Accept-Encoding", answer.Headers.Vary);
        await using var packed = await answer.Content.ReadAsStreamAsync();
        await using Stream open = encoding == "br"
            ? new BrotliStream(packed, CompressionMode.Decompress)
            : new GZipStream(packed, CompressionMode.Decompress);
        var json = (await JsonNode.ParseAsync(open))!.AsObject();
        Assert.Equal(plain.Json!.Select(member => member.Key), json.Select(member => member.Key));
    }

    [Fact]
    public async Task Every_answer_names_its_trace_and_problems_point_to_a_page()
    {
        var reply = await _api.SendAsync(HttpMethod.Get, "/posts?limit=0&nope=1&nope=2",
            headers: [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]);
        Assert.Equal((400, "invalidRequest"), (reply.Status, reply.Code));
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", reply.Headers["X-Request-Id"]);
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", (string?)reply.Json!["traceId"]);
        Assert.Equal("/problems/invalid-request", (string?)reply.Json!["type"]);
        Assert.Equal(["limit outOfRange", "nope unknownField"],
            reply.Json!["errors"]!.AsArray().Select(e => $"{e!["pointer"]} {e["rule"]}"));
        Assert.StartsWith("application/problem+json", reply.Headers["Content-Type"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Methods_are_answered_as_http_says()
    {
        var head = await _api.SendAsync(HttpMethod.Head, "/posts");
        Assert.Equal((200, ""), (head.Status, head.Text));
        var wrong = await _api.SendAsync(HttpMethod.Put, "/posts", "{}");
        Assert.Equal((405, "methodNotAllowed"), (wrong.Status, wrong.Code));
        Assert.Contains("POST", wrong.Headers["Allow"], StringComparison.Ordinal);
        var options = await _api.SendAsync(HttpMethod.Options, "/posts");
        Assert.Equal(204, options.Status);
        Assert.Contains("GET", options.Headers["Allow"], StringComparison.Ordinal);
        Assert.Equal((404, "notFound"), ((await _api.GetAsync("/nothing")).Status, (await _api.GetAsync("/nothing")).Code));
    }

    [Fact]
    public async Task A_key_is_held_to_its_requests_a_minute()
    {
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["Api:RateLimits:Read"] = "15" });
        var api = await ApiClient.WithKeyAsync(host, await Seed.UserAsync(host));
        var left = new List<string>();
        for (var i = 0; i < 15; i++)
        {
            var ok = await api.GetAsync("/key");
            Assert.Equal(200, ok.Status);
            left.Add(ok.Headers["RateLimit"].Split(';')[1]);
        }
        Assert.Equal(Enumerable.Range(0, 15).Select(i => $"r={14 - i}"), left);
        var refused = await api.GetAsync("/key");
        Assert.Equal((429, "rateLimited", "read"), (refused.Status, refused.Code, (string?)refused.Json!["bucket"]));
        Assert.True(int.Parse(refused.Headers["Retry-After"], null) is >= 1 and <= 60);
        Assert.Equal("\"read\";q=15;w=60", refused.Headers["RateLimit-Policy"]);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200, (await api.GetAsync("/key")).Status);
    }

    [Fact]
    public async Task Two_replicas_share_one_minute()
    {
        var settings = new Dictionary<string, string?> { ["Api:RateLimits:Read"] = "20" };
        await using var one = await PostMantisHost.StartAsync(settings);
        await using var two = await PostMantisHost.StartAsync(settings, connectionString: one.ConnectionString);
        var api = await ApiClient.WithKeyAsync(one, await Seed.UserAsync(one));
        var other = new ApiClient(two, api.Key);
        var allowed = 0;
        for (var i = 0; i < 40; i++)
            if ((await (i % 2 == 0 ? api : other).GetAsync("/key")).Status == 200) allowed++;
        Assert.Equal(20, allowed);
    }

    [Fact]
    public async Task The_document_is_openapi_31_and_describes_every_error()
    {
        var text = await _host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        var document = JsonNode.Parse(text)!;
        Assert.StartsWith("3.1", (string?)document["openapi"], StringComparison.Ordinal);
        Assert.Equal("v1", (string?)document["info"]!["version"]);
        Assert.Equal("bearer", (string?)document["components"]!["securitySchemes"]!["apiKey"]!["scheme"]);
        var create = document["paths"]!["/api/v1/posts"]!["post"]!;
        Assert.NotNull(create["requestBody"]!["content"]!["application/json"]!["example"]);
        foreach (var status in (string[])["201", "202", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503"])
            Assert.NotNull(create["responses"]![status]);
        Assert.Equal("apiKey", create["security"]![0]!.AsObject().Single().Key);
        Assert.Contains("Idempotency-Key", create["parameters"]!.AsArray().Select(p => (string?)p!["name"]));
    }

    [Fact]
    public async Task The_document_describes_the_feeds_by_example()
    {
        var text = await _host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        var paths = JsonNode.Parse(text)!["paths"]!;
        var events = paths["/api/v1/events"]!["get"]!;
        Assert.Equal(["afterSequence", "types", "limit", "cursor", "page", "perPage"], NamesOf(events));
        Assert.NotNull(events["responses"]!["410"]);
        var log = paths["/api/v1/publish/logs"]!["get"]!;
        Assert.Equal(["postId", "profileId", "provider", "type", "after", "before", "limit", "cursor", "page", "perPage"],
            NamesOf(log));
        foreach (var operation in (JsonNode[])[events, log])
        {
            var example = operation["responses"]!["200"]!["content"]!["application/json"]!["example"]!["data"]![0]!;
            Assert.Equal(["id", "type", "apiVersion", "timestamp", "sequence", "testMode", "data"],
                example.AsObject().Select(member => member.Key));
        }

        static IEnumerable<string?> NamesOf(JsonNode operation) =>
            operation["parameters"]!.AsArray().Select(p => (string?)p!["name"]);
    }

    [Fact]
    public async Task The_reference_page_is_served_with_its_script()
    {
        using var page = await _host.Client.GetAsync(new Uri("/scalar/", UriKind.Relative));
        var html = await page.Content.ReadAsStringAsync();
        Assert.Equal(200, (int)page.StatusCode);
        Assert.Contains("PostMantis API", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", html, StringComparison.Ordinal);
    }
}
