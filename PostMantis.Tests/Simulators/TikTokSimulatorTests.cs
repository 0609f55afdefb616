using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.TikTok;

namespace PostMantis.Tests.Simulators;

public sealed class TikTokSimulatorTests : IAsyncLifetime
{
    private const string HexChallenge = "4b6f397057af568cabbc2a583404c097a3124d027b22e110a1693707b883a2c4";
    private const string Back = "https://app.example/callback";
    private const string AllScopes = "user.info.basic,user.info.profile,video.publish,video.upload,video.list";
    private const string Init = "/v2/post/publish/video/init/";
    private SimulatorClient _tiktok = null!;

    private TikTokSettings Rules => (TikTokSettings)_tiktok.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _tiktok = await SimulatorClient.StartAsync("tiktok");

    public ValueTask DisposeAsync() => _tiktok.DisposeAsync();

    [Fact]
    public async Task Consent_takes_a_client_key_and_commas_and_gives_what_was_granted()
    {
        _tiktok.Sim.Consent.Withhold = ["video.list"];
        var token = (await ExchangeAsync(await CodeAsync())).Json;
        Assert.Equal((7200, 15_552_000), ((int)token["expires_in"]!, (int)token["refresh_expires_in"]!));
        Assert.DoesNotContain("video.list", ((string)token["scope"]!).Split(','));
        var user = await _tiktok.GetAsync("/v2/user/info/?fields=open_id,username", (string)token["access_token"]!);
        Assert.Equal("ann.tok", (string)user.Json["data"]!["user"]!["username"]!);
        Assert.Equal("ok", Error(user));
        Assert.Equal(400, (await _tiktok.GetAsync(Authorize().Replace("client_key", "client_id"))).Code);
        Assert.Equal(400, (await _tiktok.GetAsync(Authorize("user.info.basic video.publish"))).Code);
        Assert.Equal(400, (await _tiktok.GetAsync(Authorize(back: Back + "?a=b"))).Code);
        var list = await _tiktok.PostAsync("/v2/video/list/?fields=id", null, (string)token["access_token"]!);
        Assert.Equal((401, "scope_not_authorized"), (list.Code, Error(list)));
    }

    [Fact]
    public async Task A_desktop_challenge_is_hex()
    {
        Rules.ChallengeRequired = true;
        Assert.Equal(400, (await _tiktok.GetAsync(Authorize())).Code);
        Assert.Equal(400, (await _tiktok.GetAsync(Authorize() + "&code_challenge_method=S256&code_challenge="
            + new string('A', 43))).Code);
        var url = Authorize() + "&code_challenge_method=S256&code_challenge=" + HexChallenge;
        var code = (await _tiktok.ConsentAsync(url))["code"]!;
        Assert.Equal("invalid_grant", (string)(await ExchangeAsync(code)).Json["error"]!);
        code = (await _tiktok.ConsentAsync(url))["code"]!;
        Assert.NotNull((await ExchangeAsync(code, SimulatorClient.Verifier)).Json["access_token"]);
    }

    [Fact]
    public async Task Token_errors_come_with_200_and_refresh_tokens_rotate()
    {
        var first = (await ExchangeAsync(await CodeAsync())).Json;
        var second = await RefreshAsync((string)first["refresh_token"]!);
        Assert.NotNull(second.Json["access_token"]);
        var replay = await RefreshAsync((string)first["refresh_token"]!);
        Assert.Equal((200, "invalid_grant"), (replay.Code, (string)replay.Json["error"]!));
        Rules.TokenErrorsAs200 = false;
        Assert.Equal(400, (await RefreshAsync((string)first["refresh_token"]!)).Code);
        Assert.NotNull((await RefreshAsync((string)second.Json["refresh_token"]!)).Json["access_token"]);
    }

    [Fact]
    public async Task Tokens_expire_and_revocation_answers_an_empty_object()
    {
        var token = await TokenAsync();
        _tiktok.Advance(7200);
        var late = await _tiktok.GetAsync("/v2/user/info/?fields=open_id", token);
        Assert.Equal((401, "access_token_invalid"), (late.Code, Error(late)));
        var other = await TokenAsync();
        var gone = await _tiktok.FormAsync("/v2/oauth/revoke/",
            [("client_key", "tiktok-key"), ("client_secret", "tiktok-secret"), ("token", other)]);
        Assert.Equal("{}", gone.Text);
        Assert.Equal(401, (await _tiktok.GetAsync("/v2/user/info/?fields=open_id", other)).Code);
    }

    [Fact]
    public async Task A_person_may_say_no()
    {
        _tiktok.Sim.Consent.Deny = true;
        Assert.Equal("access_denied", (await _tiktok.ConsentAsync(Authorize()))["error"]);
    }

    [Fact]
    public async Task Creator_info_tells_what_the_account_may_choose()
    {
        var open = (await CreatorAsync(await TokenAsync())).Json["data"]!;
        Assert.Equal("PUBLIC_TO_EVERYONE", (string)open["privacy_level_options"]![0]!);
        Assert.Equal(180, (int)open["max_video_post_duration_sec"]!);
        var closed = (await CreatorAsync(await TokenAsync("bob.tok"))).Json["data"]!;
        Assert.Equal("FOLLOWER_OF_CREATOR", (string)closed["privacy_level_options"]![0]!);
        Rules.CreatorCapReached = true;
        var stopped = await CreatorAsync(await TokenAsync());
        Assert.Equal((200, "reached_active_user_cap"), (stopped.Code, Error(stopped)));
    }

    [Fact]
    public async Task A_film_in_chunks_becomes_public_and_gets_its_id_after_moderation()
    {
        (Rules.SmallestChunk, Rules.LargestChunk) = (1000, 2000);
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: 4500);
        var init = await InitAsync(token, film.Length, 2000, 2);
        var id = (string)init.Json["data"]!["publish_id"]!;
        var url = (string)init.Json["data"]!["upload_url"]!;
        Assert.True(id.Length <= 64 && url.Length <= 256);
        Assert.Equal(416, (await ChunkAsync(url, film, 2000, 4500)).Code);
        var first = await ChunkAsync(url, film, 0, 2000);
        Assert.Equal((206, "bytes 0-1999/4500"), (first.Code, first.Header("Content-Range")));
        Assert.Equal(416, (await ChunkAsync(url, film, 0, 2000)).Code);
        Assert.Equal(400, (await ChunkAsync(url, film, 2000, 4000)).Code);
        Assert.Equal("PROCESSING_UPLOAD", await StateAsync(id, token));
        Assert.Equal(201, (await ChunkAsync(url, film, 2000, 4500)).Code);
        _tiktok.Advance(2);
        var done = (await StatusAsync(id, token)).Json["data"]!;
        Assert.Equal("PUBLISH_COMPLETE", (string)done["status"]!);
        Assert.Empty(done["publicaly_available_post_id"]!.AsArray());
        _tiktok.Advance(60);
        var known = (long)(await StatusAsync(id, token)).Json["data"]!["publicaly_available_post_id"]![0]!;
        var entry = Assert.Single(await _tiktok.JournalAsync());
        Assert.Equal(($"{known}", "video", 4500L), (entry.Id, entry.Kind, entry.Files[0].Size));
        var list = (await _tiktok.PostAsync("/v2/video/list/?fields=id,title,share_url",
            new JsonObject { ["max_count"] = 20 }, token)).Json["data"]!;
        Assert.Equal($"https://www.tiktok.com/@ann.tok/video/{known}", (string)list["videos"]![0]!["share_url"]!);
    }

    [Fact]
    public async Task An_upload_address_lives_an_hour_and_wants_exact_headers()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: 3000);
        var url = (string)(await InitAsync(token, 3000, 3000, 1)).Json["data"]!["upload_url"]!;
        Assert.Equal(400, (await ChunkAsync(url, film, 0, 3000, "image/png")).Code);
        Assert.Equal(400, (await ChunkAsync(url, film, 0, 3000, total: 3001)).Code);
        Assert.Equal(404, (await ChunkAsync(url.Replace("upload_token=", "upload_token=x"), film, 0, 3000)).Code);
        _tiktok.Advance(3600);
        Assert.Equal(403, (await ChunkAsync(url, film, 0, 3000)).Code);
    }

    [Theory]
    [InlineData(4_999_999, 4_999_999, 1, "ok")]
    [InlineData(4_999_999, 2_000_000, 2, "invalid_param")]
    [InlineData(67_108_864, 67_108_864, 1, "ok")]
    [InlineData(67_108_865, 67_108_865, 1, "invalid_param")]
    [InlineData(50_000_123, 10_000_000, 5, "ok")]
    [InlineData(50_000_123, 10_000_000, 6, "invalid_param")]
    [InlineData(100_000_000, 4_999_999, 20, "invalid_param")]
    [InlineData(4_294_967_296, 67_108_864, 64, "ok")]
    [InlineData(4_294_967_297, 67_108_864, 64, "invalid_param")]
    public async Task Chunks_follow_the_arithmetic(long size, long chunk, long count, string code) =>
        Assert.Equal(code, Error(await InitAsync(await TokenAsync(), size, chunk, count)));

    [Theory]
    [InlineData("PUBLIC_TO_EVERYONE", 2200, false, "ok")]
    [InlineData("PUBLIC_TO_EVERYONE", 2201, false, "invalid_param")]
    [InlineData("FOLLOWER_OF_CREATOR", 1, false, "privacy_level_option_mismatch")]
    [InlineData("SELF_ONLY", 1, true, "invalid_param")]
    [InlineData(null, 1, false, "invalid_param")]
    public async Task Words_and_privacy_are_checked(string? privacy, int title, bool branded, string code) =>
        Assert.Equal(code, Error(await InitAsync(await TokenAsync(), 3000, 3000, 1, privacy, title, branded)));

    [Fact]
    public async Task An_app_without_audit_posts_in_private_only()
    {
        Rules.Audited = false;
        const string Code = "unaudited_client_can_only_post_to_private_accounts";
        Assert.Equal(Code, Error(await InitAsync(await TokenAsync(), 3000, 3000, 1, "SELF_ONLY")));
        var token = await TokenAsync("bob.tok");
        Assert.Equal(Code, Error(await InitAsync(token, 3000, 3000, 1, "FOLLOWER_OF_CREATOR")));
        Assert.Equal("ok", Error(await InitAsync(token, 3000, 3000, 1, "SELF_ONLY")));
    }

    [Theory]
    [InlineData(180.0, 30, 360, 640, "avc1", null)]
    [InlineData(180.1, 30, 360, 640, "avc1", "duration_check_failed")]
    [InlineData(5.0, 22, 360, 640, "avc1", "frame_rate_check_failed")]
    [InlineData(5.0, 61, 360, 640, "avc1", "frame_rate_check_failed")]
    [InlineData(5.0, 60, 360, 4096, "hvc1", null)]
    [InlineData(5.0, 30, 359, 640, "avc1", "picture_size_check_failed")]
    [InlineData(5.0, 30, 360, 4097, "avc1", "picture_size_check_failed")]
    [InlineData(5.0, 30, 360, 640, "mp4v", "file_format_check_failed")]
    public async Task A_film_is_judged_by_its_bytes(
        double seconds, int fps, int width, int height, string codec, string? reason)
    {
        var token = await TokenAsync();
        var id = await SendAsync(MediaBytes.Mp4(width, height, seconds, fps, codec), token);
        _tiktok.Advance(2);
        var data = (await StatusAsync(id, token)).Json["data"]!;
        Assert.Equal((reason is null ? "PUBLISH_COMPLETE" : "FAILED", reason),
            ((string)data["status"]!, (string?)data["fail_reason"]));
        Assert.Equal(reason is null ? 1 : 0, (await _tiktok.JournalAsync()).Count);
    }

    [Fact]
    public async Task Photos_are_pulled_and_judged()
    {
        await using var files = await FileServer.StartAsync();
        Rules.PullFromAnywhere = true;
        var token = await TokenAsync();
        files.Files["a.jpg"] = MediaBytes.Jpeg(1080, 1920);
        files.Files["b.webp"] = MediaBytes.WebP();
        files.Files["c.png"] = MediaBytes.Png();
        files.Files["d.jpg"] = MediaBytes.Jpeg(1081, 1920);
        Assert.Equal((null, 1), await PhotosAsync(token, $"{files.Address}/a.jpg", $"{files.Address}/b.webp"));
        Assert.Equal(("file_format_check_failed", 1), await PhotosAsync(token, $"{files.Address}/c.png"));
        Assert.Equal(("picture_size_check_failed", 1), await PhotosAsync(token, $"{files.Address}/d.jpg"));
        Assert.Equal(("photo_pull_failed", 1), await PhotosAsync(token, $"{files.Address}/none.jpg"));
        Assert.Equal(("photo_pull_failed", 1), await PhotosAsync(token, $"{files.Address}/moved/a.jpg"));
        var entry = Assert.Single(await _tiktok.JournalAsync());
        Assert.Equal(("photos", 2, "p"), (entry.Kind, entry.Files.Count, entry.Details["publishId"]![..1]));
    }

    [Fact]
    public async Task Photo_posts_have_their_own_limits()
    {
        var token = await TokenAsync();
        string[] One(int count) => [.. Enumerable.Range(0, count).Select(at => $"https://media.example/{at}.jpg")];
        async Task<string> Code(string[] urls, int title = 1, int description = 1, int cover = 0)
        {
            _tiktok.Advance(61);
            return Error(await PhotoInitAsync(token, urls, title, description, cover));
        }
        Assert.Equal("ok", await Code(One(35), 90, 4000, 34));
        Assert.Equal("invalid_param", await Code(One(36)));
        Assert.Equal("invalid_param", await Code(One(1), title: 91));
        Assert.Equal("invalid_param", await Code(One(1), description: 4001));
        Assert.Equal("invalid_param", await Code(One(1), cover: 1));
        Assert.Equal("invalid_param", await Code(["http://media.example/1.jpg"]));
        Assert.Equal("invalid_param", await Code(["https://192.0.2.1/1.jpg"]));
        Rules.OwnedSources = ["example", "https://other.test/our/"];
        Assert.Equal("ok", await Code(One(1)));
        Assert.Equal("ok", await Code(["https://other.test/our/1.jpg"]));
        Assert.Equal("url_ownership_unverified", await Code(["https://other.test/1.jpg"]));
    }

    [Fact]
    public async Task A_film_can_be_pulled_and_an_address_never_fetched_posts_nothing()
    {
        await using var files = await FileServer.StartAsync();
        Rules.PullFromAnywhere = true;
        files.Files["v.mp4"] = MediaBytes.Mp4();
        var token = await TokenAsync();
        var body = Body("PUBLIC_TO_EVERYONE", 1, false);
        body["source_info"] = new JsonObject { ["source"] = "PULL_FROM_URL", ["video_url"] = $"{files.Address}/v.mp4" };
        var init = await _tiktok.PostAsync(Init, body, token);
        Assert.Null(init.Json["data"]!["upload_url"]);
        var id = (string)init.Json["data"]!["publish_id"]!;
        Assert.Equal("PROCESSING_DOWNLOAD", await StateAsync(id, token));
        _tiktok.Advance(1);
        await StateAsync(id, token);
        _tiktok.Advance(2);
        Assert.Equal("PUBLISH_COMPLETE", await StateAsync(id, token));
    }

    [Fact]
    public async Task A_draft_goes_to_the_inbox_and_five_may_wait()
    {
        Rules.InitPerMinute = 100;
        var token = await TokenAsync();
        var source = new JsonObject
        {
            ["source_info"] = new JsonObject
            {
                ["source"] = "FILE_UPLOAD",
                ["video_size"] = 3000,
                ["chunk_size"] = 3000,
                ["total_chunk_count"] = 1,
            },
        };
        var first = (await _tiktok.PostAsync("/v2/post/publish/inbox/video/init/", source, token)).Json["data"]!;
        await ChunkAsync((string)first["upload_url"]!, MediaBytes.Mp4(size: 3000), 0, 3000);
        _tiktok.Advance(2);
        Assert.Equal("SEND_TO_USER_INBOX", await StateAsync((string)first["publish_id"]!, token));
        for (var at = 0; at < 4; at++)
            Assert.Equal("ok", Error(await _tiktok.PostAsync("/v2/post/publish/inbox/video/init/", source, token)));
        var sixth = await _tiktok.PostAsync("/v2/post/publish/inbox/video/init/", source, token);
        Assert.Equal((403, "spam_risk_too_many_pending_share"), (sixth.Code, Error(sixth)));
    }

    [Fact]
    public async Task Six_starts_a_minute_and_fifteen_posts_a_day_are_all()
    {
        var token = await TokenAsync();
        for (var at = 0; at < 6; at++) Assert.Equal("ok", Error(await InitAsync(token, 3000, 3000, 1)));
        var seventh = await InitAsync(token, 3000, 3000, 1);
        Assert.Equal((429, "rate_limit_exceeded"), (seventh.Code, Error(seventh)));
        _tiktok.Advance(60);
        for (var at = 0; at < 6; at++) Assert.Equal("ok", Error(await InitAsync(token, 3000, 3000, 1)));
        _tiktok.Advance(60);
        for (var at = 0; at < 3; at++) Assert.Equal("ok", Error(await InitAsync(token, 3000, 3000, 1)));
        var full = await InitAsync(token, 3000, 3000, 1);
        Assert.Equal((403, "spam_risk_too_many_posts"), (full.Code, Error(full)));
    }

    [Fact]
    public async Task A_post_fails_in_processing_is_cancelled_or_belongs_to_another()
    {
        var token = await TokenAsync();
        Rules.FailReason = "spam_risk_text";
        var spam = await SendAsync(MediaBytes.Mp4(), token);
        _tiktok.Advance(2);
        Assert.Equal("spam_risk_text", (string)(await StatusAsync(spam, token)).Json["data"]!["fail_reason"]!);
        Rules.FailReason = null;
        var cancelled = await SendAsync(MediaBytes.Mp4(), token);
        await _tiktok.PostAsync("/v2/post/publish/cancel/", new JsonObject { ["publish_id"] = cancelled }, token);
        Assert.Equal("publish_cancelled", (string)(await StatusAsync(cancelled, token)).Json["data"]!["fail_reason"]!);
        Assert.Equal("token_not_authorized_for_specified_publish_id",
            Error(await StatusAsync(cancelled, await TokenAsync("bob.tok"))));
        Assert.Equal("invalid_publish_id", Error(await StatusAsync("nothing", token)));
        var orphan = await SendAsync(MediaBytes.Mp4(), token);
        foreach (var grant in _tiktok.Sim.Grants.All) grant.Revoked = true;
        _tiktok.Advance(2);
        Assert.Equal("auth_removed",
            (string)(await StatusAsync(orphan, await TokenAsync())).Json["data"]!["fail_reason"]!);
        Assert.Empty(await _tiktok.JournalAsync());
    }

    [Fact]
    public async Task The_last_byte_may_be_answered_by_silence()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: 3000);
        var init = (await InitAsync(token, 3000, 3000, 1)).Json["data"]!;
        _tiktok.Sim.Faults.Add(new Fault { Path = "/video/", Method = "PUT", After = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => ChunkAsync((string)init["upload_url"]!, film, 0, 3000));
        _tiktok.Advance(2);
        Assert.Equal("PUBLISH_COMPLETE", await StateAsync((string)init["publish_id"]!, token));
    }

    private static string Authorize(string scope = AllScopes, string back = Back) =>
        "/v2/auth/authorize/?response_type=code&client_key=tiktok-key&state=s1"
        + $"&scope={Uri.EscapeDataString(scope)}&redirect_uri={Uri.EscapeDataString(back)}";

    private static string Error(Answer answer) => (string)answer.Json["error"]!["code"]!;

    private async Task<string> CodeAsync() => (await _tiktok.ConsentAsync(Authorize()))["code"]!;

    private Task<Answer> ExchangeAsync(string code, string? verifier = null) => _tiktok.FormAsync("/v2/oauth/token/",
    [
        ("client_key", "tiktok-key"), ("client_secret", "tiktok-secret"), ("grant_type", "authorization_code"),
        ("code", code), ("redirect_uri", Back), ("code_verifier", verifier ?? ""),
    ]);

    private Task<Answer> RefreshAsync(string token) => _tiktok.FormAsync("/v2/oauth/token/",
    [
        ("client_key", "tiktok-key"), ("client_secret", "tiktok-secret"), ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ]);

    private async Task<string> TokenAsync(string handle = "ann.tok")
    {
        _tiktok.Sim.Consent.Approve = handle;
        return (string)(await ExchangeAsync(await CodeAsync())).Json["access_token"]!;
    }

    private Task<Answer> CreatorAsync(string token) =>
        _tiktok.PostAsync("/v2/post/publish/creator_info/query/", null, token);

    private static JsonObject Body(string? privacy, int title, bool branded) => new()
    {
        ["post_info"] = new JsonObject
        {
            ["title"] = new string('t', title),
            ["privacy_level"] = privacy,
            ["brand_content_toggle"] = branded,
            ["brand_organic_toggle"] = false,
        },
    };

    private Task<Answer> InitAsync(string token, long size, long chunk, long count,
        string? privacy = "PUBLIC_TO_EVERYONE", int title = 5, bool branded = false)
    {
        var body = Body(privacy, title, branded);
        body["source_info"] = new JsonObject
        {
            ["source"] = "FILE_UPLOAD",
            ["video_size"] = size,
            ["chunk_size"] = chunk,
            ["total_chunk_count"] = count,
        };
        return _tiktok.PostAsync(Init, body, token);
    }

    private Task<Answer> ChunkAsync(string url, byte[] film, int from, int until, string type = "video/mp4",
        int? total = null) => _tiktok.BytesAsync(HttpMethod.Put, url, film[from..until], type, null,
        $"bytes {from}-{until - 1}/{total ?? film.Length}");

    private async Task<string> SendAsync(byte[] film, string token)
    {
        var data = (await InitAsync(token, film.Length, film.Length, 1)).Json["data"]!;
        Assert.Equal(201, (await ChunkAsync((string)data["upload_url"]!, film, 0, film.Length)).Code);
        return (string)data["publish_id"]!;
    }

    private Task<Answer> PhotoInitAsync(string token, string[] urls, int title, int description, int cover)
    {
        var body = Body("PUBLIC_TO_EVERYONE", title, false);
        (body["media_type"], body["post_mode"]) = ("PHOTO", "DIRECT_POST");
        body["post_info"]!["description"] = new string('d', description);
        body["source_info"] = new JsonObject
        {
            ["source"] = "PULL_FROM_URL",
            ["photo_images"] = new JsonArray([.. urls.Select(url => JsonValue.Create(url))]),
            ["photo_cover_index"] = cover,
        };
        return _tiktok.PostAsync("/v2/post/publish/content/init/", body, token);
    }

    private async Task<(string? Reason, int Published)> PhotosAsync(string token, params string[] urls)
    {
        var init = await PhotoInitAsync(token, urls, 5, 5, 0);
        var id = (string)init.Json["data"]!["publish_id"]!;
        _tiktok.Advance(1);
        await StateAsync(id, token);
        _tiktok.Advance(2);
        var data = (await StatusAsync(id, token)).Json["data"]!;
        return ((string?)data["fail_reason"], (await _tiktok.JournalAsync()).Count);
    }

    private Task<Answer> StatusAsync(string id, string token) =>
        _tiktok.PostAsync("/v2/post/publish/status/fetch/", new JsonObject { ["publish_id"] = id }, token);

    private async Task<string> StateAsync(string id, string token) =>
        (string)(await StatusAsync(id, token)).Json["data"]!["status"]!;
}
