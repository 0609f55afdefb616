using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Mastodon;

namespace PostMantis.Tests.Simulators;

public sealed class MastodonSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private const string Scopes = "profile write:statuses write:media read:statuses";
    private const string Challenge = "S285cFevVoyrvCpYNATAl6MSTQJ7IuEQoWk3B7iDosQ";
    private const string Ann = "110000000000000001";
    private SimulatorClient _server = null!;

    private MastodonSettings Rules => (MastodonSettings)_server.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _server = await SimulatorClient.StartAsync("mastodon");

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("hello", 5)]
    [InlineData("https://example.com/a/very/long/path/that/goes/on", 23)]
    [InlineData("see http://a.io.", 4 + 23 + 1)]
    [InlineData("example.com", 11)]
    [InlineData("@ann@mastodon.example hi", 7)]
    [InlineData("👨‍👩‍👧‍👦é", 2)]
    public void Text_counts_as_the_server_counts(string text, int count) =>
        Assert.Equal(count, StatusText.Count("", text, 23));

    [Fact]
    public void A_warning_counts_too() => Assert.Equal(8, StatusText.Count("cw!", "hello", 23));

    [Fact]
    public void Text_becomes_html_with_links_tags_and_paragraphs() => Assert.Equal(
        "<p>a &lt;b&gt; <a href=\"https://m.example/tags/Go\" class=\"mention hashtag\" rel=\"tag\">#<span>Go</span></a>"
        + "<br />c</p><p><a href=\"https://ex.am/p\" target=\"_blank\" rel=\"nofollow noopener noreferrer\""
        + " translate=\"no\"><span class=\"invisible\">https://</span><span class=\"\">ex.am/p</span>"
        + "<span class=\"invisible\"></span></a></p>",
        StatusText.ToHtml("a <b> #Go\nc\n\nhttps://ex.am/p", "https://m.example"));

    [Fact]
    public async Task An_app_registers_itself_and_its_token_never_expires()
    {
        var app = await RegisterAsync();
        Assert.Equal(0, (int)app["client_secret_expires_at"]!);
        var token = await ExchangeAsync(app, await CodeAsync(app));
        Assert.Equal(("Bearer", Scopes), ((string)token.Json["token_type"]!, (string)token.Json["scope"]!));
        Assert.Null(token.Json["refresh_token"]);
        var access = (string)token.Json["access_token"]!;
        _server.Advance(TimeSpan.FromDays(3650).TotalSeconds);
        var me = (await _server.GetAsync("/api/v1/accounts/verify_credentials", access)).Json;
        Assert.Equal(("ann", Ann, "public"),
            ((string)me["acct"]!, (string)me["id"]!, (string)me["source"]!["privacy"]!));
        (string, string)[] revoke = [("client_id", (string)app["client_id"]!),
            ("client_secret", (string)app["client_secret"]!), ("token", access)];
        for (var at = 0; at < 2; at++) Assert.Equal("{}", (await _server.FormAsync("/oauth/revoke", revoke)).Text);
        var gone = await _server.GetAsync("/api/v1/accounts/verify_credentials", access);
        Assert.Equal((401, "The access token is invalid"), (gone.Code, Error(gone)));
        revoke[1].Item2 = "wrong";
        Assert.Equal((403, "unauthorized_client"),
            ((await _server.FormAsync("/oauth/revoke", revoke)) is var no ? (no.Code, Error(no)) : default));
    }

    [Fact]
    public async Task Consent_checks_app_redirect_scopes_and_challenge()
    {
        var app = await RegisterAsync();
        Assert.Equal(400, (await _server.GetAsync(Authorize(app).Replace("client_id=", "client_id=x"))).Code);
        Assert.Equal(400, (await _server.GetAsync(Authorize(app, back: "https://other.example/"))).Code);
        Assert.Equal(400, (await _server.GetAsync(Authorize(app, "read:accounts"))).Code);
        Assert.Equal(400, (await _server.GetAsync(Authorize(app).Replace("S256", "plain"))).Code);
        var code = await CodeAsync(app);
        Assert.Equal((400, "invalid_grant"), ((await ExchangeAsync(app, code, new string('v', 50))) is var no
            ? (no.Code, Error(no)) : default));
        Assert.Equal(400, (await ExchangeAsync(app, code)).Code);
        var stranger = app.DeepClone();
        stranger["client_secret"] = "wrong";
        Assert.Equal(401, (await ExchangeAsync(stranger, await CodeAsync(app))).Code);
        _server.Sim.Consent.Deny = true;
        Assert.Equal("access_denied", (await _server.ConsentAsync(Authorize(app)))["error"]);
    }

    [Fact]
    public async Task An_older_server_has_no_discovery_and_no_profile_scope()
    {
        Assert.Equal(200, (await _server.GetAsync("/.well-known/oauth-authorization-server")).Code);
        Rules.HasDiscovery = false;
        Assert.Equal(404, (await _server.GetAsync("/.well-known/oauth-authorization-server")).Code);
        Assert.Equal(422, (await RegisterAnswerAsync(Scopes)).Code);
        Assert.Equal(200, (await RegisterAnswerAsync("read:accounts write:statuses")).Code);
    }

    [Fact]
    public async Task A_status_is_public_as_html_with_its_link()
    {
        var token = await TokenAsync();
        var status = (await PostAsync("Hello https://example.com #Go", token)).Json;
        Assert.Contains("href=\"https://example.com\"", (string)status["content"]!, StringComparison.Ordinal);
        Assert.Equal(("PostMantis", "go"),
            ((string)status["application"]!["name"]!, (string)status["tags"]![0]!["name"]!));
        var entry = Assert.Single(await _server.JournalAsync());
        Assert.Equal((string)status["url"]!, entry.Details["permalink"]);
        var list = (await _server.GetAsync($"/api/v1/accounts/{Ann}/statuses?limit=40", token)).Json.AsArray();
        Assert.Equal((string)status["id"]!, (string)Assert.Single(list)!["id"]!);
        Assert.Empty((await _server.GetAsync($"/api/v1/accounts/{Ann}/statuses?since_id={status["id"]}", token))
            .Json.AsArray());
        var reply = (await SayAsync(new JsonObject { ["status"] = "r", ["in_reply_to_id"] = (string)status["id"]! },
            token));
        Assert.Equal((string)status["id"]!, (string)reply.Json["in_reply_to_id"]!);
        Assert.Equal(404, (await SayAsync(new JsonObject { ["status"] = "r", ["in_reply_to_id"] = "1" }, token)).Code);
    }

    [Fact]
    public async Task Five_hundred_characters_fit_and_the_server_may_say_otherwise()
    {
        var token = await TokenAsync();
        Assert.Equal(200, (await PostAsync(new string('a', 500), token)).Code);
        var refused = await PostAsync(new string('a', 501), token);
        Assert.Equal((422, "Validation failed: Text character limit of 500 exceeded"), (refused.Code, Error(refused)));
        Assert.Equal(200, (await PostAsync(string.Concat(Enumerable.Repeat("👨‍👩‍👧‍👦", 500)), token)).Code);
        Assert.Equal(200, (await PostAsync(new string('a', 476) + " https://e.com/" + new string('x', 300),
            token)).Code);
        Assert.Equal(422, (await SayAsync(new JsonObject
        {
            ["status"] = new string('a', 498),
            ["spoiler_text"] = "cw!",
        }, token)).Code);
        Rules.MaxCharacters = 5000;
        Assert.Equal(200, (await PostAsync(new string('a', 5000), token)).Code);
        Assert.Equal(5000, (int)(await _server.GetAsync("/api/v2/instance"))
            .Json["configuration"]!["statuses"]!["max_characters"]!);
        Assert.Equal(422, (await PostAsync(" ", token)).Code);
        Assert.Equal(422, (await SayAsync(new JsonObject { ["status"] = "a", ["visibility"] = "secret" }, token)).Code);
    }

    [Fact]
    public async Task The_same_key_gives_the_same_status_for_an_hour_whatever_the_words()
    {
        var token = await TokenAsync();
        var first = (await PostAsync("one", token, "key")).Json;
        Assert.Equal((string)first["id"]!, (string)(await PostAsync("two", token, "key")).Json["id"]!);
        Assert.Single(await _server.JournalAsync());
        Assert.NotEqual((string)first["id"]!,
            (string)(await PostAsync("two", await TokenAsync("bob"), "key")).Json["id"]!);
        _server.Advance(3600);
        Assert.NotEqual((string)first["id"]!, (string)(await PostAsync("one", token, "key")).Json["id"]!);
        Rules.HonoursIdempotencyKey = false;
        await PostAsync("one", token, "other");
        await PostAsync("one", token, "other");
        Assert.Equal(5, (await _server.JournalAsync()).Count);
    }

    [Fact]
    public async Task A_lost_answer_is_found_by_its_key()
    {
        var token = await TokenAsync();
        _server.Sim.Faults.Add(new Fault { Path = "/api/v1/statuses", Method = "POST", After = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => PostAsync("lost", token, "key"));
        Assert.Equal(200, (await PostAsync("lost", token, "key")).Code);
        Assert.Single(await _server.JournalAsync());
    }

    [Fact]
    public async Task Two_requests_at_once_with_one_key_make_two_statuses_when_told_so()
    {
        Rules.KeyLagSeconds = 60;
        var token = await TokenAsync();
        await PostAsync("one", token, "key");
        await PostAsync("one", token, "key");
        Assert.Equal(2, (await _server.JournalAsync()).Count);
        _server.Advance(60);
        await PostAsync("one", token, "key");
        Assert.Equal(2, (await _server.JournalAsync()).Count);
    }

    [Fact]
    public async Task A_film_is_accepted_worked_on_and_alone()
    {
        var token = await TokenAsync();
        var sent = await UploadAsync(MediaBytes.Mp4(), token);
        Assert.Equal(202, sent.Code);
        Assert.Null((string?)sent.Json["url"]);
        var id = (string)sent.Json["id"]!;
        Assert.Equal(206, (await _server.GetAsync("/api/v1/media/" + id, token)).Code);
        var early = await PostAsync("film", token, null, id);
        Assert.Equal((422, "Cannot attach files that have not finished processing. Try again in a moment!"),
            (early.Code, Error(early)));
        _server.Advance(2);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/media/" + id, token)).Code);
        var image = (string)(await UploadAsync(MediaBytes.Png(), token)).Json["id"]!;
        Assert.Equal(422, (await PostAsync("both", token, null, id, image)).Code);
        Assert.Equal(200, (await PostAsync("film", token, null, id)).Code);
        Assert.Equal(404, (await _server.GetAsync("/api/v1/media/" + id, token)).Code);
        Assert.Contains("not found", Error(await PostAsync("again", token, null, id)), StringComparison.Ordinal);
        var broken = (string)(await UploadAsync([0, 0, 0, 16, .. "ftypisom"u8, 0, 0, 0, 0], token)).Json["id"]!;
        _server.Advance(2);
        Assert.Equal(422, (await _server.GetAsync("/api/v1/media/" + broken, token)).Code);
    }

    [Fact]
    public async Task Four_images_with_words_of_their_own_fit()
    {
        var token = await TokenAsync();
        var ids = new List<string>();
        for (byte at = 0; at < 5; at++)
            ids.Add((string)(await UploadAsync(MediaBytes.Jpeg(grain: at), token, $"alt {at}")).Json["id"]!);
        Assert.Equal(422, (await PostAsync("five", token, null, [.. ids])).Code);
        Assert.Equal(200, (await PostAsync("four", token, null, [.. ids[..4]])).Code);
        Assert.Equal(["alt 0", "alt 1", "alt 2", "alt 3"],
            Assert.Single(await _server.JournalAsync()).Files.Select(file => file.AltText));
        Assert.Equal(422, (await PostAsync("not mine", await TokenAsync("bob"), null, ids[4])).Code);
        var changed = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Put, "/api/v1/media/" + ids[4])
        {
            Content = new StringContent("{\"description\":\"later\"}", Encoding.UTF8, "application/json"),
        }, token);
        Assert.Equal("later", (string)changed.Json["description"]!);
        _server.Advance(86_400);
        Assert.Equal(422, (await PostAsync("late", token, null, ids[4])).Code);
    }

    [Fact]
    public async Task Files_are_judged_by_their_bytes()
    {
        Rules.MediaPerHalfHour = 100;
        (Rules.ImageBytes, Rules.VideoBytes) = (2000, 3000);
        var token = await TokenAsync();
        async Task<int> Code(byte[] file, string alt = "") => (await UploadAsync(file, token, alt)).Code;
        Assert.Equal(200, await Code(MediaBytes.Jpeg(size: 2000)));
        Assert.Equal(422, await Code(MediaBytes.Jpeg(size: 2001)));
        Assert.Equal(202, await Code(MediaBytes.Mp4(size: 3000)));
        Assert.Equal(422, await Code(MediaBytes.Mp4(size: 3001)));
        Assert.Equal(200, await Code(MediaBytes.Png(7680, 4320)));
        Assert.Equal(422, await Code(MediaBytes.Png(7681, 4320)));
        Assert.Equal(202, await Code(MediaBytes.Mp4(3840, 2160)));
        Assert.Equal(422, await Code(MediaBytes.Mp4(3841, 2160)));
        Assert.Equal(202, await Code(MediaBytes.Mp4(fps: 120)));
        Assert.Equal(422, await Code(MediaBytes.Mp4(fps: 121)));
        Assert.Equal(422, await Code("text"u8.ToArray()));
        Assert.Equal(200, await Code(MediaBytes.Png(), new string('d', 1500)));
        Assert.Equal(422, await Code(MediaBytes.Png(), new string('d', 1501)));
        Assert.Equal(202, await Code(MediaBytes.Gif(frames: 2)));
        Rules.MimeTypes = ["image/jpeg"];
        Assert.Equal(422, await Code(MediaBytes.Png()));
        Rules.SlowImages = true;
        Assert.Equal(202, await Code(MediaBytes.Jpeg()));
        var defaults = new MastodonSettings();
        Assert.Equal((16L << 20, 99L << 20), (defaults.ImageBytes, defaults.VideoBytes));
    }

    [Fact]
    public async Task Limits_come_with_an_iso_reset()
    {
        Rules.RequestsPerFiveMinutes = 2;
        var token = await TokenAsync();
        var first = await PostAsync("a", token);
        Assert.Equal(("2", "1", "2026-11-23T12:05:00.000000Z"), (first.Header("X-RateLimit-Limit"),
            first.Header("X-RateLimit-Remaining"), first.Header("X-RateLimit-Reset")));
        await PostAsync("b", token);
        var refused = await PostAsync("c", token);
        Assert.Equal((429, "Too many requests", ""), (refused.Code, Error(refused), refused.Header("Retry-After")));
        _server.Advance(300);
        Rules.IsoReset = false;
        Assert.Equal($"{SimulatorClient.Start.AddMinutes(10).ToUnixTimeSeconds()}",
            (await PostAsync("c", token)).Header("X-RateLimit-Reset"));
    }

    [Fact]
    public async Task Media_and_statuses_have_limits_of_their_own()
    {
        var token = await TokenAsync();
        for (var at = 0; at < 30; at++) Assert.Equal(200, (await UploadAsync(MediaBytes.Png(), token)).Code);
        Assert.Equal(429, (await UploadAsync(MediaBytes.Png(), token)).Code);
        Rules.StatusesPerThreeHours = 1;
        Assert.Equal(200, (await PostAsync("a", token)).Code);
        Assert.Equal(429, (await PostAsync("b", token)).Code);
        _server.Advance(3 * 3600);
        Assert.Equal(200, (await PostAsync("b", token)).Code);
        Assert.Equal(300, new MastodonSettings().StatusesPerThreeHours);
    }

    [Fact]
    public async Task Scopes_and_disabled_accounts_are_refused()
    {
        var app = await RegisterAsync();
        var code = (await _server.ConsentAsync(Authorize(app, "profile")))["code"]!;
        var token = (string)(await ExchangeAsync(app, code)).Json["access_token"]!;
        var refused = await PostAsync("a", token);
        Assert.Equal((403, "This action is outside the authorized scopes"), (refused.Code, Error(refused)));
        _server.Sim.FindAccount("ann")!.Traits["disabled"] = "yes";
        Assert.Equal("Your login is currently disabled", Error(await PostAsync("a", token)));
    }

    [Fact]
    public async Task Polls_go_without_media_and_statuses_can_be_deleted()
    {
        var token = await TokenAsync();
        JsonObject Poll(int options, int seconds) => new()
        {
            ["status"] = "poll",
            ["poll"] = new JsonObject
            {
                ["options"] = new JsonArray([.. Enumerable.Range(0, options).Select(at => JsonValue.Create($"o{at}"))]),
                ["expires_in"] = seconds,
            },
        };
        Assert.Equal(200, (await SayAsync(Poll(4, 300), token)).Code);
        Assert.Equal(422, (await SayAsync(Poll(5, 300), token)).Code);
        Assert.Equal(422, (await SayAsync(Poll(2, 299), token)).Code);
        var id = (string)(await PostAsync("bye", token)).Json["id"]!;
        var delete = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Delete, "/api/v1/statuses/" + id),
            token);
        Assert.Equal(200, delete.Code);
        Assert.Equal(404, (await _server.GetAsync("/api/v1/statuses/" + id)).Code);
    }

    private static string Error(Answer answer) => (string)answer.Json["error"]!;

    private Task<Answer> RegisterAnswerAsync(string scopes) => _server.FormAsync("/api/v1/apps",
        [("client_name", "PostMantis"), ("redirect_uris", Back), ("scopes", scopes)]);

    private async Task<JsonNode> RegisterAsync() => (await RegisterAnswerAsync(Scopes)).Json;

    private static string Authorize(JsonNode app, string scope = Scopes, string back = Back) =>
        $"/oauth/authorize?response_type=code&client_id={app["client_id"]}&redirect_uri={Uri.EscapeDataString(back)}"
        + $"&scope={Uri.EscapeDataString(scope)}&state=s1&code_challenge={Challenge}&code_challenge_method=S256";

    private async Task<string> CodeAsync(JsonNode app) => (await _server.ConsentAsync(Authorize(app)))["code"]!;

    private Task<Answer> ExchangeAsync(JsonNode app, string code, string verifier = SimulatorClient.Verifier) =>
        _server.FormAsync("/oauth/token",
        [
            ("grant_type", "authorization_code"), ("code", code), ("client_id", (string)app["client_id"]!),
            ("client_secret", (string)app["client_secret"]!), ("redirect_uri", Back), ("code_verifier", verifier),
        ]);

    private async Task<string> TokenAsync(string handle = "ann")
    {
        _server.Sim.Consent.Approve = handle;
        var app = await RegisterAsync();
        return (string)(await ExchangeAsync(app, await CodeAsync(app))).Json["access_token"]!;
    }

    private Task<Answer> SayAsync(JsonObject body, string token, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/statuses")
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return _server.SendAsync(request, token);
    }

    private Task<Answer> PostAsync(string text, string token, string? key = null, params string[] media) =>
        SayAsync(new JsonObject
        {
            ["status"] = text,
            ["media_ids"] = new JsonArray([.. media.Select(id => JsonValue.Create(id))]),
        }, token, key);

    private Task<Answer> UploadAsync(byte[] file, string token, string description = "") =>
        _server.UploadAsync("/api/v2/media", file, "file", token, ("description", description));
}
