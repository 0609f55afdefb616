using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Sandbox;

/// <summary>The network's own rules, over its HTTP: a judge must be right about itself.</summary>
public sealed class SandboxNetworkTests(SandboxNetworkTests.Network network) : IClassFixture<SandboxNetworkTests.Network>
{
    private const string Back = "http://127.0.0.1:5080/connect/callback/sandbox";
    private static readonly string _verifier = new('v', 64);
    private readonly SandboxServer _sandbox = network.Server;
    private readonly FakeTimeProvider _clock = network.Clock;

    [Fact]
    public async Task A_code_lives_five_minutes()
    {
        var (early, late) = (await CodeAsync(), await CodeAsync());
        _clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(HttpStatusCode.OK, (await TradeAsync(early)).Status);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_grant"), Refusal(await TradeAsync(late)));
    }

    [Fact]
    public async Task An_access_token_expires_and_a_new_one_works()
    {
        var tokens = await ConnectAsync("studio");
        _clock.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal((HttpStatusCode.Unauthorized, "token_expired"), Refusal(await PublishAsync(tokens.Access, "studio-page", "old")));
        var renewed = Tokens((await RefreshAsync(tokens.Refresh)).Body);
        Assert.Equal(HttpStatusCode.Created, (await PublishAsync(renewed.Access, "studio-page", "new")).Status);
    }

    [Fact]
    public async Task An_old_refresh_token_works_only_within_the_grace()
    {
        var tokens = await ConnectAsync("studio");
        Assert.Equal(HttpStatusCode.OK, (await RefreshAsync(tokens.Refresh)).Status);
        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(HttpStatusCode.OK, (await RefreshAsync(tokens.Refresh)).Status);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_grant"), Refusal(await RefreshAsync(tokens.Refresh)));
    }

    [Fact]
    public async Task Only_the_registered_application_trades_tokens()
    {
        var code = await CodeAsync();
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_client"), Refusal(await TradeAsync(code, secret: "guessed-secret")));
        Assert.Equal(HttpStatusCode.OK, (await TradeAsync(code)).Status);
    }

    [Fact]
    public async Task An_access_token_is_no_refresh_token_and_the_other_way_round()
    {
        var tokens = await ConnectAsync("studio");
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_grant"), Refusal(await RefreshAsync(tokens.Access)));
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_token"), Refusal(await PublishAsync(tokens.Refresh, "studio-page", "x")));
    }

    [Fact]
    public async Task A_page_of_another_account_does_not_exist()
    {
        var tokens = await ConnectAsync("studio");
        Assert.Equal((HttpStatusCode.NotFound, "page_not_found"), Refusal(await PublishAsync(tokens.Access, "lab-none", "x")));
    }

    [Fact]
    public async Task Twenty_calls_at_once_with_one_key_make_one_post()
    {
        var tokens = await ConnectAsync("studio");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            _ => PublishAsync(tokens.Access, "studio-page", "one of twenty", key: "twenty")));
        Assert.Single(answers.Select(a => (string?)a.Body["id"]).Distinct());
        Assert.Equal(1, await CountAsync("one of twenty"));
    }

    [Fact]
    public async Task A_container_published_by_ten_calls_at_once_becomes_one_post()
    {
        var tokens = await ConnectAsync("studio");
        var made = await SendAsync(HttpMethod.Post, "/v1/destinations/studio-team/containers", tokens.Access, new { body = "boxed" });
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => SendAsync(HttpMethod.Post,
            $"/v1/destinations/studio-team/containers/{made.Body["id"]}/publish", tokens.Access, new { })));
        Assert.Single(answers.Select(a => (string?)a.Body["id"]).Distinct());
        Assert.Equal(1, await CountAsync("boxed"));
    }

    [Fact]
    public async Task Text_is_counted_as_readers_see_it()
    {
        const string family = "👨‍👩‍👧‍👦";
        var tokens = await ConnectAsync("lab");
        var fits = await PublishAsync(tokens.Access, "lab-none", string.Concat(Enumerable.Repeat(family, 500)));
        Assert.Equal(HttpStatusCode.Created, fits.Status);
        var over = await PublishAsync(tokens.Access, "lab-none", string.Concat(Enumerable.Repeat(family, 501)));
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "content_rejected"), Refusal(over));
    }

    [Fact]
    public async Task The_listing_goes_back_page_by_page_newest_first()
    {
        var tokens = await ConnectAsync("lab");
        _clock.Advance(TimeSpan.FromMinutes(1));
        var since = _clock.GetUtcNow();
        for (var i = 0; i < 105; i++)
        {
            await PublishAsync(tokens.Access, "lab-read-back", $"row {i}");
            _clock.Advance(TimeSpan.FromMilliseconds(10));
        }
        var path = $"/v1/destinations/lab-read-back/posts?since={since.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}";
        var first = (await SendAsync(HttpMethod.Get, path, tokens.Access)).Body;
        Assert.False((bool)first["complete"]!);
        await PublishAsync(tokens.Access, "lab-read-back", "meanwhile");
        var second = (await SendAsync(HttpMethod.Get, $"{path}&cursor={first["nextCursor"]}", tokens.Access)).Body;
        Assert.True((bool)second["complete"]!);
        Assert.Null(second["nextCursor"]);
        Assert.Equal(Enumerable.Range(0, 105).Reverse().Select(i => $"row {i}"),
            first["posts"]!.AsArray().Concat(second["posts"]!.AsArray()).Select(p => (string?)p!["body"]));
    }

    [Fact]
    public async Task A_slow_container_is_ready_after_its_time_and_is_then_published()
    {
        var tokens = await ConnectAsync("lab");
        var faults = new Dictionary<string, string> { ["Sandbox-Fault-Key"] = "slow", ["Sandbox-Faults"] = "publish=slowProcessing" };
        const string containers = "/v1/destinations/lab-probe/containers";
        var made = (await SendAsync(HttpMethod.Post, containers, tokens.Access, new { body = "slow" }, faults)).Body;
        Assert.Equal("processing", (string?)made["status"]);
        Assert.Equal((HttpStatusCode.Conflict, "processing"), Refusal(
            await SendAsync(HttpMethod.Post, $"{containers}/{made["id"]}/publish", tokens.Access, new { }, faults)));
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("ready", (string?)(await SendAsync(HttpMethod.Get, $"{containers}/{made["id"]}", tokens.Access)).Body["status"]);
        Assert.Equal(HttpStatusCode.Created,
            (await SendAsync(HttpMethod.Post, $"{containers}/{made["id"]}/publish", tokens.Access, new { }, faults)).Status);
        Assert.Equal("published", (string?)(await SendAsync(HttpMethod.Get, $"{containers}/{made["id"]}", tokens.Access)).Body["status"]);
    }

    [Fact]
    public async Task Faults_are_dealt_out_one_for_each_call_and_then_end()
    {
        var tokens = await ConnectAsync("lab");
        var faults = new Dictionary<string, string>
        {
            ["Sandbox-Fault-Key"] = "in order",
            ["Sandbox-Faults"] = "thread=rejected, publish=rejected, publish=rateLimited",
        };
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 3; i++)
        {
            answers.Add((await SendAsync(HttpMethod.Post, "/v1/destinations/lab-none/posts", tokens.Access,
                new { body = "faulty" }, faults)).Status);
        }
        Assert.Equal([HttpStatusCode.UnprocessableEntity, HttpStatusCode.TooManyRequests, HttpStatusCode.Created], answers);
        Assert.Equal(1, await CountAsync("faulty"));
    }

    [Fact]
    public async Task A_post_removed_later_leaves_its_page_and_its_feed()
    {
        var tokens = await ConnectAsync("lab");
        var post = (await SendAsync(HttpMethod.Post, "/v1/destinations/lab-none/posts", tokens.Access, new { body = "brief" },
            new() { ["Sandbox-Fault-Key"] = "brief", ["Sandbox-Faults"] = "publish=removedLater" })).Body;
        var url = new Uri((string)post["url"]!);
        Assert.Contains("brief", await _sandbox.Client.GetStringAsync(url), StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromSeconds(30));
        using var gone = await _sandbox.Client.GetAsync(url);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.DoesNotContain(">brief<", await _sandbox.Client.GetStringAsync("/feed/lab-none"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_show_text_as_text_under_a_strict_policy()
    {
        var tokens = await ConnectAsync("lab");
        await PublishAsync(tokens.Access, "lab-none", "<script>alert(1)</script> & more");
        using var feed = await _sandbox.Client.GetAsync("/feed/lab-none");
        var page = await feed.Content.ReadAsStringAsync();
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; more", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        var policy = Assert.Single(feed.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        var json = await _sandbox.Client.GetFromJsonAsync<JsonObject>("/feed/lab-none.json");
        Assert.Contains(json!["posts"]!.AsArray(), p => (string?)p!["body"] == "<script>alert(1)</script> & more");
    }

    [Fact]
    public async Task A_held_call_is_committed_after_the_hold_but_not_before()
    {
        var tokens = await ConnectAsync("lab");
        foreach (var (when, committed) in new[] { ("before", 0), ("after", 1) })
        {
            var hold = await _sandbox.HoldAsync(when);
            var call = PublishAsync(tokens.Access, "lab-none", $"held {when}");
            await hold.ReachedAsync();
            Assert.Equal(committed, await CountAsync($"held {when}"));
            Assert.False(call.IsCompleted);
            await hold.ReleaseAsync();
            Assert.Equal(HttpStatusCode.Created, (await call).Status);
            Assert.Equal(1, await CountAsync($"held {when}"));
        }
    }

    [Fact]
    public async Task A_caller_who_left_while_held_before_leaves_nothing_and_after_leaves_a_post()
    {
        var tokens = await ConnectAsync("lab");
        foreach (var (when, committed) in new[] { ("before", 0), ("after", 1) })
        {
            var hold = await _sandbox.HoldAsync(when);
            using var leave = new CancellationTokenSource();
            var call = PublishAsync(tokens.Access, "lab-none", $"left {when}", ct: leave.Token);
            await hold.ReachedAsync();
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
            Assert.Equal(committed, await CountAsync($"left {when}"));
        }
    }

    [Fact]
    public async Task Requests_are_noted_without_tokens_or_text()
    {
        var tokens = await ConnectAsync("lab");
        await PublishAsync(tokens.Access, "lab-idempotent", "planted words", key: "noted-key");
        var noted = await _sandbox.Client.GetStringAsync("/control/requests");
        Assert.Contains("noted-key", noted, StringComparison.Ordinal);
        Assert.DoesNotContain("planted words", noted, StringComparison.Ordinal);
        Assert.DoesNotContain("sbx_", noted, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_secret_is_stored_as_it_is()
    {
        var tokens = await ConnectAsync("studio");
        var stored = await _sandbox.DumpAsync("tokens", "codes");
        Assert.NotEmpty(stored);
        Assert.DoesNotContain(tokens.Access, stored, StringComparison.Ordinal);
        Assert.DoesNotContain(tokens.Refresh, stored, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/v1/destinations/%00/posts", null, 400)]
    [InlineData("GET", "/v1/destinations/lab-read-back/posts?since=yesterday", null, 400)]
    [InlineData("GET", "/v1/destinations/lab-read-back/posts?cursor=%00", null, 400)]
    [InlineData("GET", "/v1/destinations/lab-none/posts", null, 403)]
    [InlineData("GET", "/v1/destinations/lab-probe/containers/nonsense", null, 404)]
    [InlineData("GET", "/feed/nobody", null, 404)]
    [InlineData("GET", "/feed/lab-none?before=x", null, 400)]
    [InlineData("GET", "/posts/0199c0de-0000-7000-8000-000000000000", null, 404)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "null", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "[]", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "{\"body\": 5}", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "{\"body\": \"a\\u0000b\"}", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "{\"body\": \"\\ud800\"}", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "{\"body\": \"   \"}", 422)]
    [InlineData("POST", "/v1/destinations/lab-none/posts", "{\"body\": \"x\", \"parentId\": \"0199c0de-0000-7000-8000-000000000000\"}", 400)]
    [InlineData("POST", "/v1/destinations/lab-probe/posts", "{\"body\": \"x\"}", 409)]
    [InlineData("POST", "/v1/destinations/lab-idempotent/posts", "{\"body\": \"x\"}", 400)]
    [InlineData("POST", "/v1/destinations/lab-none/containers", "{\"body\": \"x\"}", 409)]
    [InlineData("POST", "/oauth/token", "{}", 400)]
    [InlineData("POST", "/oauth/revoke", "{}", 401)]
    [InlineData("POST", "/oauth/authorize", "{}", 400)]
    public async Task A_wrong_request_is_refused_and_never_breaks_the_network(string method, string path, string? body, int status)
    {
        var tokens = await ConnectAsync("lab");
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Access);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _sandbox.Client.SendAsync(request);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused()
    {
        var tokens = await ConnectAsync("lab");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
            (await PublishAsync(tokens.Access, "lab-none", new string('x', 100_000))).Status);
    }

    private async Task<int> CountAsync(string body) => (await _sandbox.PostsAsync()).Count(p => p.Body == body);

    private async Task<(string Access, string Refresh)> ConnectAsync(string account) =>
        Tokens((await TradeAsync(await CodeAsync(account))).Body);

    private async Task<string> CodeAsync(string account = "studio")
    {
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier)));
        var back = await _sandbox.ConsentAsync(new Uri(_sandbox.Address, "/oauth/authorize?response_type=code&client_id=postmantis"
            + $"&redirect_uri={Uri.EscapeDataString(Back)}&state=s&code_challenge={challenge}&code_challenge_method=S256"), account);
        return HttpUtility.ParseQueryString(back.Query)["code"]!;
    }

    private Task<(HttpStatusCode Status, JsonObject Body)> TradeAsync(string code, string? secret = null) => FormAsync(new()
    {
        ["grant_type"] = "authorization_code",
        ["code"] = code,
        ["redirect_uri"] = Back,
        ["code_verifier"] = _verifier,
    }, secret);

    private Task<(HttpStatusCode Status, JsonObject Body)> RefreshAsync(string token) =>
        FormAsync(new() { ["grant_type"] = "refresh_token", ["refresh_token"] = token });

    private async Task<(HttpStatusCode Status, JsonObject Body)> FormAsync(Dictionary<string, string> form, string? secret = null)
    {
        (form["client_id"], form["client_secret"]) = ("postmantis", secret ?? "sandbox-client-secret");
        using var answer = await _sandbox.Client.PostAsync("/oauth/token", new FormUrlEncodedContent(form));
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonObject>())!);
    }

    private Task<(HttpStatusCode Status, JsonObject Body)> PublishAsync(
        string token, string page, string body, string? key = null, CancellationToken ct = default)
    {
        key ??= body.Length.ToString(CultureInfo.InvariantCulture) + body.GetHashCode(StringComparison.Ordinal);
        return SendAsync(HttpMethod.Post, $"/v1/destinations/{page}/posts", token, new { body },
            new() { ["Idempotency-Key"] = key }, ct);
    }

    private async Task<(HttpStatusCode Status, JsonObject Body)> SendAsync(HttpMethod method, string path, string token,
        object? body = null, Dictionary<string, string>? headers = null, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers ?? []) request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await _sandbox.Client.SendAsync(request, ct);
        var text = await answer.Content.ReadAsStringAsync(ct);
        return (answer.StatusCode, text.Length == 0 ? [] : JsonNode.Parse(text)!.AsObject());
    }

    private static (string Access, string Refresh) Tokens(JsonObject body) =>
        ((string)body["access_token"]!, (string)body["refresh_token"]!);

    private static (HttpStatusCode Status, string? Code) Refusal((HttpStatusCode Status, JsonObject Body) answer) =>
        (answer.Status, answer.Body["error"] is JsonObject error ? (string?)error["code"] : (string?)answer.Body["error"]);

    /// <summary>The network with a clock that moves when told.</summary>
    public sealed class Network : IAsyncLifetime
    {
        public FakeTimeProvider Clock { get; } = new(TimeProvider.System.GetUtcNow());

        internal SandboxServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await SandboxServer.StartAsync(time: Clock);

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
