using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.X;

namespace PostMantis.Tests.Simulators;

public sealed class XSimulatorTests : IAsyncLifetime
{
    private const string Challenge = "S285cFevVoyrvCpYNATAl6MSTQJ7IuEQoWk3B7iDosQ";
    private const string Basic = "x-client:x-secret";
    private const string Back = "https://app.example/callback";
    private const string AllScopes = "tweet.read tweet.write users.read media.write offline.access";
    private SimulatorClient _x = null!;

    private XSettings Rules => (XSettings)_x.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _x = await SimulatorClient.StartAsync("x");

    public ValueTask DisposeAsync() => _x.DisposeAsync();

    [Theory]
    [InlineData("Hi http://test.co", 26)]
    [InlineData("H🐱☺👨‍👩‍👧‍👦", 7)]
    [InlineData("😷👾😡🔥💩", 10)]
    [InlineData("🙋🏽👨‍🎤", 4)]
    [InlineData("1⃣", 2)]
    [InlineData("A\u0301B", 2)]
    [InlineData("see example.com now", 31)]
    [InlineData("not@example.com", 15)]
    [InlineData("file.notatld", 12)]
    [InlineData("🇫🇷", 2)]
    public void Text_weighs_what_the_vectors_say(string text, int weight) =>
        Assert.Equal(weight, WeightedText.Count(text));

    [Fact]
    public void A_hundred_and_forty_ideographs_fill_a_post() =>
        Assert.Equal(280, WeightedText.Count(new string('漢', 140)));

    [Fact]
    public async Task Consent_gives_tokens_to_who_knows_the_verifier_within_thirty_seconds()
    {
        var token = await ExchangeAsync(await CodeAsync());
        Assert.Equal(200, token.Code);
        Assert.Equal(7200, (int)token.Json["expires_in"]!);
        Assert.Equal("bearer", (string)token.Json["token_type"]!);
        var me = await _x.GetAsync("/2/users/me?user.fields=subscription_type", (string)token.Json["access_token"]!);
        Assert.Equal("ann", (string)me.Json["data"]!["username"]!);
        Assert.Equal("None", (string)me.Json["data"]!["subscription_type"]!);
        Assert.Equal("74", me.Header("x-rate-limit-remaining"));

        var late = await CodeAsync();
        _x.Advance(30);
        Assert.Equal(400, (await ExchangeAsync(late)).Code);
        Assert.Equal(400, (await ExchangeAsync(await CodeAsync(), verifier: new string('w', 50))).Code);
        Assert.Equal(400, (await ExchangeAsync(await CodeAsync(), back: "https://other.example/")).Code);
        var bare = await _x.FormAsync("/2/oauth2/token",
            [("grant_type", "authorization_code"), ("client_id", "x-client")]);
        Assert.Equal((401, "unauthorized_client"), (bare.Code, (string)bare.Json["error"]!));
    }

    [Fact]
    public async Task A_code_serves_once_and_a_refusal_comes_back_as_one()
    {
        var code = await CodeAsync();
        Assert.Equal(200, (await ExchangeAsync(code)).Code);
        Assert.Equal(400, (await ExchangeAsync(code)).Code);
        _x.Sim.Consent.Deny = true;
        Assert.Equal("access_denied", (await _x.ConsentAsync(AuthorizeUrl(AllScopes)))["error"]);
        Assert.Equal(400, (await _x.GetAsync("/i/oauth2/authorize?response_type=code&client_id=x-client")).Code);
    }

    [Fact]
    public async Task A_person_chooses_account_and_answer_on_a_page()
    {
        _x.Sim.Consent.Approve = null;
        var page = await _x.GetAsync(AuthorizeUrl(AllScopes));
        Assert.Contains("Approve", page.Text, StringComparison.Ordinal);
        var yes = await _x.FormAsync(AuthorizeUrl(AllScopes),
            [("decision", "approve"), ("account", "bob"), ("granted", "users.read")]);
        Assert.Contains("code=", yes.Header("Location"), StringComparison.Ordinal);
        var no = await _x.FormAsync(AuthorizeUrl(AllScopes), [("decision", "deny"), ("account", "bob")]);
        Assert.Contains("error=access_denied", no.Header("Location"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refresh_token_serves_once_and_its_replay_kills_the_family()
    {
        var first = (await ExchangeAsync(await CodeAsync())).Json;
        var second = await RefreshAsync((string)first["refresh_token"]!);
        Assert.Equal(200, second.Code);
        Assert.Equal(401, (await _x.GetAsync("/2/users/me", (string)first["access_token"]!)).Code);
        Assert.Equal(200, (await _x.GetAsync("/2/users/me", (string)second.Json["access_token"]!)).Code);
        var replay = await RefreshAsync((string)first["refresh_token"]!);
        Assert.Equal((400, "invalid_request"), (replay.Code, (string)replay.Json["error"]!));
        Assert.Equal(401, (await _x.GetAsync("/2/users/me", (string)second.Json["access_token"]!)).Code);
        Assert.Equal(400, (await RefreshAsync((string)second.Json["refresh_token"]!)).Code);
    }

    [Fact]
    public async Task Of_many_who_refresh_at_once_one_gets_tokens()
    {
        Rules.ReplayKillsFamily = false;
        var token = (string)(await ExchangeAsync(await CodeAsync())).Json["refresh_token"]!;
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RefreshAsync(token)));
        Assert.Single(answers, answer => answer.Code == 200);
    }

    [Fact]
    public async Task A_replay_spares_the_family_when_told_so()
    {
        Rules.ReplayKillsFamily = false;
        var first = (await ExchangeAsync(await CodeAsync())).Json;
        var second = (await RefreshAsync((string)first["refresh_token"]!)).Json;
        Assert.Equal(400, (await RefreshAsync((string)first["refresh_token"]!)).Code);
        Assert.Equal(200, (await _x.GetAsync("/2/users/me", (string)second["access_token"]!)).Code);
    }

    [Fact]
    public async Task An_access_token_lives_two_hours_and_dies_of_revocation()
    {
        var token = await TokenAsync();
        _x.Advance(7199);
        Assert.Equal(200, (await _x.GetAsync("/2/users/me", token)).Code);
        _x.Advance(1);
        Assert.Equal(401, (await _x.GetAsync("/2/users/me", token)).Code);
        var other = await TokenAsync();
        Assert.Equal(200, (await _x.FormAsync("/2/oauth2/revoke", [("token", other)], Basic)).Code);
        Assert.Equal(401, (await _x.GetAsync("/2/users/me", other)).Code);
    }

    [Fact]
    public async Task Without_offline_access_no_refresh_token_comes_and_without_a_scope_no_post()
    {
        var token = (await ExchangeAsync(await CodeAsync("users.read tweet.read"))).Json;
        Assert.Null(token["refresh_token"]);
        Assert.Equal(403, (await PostAsync("hi", (string)token["access_token"]!)).Code);
    }

    [Fact]
    public async Task A_post_comes_back_with_short_links_and_is_in_the_timeline_and_the_journal()
    {
        var token = await TokenAsync();
        var post = await PostAsync("Look https://example.com/a/very/long/path now", token);
        Assert.Equal(201, post.Code);
        var shown = (string)post.Json["data"]!["text"]!;
        Assert.StartsWith("Look https://t.co/", shown, StringComparison.Ordinal);
        var timeline = await _x.GetAsync(
            "/2/users/2244994945/tweets?max_results=100&tweet.fields=created_at,entities", token);
        var row = timeline.Json["data"]![0]!;
        Assert.Equal(shown, (string)row["text"]!);
        Assert.Equal("https://example.com/a/very/long/path", (string)row["entities"]!["urls"]![0]!["expanded_url"]!);
        Assert.Equal("2026-11-23T12:00:00.000Z", (string)row["created_at"]!);
        var entry = Assert.Single(await _x.JournalAsync());
        Assert.Equal("Look https://example.com/a/very/long/path now", entry.Text);
        Assert.Equal("0.200", entry.Details["priceUsd"]);
        Assert.Equal($"https://x.com/ann/status/{entry.Id}", entry.Details["permalink"]);
    }

    [Fact]
    public async Task Two_hundred_and_eighty_is_enough_and_one_more_is_too_much()
    {
        var token = await TokenAsync();
        Assert.Equal(201, (await PostAsync(new string('a', 280), token)).Code);
        Assert.Equal(403, (await PostAsync(new string('a', 281), token)).Code);
        Assert.Equal(201, (await PostAsync(new string('漢', 140), token)).Code);
        Assert.Equal(403, (await PostAsync(new string('漢', 140) + "a", token)).Code);
        Assert.Equal(201, (await PostAsync(new string('b', 256) + " http://test.co/" + new string('x', 500),
            token)).Code);
        Assert.Equal(400, (await PostAsync("", token)).Code);
        Assert.Equal(400, (await PostAsync("a\uFEFFb", token)).Code);
    }

    [Fact]
    public async Task A_subscriber_writes_long_posts_that_the_timeline_keeps_as_notes()
    {
        var token = await TokenAsync("bob");
        var text = new string('a', 25_000);
        Assert.Equal(201, (await PostAsync(text, token)).Code);
        Assert.Equal(403, (await PostAsync(text + "b", token)).Code);
        var row = (await _x.GetAsync("/2/users/2244994946/tweets?tweet.fields=note_tweet", token)).Json["data"]![0]!;
        Assert.Equal(text, (string)row["note_tweet"]!["text"]!);
    }

    [Fact]
    public async Task The_same_words_twice_are_refused()
    {
        var token = await TokenAsync();
        Assert.Equal(201, (await PostAsync("again", token)).Code);
        var second = await PostAsync("again", token);
        Assert.Equal(403, second.Code);
        Assert.Equal("You are not allowed to create a Tweet with duplicate content.", (string)second.Json["detail"]!);
        Assert.Single(await _x.JournalAsync());
    }

    [Fact]
    public async Task Replies_reach_own_posts_and_those_who_spoke_to_us()
    {
        var token = await TokenAsync();
        var posts = ((XNetwork)_x.Host.Network).Posts;
        var bob = _x.Sim.FindAccount("bob")!;
        var (silent, spoken) = (posts.Write(bob, "hello world"), posts.Write(bob, "hey @ann what"));
        var root = (string)(await PostAsync("one", token)).Json["data"]!["id"]!;
        Assert.Equal(201, (await ReplyAsync("two", root, token)).Code);
        Assert.Equal(403, (await ReplyAsync("three", $"{silent.Id}", token)).Code);
        Assert.Equal(201, (await ReplyAsync("four", $"{spoken.Id}", token)).Code);
        Rules.OwnThreads = false;
        Assert.Equal(403, (await ReplyAsync("five", root, token)).Code);
        Assert.Equal(403, (await ReplyAsync("six", "1", token)).Code);
    }

    [Fact]
    public async Task What_the_body_may_not_hold_is_refused()
    {
        var token = await TokenAsync();
        foreach (var body in (string[])[
            """{"text":"a","surprise":1}""", """{"text":"a","reply_settings":"nobody"}""",
            """{"text":"a","poll":{"options":["x"],"duration_minutes":5}}""",
            """{"text":"a","poll":{"options":["x","y"],"duration_minutes":4}}""",
            """{"text":"a","poll":{"options":["x","abcdefghijklmnopqrstuvwxyz"],"duration_minutes":5}}""",
            """{"text":"a","made_with_ai":"yes"}""", """{"text":"a","media":{"media_ids":["7"]}}"""])
            Assert.Equal(400, (await _x.PostAsync("/2/tweets", JsonNode.Parse(body), token)).Code);
        Assert.Equal(403, (await PostAsync("$AAA $BBB", token)).Code);
        Assert.Equal(201, (await PostAsync("$AAA", token)).Code);
        Assert.Equal(201, (await _x.PostAsync("/2/tweets", JsonNode.Parse(
            """{"text":"q","poll":{"options":["x","y"],"duration_minutes":5},"made_with_ai":true}"""), token)).Code);
    }

    [Fact]
    public async Task Four_images_go_with_a_post_and_five_do_not()
    {
        var token = await TokenAsync();
        var ids = new List<string>();
        for (byte at = 0; at < 5; at++) ids.Add(await ImageAsync(MediaBytes.Jpeg(grain: at), token));
        Assert.Equal(200, (await _x.PostAsync("/2/media/metadata", new JsonObject
        {
            ["id"] = ids[0],
            ["metadata"] = new JsonObject { ["alt_text"] = new JsonObject { ["text"] = new string('d', 1000) } },
        }, token)).Code);
        Assert.Equal(400, (await _x.PostAsync("/2/media/metadata", new JsonObject
        {
            ["id"] = ids[0],
            ["metadata"] = new JsonObject { ["alt_text"] = new JsonObject { ["text"] = new string('d', 1001) } },
        }, token)).Code);
        Assert.Equal(400, (await PostAsync("five", token, [.. ids])).Code);
        Assert.Equal(201, (await PostAsync("four", token, [.. ids.Take(4)])).Code);
        var entry = Assert.Single(await _x.JournalAsync());
        Assert.Equal(4, entry.Files.Count);
        Assert.Equal(("image/jpeg", new string('d', 1000)), (entry.Files[0].MimeType, entry.Files[0].AltText));
    }

    [Fact]
    public async Task Images_are_judged_by_their_bytes()
    {
        var token = await TokenAsync();
        Assert.Equal(200, (await OneShotAsync(MediaBytes.Png(size: 5 << 20), token)).Code);
        Assert.Equal(400, (await OneShotAsync(MediaBytes.Png(size: (5 << 20) + 1), token)).Code);
        Assert.Equal(200, (await OneShotAsync(MediaBytes.WebP(), token)).Code);
        Assert.Equal(400, (await OneShotAsync("not an image"u8.ToArray(), token)).Code);
        Assert.Equal(400, (await OneShotAsync(MediaBytes.Mp4(), token)).Code);
        var id = await ImageAsync(MediaBytes.Jpeg(), token);
        _x.Advance(86_400);
        Assert.Equal(400, (await PostAsync("late", await TokenAsync(), id)).Code);
    }

    [Fact]
    public async Task A_film_is_sent_in_chunks_and_posted_when_it_is_ready()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: 3000);
        var id = await InitializeAsync("video/mp4", "tweet_video", film.Length, token);
        Assert.Equal(200, (await AppendAsync(id, 1, film[2000..], token)).Code);
        Assert.Equal(400, (await _x.PostAsync($"/2/media/upload/{id}/finalize", null, token)).Code);
        Assert.Equal(200, (await AppendAsync(id, 0, film[..1000], token)).Code);
        Assert.Equal(200, (await AppendAsync(id, 0, film[..2000], token)).Code);
        Assert.Equal(400, (await AppendAsync(id, 1000, film[..1], token)).Code);
        var end = await _x.PostAsync($"/2/media/upload/{id}/finalize", null, token);
        Assert.Equal("pending", (string)end.Json["data"]!["processing_info"]!["state"]!);
        Assert.Equal(400, (await PostAsync("too early", token, id)).Code);
        _x.Advance(1);
        Assert.Equal("in_progress", await StateAsync(id, token));
        _x.Advance(1);
        Assert.Equal("succeeded", await StateAsync(id, token));
        Assert.Equal(201, (await PostAsync("film", token, id)).Code);
        Assert.Equal("video/mp4", Assert.Single(Assert.Single(await _x.JournalAsync()).Files).MimeType);
        Assert.Equal(400, (await PostAsync("both", token, id, await ImageAsync(MediaBytes.Jpeg(), token))).Code);
    }

    [Theory]
    [InlineData(640, 360, 140.0, 30, "avc1", "succeeded")]
    [InlineData(640, 360, 140.1, 30, "avc1", "failed")]
    [InlineData(640, 360, 0.5, 30, "avc1", "succeeded")]
    [InlineData(640, 360, 0.4, 30, "avc1", "failed")]
    [InlineData(1280, 1024, 5.0, 60, "avc1", "succeeded")]
    [InlineData(1281, 1024, 5.0, 30, "avc1", "failed")]
    [InlineData(32, 32, 5.0, 30, "avc1", "succeeded")]
    [InlineData(31, 32, 5.0, 30, "avc1", "failed")]
    [InlineData(900, 300, 5.0, 30, "avc1", "succeeded")]
    [InlineData(901, 300, 5.0, 30, "avc1", "failed")]
    [InlineData(640, 360, 5.0, 61, "avc1", "failed")]
    [InlineData(640, 360, 5.0, 30, "hvc1", "failed")]
    public async Task A_film_is_judged_by_its_bytes(
        int width, int height, double seconds, int fps, string codec, string state)
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(width, height, seconds, fps, codec);
        var id = await InitializeAsync("video/mp4", "tweet_video", film.Length, token);
        await AppendAsync(id, 0, film, token);
        await _x.PostAsync($"/2/media/upload/{id}/finalize", null, token);
        _x.Advance(2);
        Assert.Equal(state, await StateAsync(id, token));
    }

    [Theory]
    [InlineData(1280, 200, 350, "succeeded")]
    [InlineData(1281, 200, 1, "failed")]
    [InlineData(100, 1080, 1, "succeeded")]
    [InlineData(100, 1081, 1, "failed")]
    [InlineData(10, 10, 351, "failed")]
    [InlineData(1000, 1000, 300, "succeeded")]
    [InlineData(1000, 1000, 301, "failed")]
    public async Task An_animation_is_judged_by_its_bytes(int width, int height, int frames, string state)
    {
        var token = await TokenAsync();
        var gif = MediaBytes.Gif(width, height, frames);
        var id = await InitializeAsync("image/gif", "tweet_gif", gif.Length, token);
        await AppendAsync(id, 0, gif, token);
        await _x.PostAsync($"/2/media/upload/{id}/finalize", null, token);
        _x.Advance(2);
        Assert.Equal(state, await StateAsync(id, token));
    }

    [Fact]
    public async Task The_declared_size_of_an_upload_is_limited()
    {
        var token = await TokenAsync();
        foreach (var (category, most) in ((string, long)[])[("tweet_video", 512 << 20), ("tweet_gif", 15 << 20)])
        {
            Assert.Equal(200, (await InitializeAnswerAsync("video/mp4", category, most, token)).Code);
            Assert.Equal(400, (await InitializeAnswerAsync("video/mp4", category, most + 1, token)).Code);
        }
    }

    [Fact]
    public async Task A_hundred_posts_in_a_quarter_of_an_hour_are_all()
    {
        Rules.PostsPerWindow = 3;
        var token = await TokenAsync();
        for (var at = 0; at < 3; at++) Assert.Equal(201, (await PostAsync($"post {at}", token)).Code);
        var refused = await PostAsync("one more", token);
        Assert.Equal((429, "0", "3"),
            (refused.Code, refused.Header("x-rate-limit-remaining"), refused.Header("x-rate-limit-limit")));
        Assert.Equal("Too Many Requests", (string)refused.Json["title"]!);
        Assert.Equal($"{SimulatorClient.Start.AddMinutes(15).ToUnixTimeSeconds()}",
            refused.Header("x-rate-limit-reset"));
        Rules.OldThrottleBody = true;
        Assert.Equal(88, (int)(await PostAsync("one more", token)).Json["errors"]![0]!["code"]!);
        _x.Advance(900);
        Assert.Equal(201, (await PostAsync("one more", token)).Code);
        Assert.Equal(100, new XSettings().PostsPerWindow);
    }

    [Fact]
    public async Task Money_caps_and_suspensions_have_answers_of_their_own()
    {
        var token = await TokenAsync();
        Rules.CreditsDepleted = true;
        Assert.Equal(402, (await PostAsync("a", token)).Code);
        (Rules.CreditsDepleted, Rules.UsageCapped) = (false, true);
        Assert.EndsWith("usage-capped", (string)(await PostAsync("a", token)).Json["type"]!, StringComparison.Ordinal);
        Rules.UsageCapped = false;
        _x.Sim.FindAccount("ann")!.Traits["suspended"] = "true";
        Assert.Equal(403, (await PostAsync("a", token)).Code);
        Assert.Empty(await _x.JournalAsync());
    }

    [Fact]
    public async Task The_timeline_lags_when_told_and_starts_where_asked()
    {
        var token = await TokenAsync();
        var first = (string)(await PostAsync("first", token)).Json["data"]!["id"]!;
        Rules.TimelineLagSeconds = 10;
        Assert.Equal(0, await CountAsync("", token));
        _x.Advance(10);
        Assert.Equal(1, await CountAsync("", token));
        Assert.Equal(0, await CountAsync("&since_id=" + first, token));
        Assert.Equal(400, (await _x.GetAsync("/2/users/2244994945/tweets?max_results=4", token)).Code);
        var floor = (SimulatorClient.Start.ToUnixTimeMilliseconds() - 1_288_834_974_657) << 22;
        Assert.InRange(long.Parse(first, CultureInfo.InvariantCulture), floor, floor + (1L << 22));
    }

    [Fact]
    public async Task An_answer_can_be_lost_before_or_after_the_post_exists()
    {
        var token = await TokenAsync();
        _x.Sim.Faults.Add(new Fault { Path = "/2/tweets", Method = "POST" });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => PostAsync("lost", token));
        Assert.Empty(await _x.JournalAsync());
        _x.Sim.Faults.Add(new Fault { Path = "/2/tweets", Method = "POST", After = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => PostAsync("lost", token));
        Assert.Single(await _x.JournalAsync());
        _x.Sim.Faults.Add(new Fault { Path = "/2/tweets", Status = 503, Body = "<html>", ContentType = "text/html",
            After = true });
        Assert.Equal((503, "<html>"),
            await PostAsync("page", token) is var page ? (page.Code, page.Text) : default);
        Assert.Equal(2, (await _x.JournalAsync()).Count);
    }

    private static string AuthorizeUrl(string scope) => "/i/oauth2/authorize?response_type=code&client_id=x-client"
        + $"&redirect_uri={Uri.EscapeDataString(Back)}&scope={Uri.EscapeDataString(scope)}&state=s1"
        + $"&code_challenge={Challenge}&code_challenge_method=S256";

    private async Task<string> CodeAsync(string scope = AllScopes)
    {
        var query = await _x.ConsentAsync(AuthorizeUrl(scope));
        Assert.Equal("s1", query["state"]);
        return query["code"]!;
    }

    private Task<Answer> ExchangeAsync(string code, string verifier = SimulatorClient.Verifier, string back = Back) =>
        _x.FormAsync("/2/oauth2/token", [("grant_type", "authorization_code"), ("code", code),
            ("redirect_uri", back), ("code_verifier", verifier)], Basic);

    private Task<Answer> RefreshAsync(string token) =>
        _x.FormAsync("/2/oauth2/token", [("grant_type", "refresh_token"), ("refresh_token", token)], Basic);

    private async Task<string> TokenAsync(string handle = "ann")
    {
        _x.Sim.Consent.Approve = handle;
        return (string)(await ExchangeAsync(await CodeAsync())).Json["access_token"]!;
    }

    private Task<Answer> PostAsync(string text, string token, params string[] media)
    {
        var body = new JsonObject { ["text"] = text };
        if (media.Length > 0)
            body["media"] = new JsonObject { ["media_ids"] = new JsonArray([.. media.Select(id =>
                JsonValue.Create(id))]) };
        return _x.PostAsync("/2/tweets", body, token);
    }

    private Task<Answer> ReplyAsync(string text, string to, string token) => _x.PostAsync("/2/tweets", new JsonObject
    {
        ["text"] = text,
        ["reply"] = new JsonObject { ["in_reply_to_tweet_id"] = to },
    }, token);

    private Task<Answer> OneShotAsync(byte[] bytes, string token) =>
        _x.UploadAsync("/2/media/upload", bytes, "media", token, ("media_category", "tweet_image"));

    private async Task<string> ImageAsync(byte[] bytes, string token) =>
        (string)(await OneShotAsync(bytes, token)).Json["data"]!["id"]!;

    private Task<Answer> InitializeAnswerAsync(string type, string category, long total, string token) =>
        _x.PostAsync("/2/media/upload/initialize", new JsonObject
        {
            ["media_type"] = type,
            ["media_category"] = category,
            ["total_bytes"] = total,
        }, token);

    private async Task<string> InitializeAsync(string type, string category, long total, string token) =>
        (string)(await InitializeAnswerAsync(type, category, total, token)).Json["data"]!["id"]!;

    private Task<Answer> AppendAsync(string id, int index, byte[] bytes, string token) =>
        _x.UploadAsync($"/2/media/upload/{id}/append", bytes, "media", token, ("segment_index", $"{index}"));

    private async Task<string> StateAsync(string id, string token) => (string)(await _x.GetAsync(
        $"/2/media/upload?command=STATUS&media_id={id}", token)).Json["data"]!["processing_info"]!["state"]!;

    private async Task<int> CountAsync(string more, string token) => (int)(await _x.GetAsync(
        "/2/users/2244994945/tweets?max_results=100" + more, token)).Json["meta"]!["result_count"]!;
}
