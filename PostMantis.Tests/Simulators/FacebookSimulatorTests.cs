using System.Text.Json.Nodes;
using PostMantis.Simulators.Facebook;

namespace PostMantis.Tests.Simulators;

public sealed class FacebookSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private const string Acme = "/v26.0/1001";
    private FileServer _files = null!;
    private SimulatorClient _facebook = null!;

    private FacebookSettings Rules => (FacebookSettings)_facebook.Host.Network.Settings;

    public async ValueTask InitializeAsync()
    {
        _facebook = await SimulatorClient.StartAsync("facebook");
        _files = await FileServer.StartAsync();
        _files.Files["a.jpg"] = MediaBytes.Jpeg(1000, 800);
        _files.Files["b.png"] = MediaBytes.Png(500, 500);
        _files.Files["r.mp4"] = MediaBytes.Mp4(1080, 1920);
    }

    public async ValueTask DisposeAsync()
    {
        await _facebook.DisposeAsync();
        await _files.DisposeAsync();
    }

    [Fact]
    public async Task A_short_token_becomes_a_long_one_whose_Page_tokens_have_no_end()
    {
        var code = await CodeAsync();
        var shortToken = Token(await ExchangeAsync(code));
        Assert.Equal(100, Code(await ExchangeAsync(code)));
        var brief = (string)(await PagesAsync(shortToken))[0]!["access_token"]!;
        var longToken = Token(await LengthenAsync(shortToken));
        var lasting = (string)(await PagesAsync(longToken))[0]!["access_token"]!;
        _facebook.Advance(5183);
        Assert.Equal(463, Subcode(await PostAsync(brief, ("message", "late"))));
        Assert.Equal(463, Subcode(await LengthenAsync(shortToken)));
        _facebook.Advance(5_184_000);
        Assert.Equal(463, Subcode(await _facebook.GetAsync("/v26.0/me/permissions", longToken)));
        Assert.Equal(200, (await PostAsync(lasting, ("message", "on time"))).Code);
        _facebook.Advance(7_776_000);
        Assert.Equal(190, Code(await PostAsync(lasting, ("message", "data access is over"))));
    }

    [Fact]
    public async Task A_redirect_must_be_the_same_to_the_byte_and_a_person_may_say_no()
    {
        var code = await CodeAsync();
        Assert.Equal(36008, Subcode(await _facebook.GetAsync("/v26.0/oauth/access_token?client_id=meta-app"
            + "&client_secret=meta-secret&redirect_uri=" + Uri.EscapeDataString(Back + "/") + "&code=" + code)));
        _facebook.Sim.Consent.Deny = true;
        var back = await _facebook.ConsentAsync(Authorize);
        Assert.Equal(("access_denied", "user_denied", "s"), (back["error"], back["error_reason"], back["state"]));
        Assert.Equal(400, (await _facebook.GetAsync(Authorize + ",own_the_world")).Code);
    }

    [Fact]
    public async Task Only_ticked_Pages_are_listed_page_by_page_and_a_business_holds_others()
    {
        var token = Token(await ExchangeAsync(await CodeAsync()));
        var first = await _facebook.GetAsync("/v26.0/me/accounts?fields=id,tasks&limit=2", token);
        Assert.Equal(["1001", "1002"], Ids(first));
        var second = await _facebook.GetAsync(new Uri((string)first.Json["paging"]!["next"]!).PathAndQuery);
        Assert.Equal(["1003"], Ids(second));
        Assert.Null(second.Json["paging"]);
        Assert.Equal(["9001"], Ids(await _facebook.GetAsync("/v26.0/me/businesses?fields=id,name", token)));
        Assert.Equal(["1004"], Ids(await _facebook.GetAsync("/v26.0/9001/owned_pages?fields=id", token)));
        Rules.UntickedPages = ["1002"];
        _facebook.Sim.Consent.Withhold = ["pages_manage_posts"];
        token = Token(await ExchangeAsync(await CodeAsync()));
        Assert.Equal(["1001", "1003"], (await PagesAsync(token)).Select(page => (string)page!["id"]!));
        var granted = (await _facebook.GetAsync("/v26.0/me/permissions", token)).Json["data"]!.AsArray();
        Assert.Contains(granted, one => (string)one!["permission"]! == "pages_manage_posts"
            && (string)one["status"]! == "declined");
    }

    [Fact]
    public async Task Text_and_links_are_shown_and_the_same_twice_in_a_row_is_refused()
    {
        var token = await PageTokenAsync();
        var post = await _facebook.FormAsync(Acme + "/feed?fields=id,permalink_url",
            [("message", "Hi"), ("access_token", token)]);
        Assert.StartsWith("1001_", (string)post.Json["id"]!, StringComparison.Ordinal);
        Assert.StartsWith("https://www.facebook.com/", (string)post.Json["permalink_url"]!, StringComparison.Ordinal);
        Assert.Equal(506, Code(await PostAsync(token, ("message", "Hi"))));
        Assert.Equal(200, (await PostAsync(token, ("message", "Hi"), ("link", "https://example.com/a"))).Code);
        Assert.Equal(200, (await PostAsync(token, ("message", "Hi"))).Code);
        Assert.Equal(1609008, Subcode(await PostAsync(token, ("link", "https://www.facebook.com/x"))));
        Assert.Equal(100, Code(await PostAsync(token)));
        Assert.Equal(100, Code(await PostAsync(token, ("message", new string('a', 63_207)))));
        Assert.Equal(["post", "link", "post"], (await _facebook.JournalAsync()).Select(entry => entry.Kind));
        var list = await _facebook.GetAsync(Acme + "/published_posts?fields=id,message,created_time&limit=2", token);
        Assert.Equal(2, list.Json["data"]!.AsArray().Count);
        Assert.NotNull(list.Json["paging"]!["next"]);
    }

    [Fact]
    public async Task Photos_are_judged_by_their_bytes_and_attached_once()
    {
        var token = await PageTokenAsync();
        var one = await PhotoAsync(token, ("url", File("a.jpg")), ("caption", "Door"), ("alt_text_custom", "a red door"));
        Assert.StartsWith("1001_", (string)one.Json["post_id"]!, StringComparison.Ordinal);
        _files.Files["w"] = MediaBytes.WebP();
        _files.Files["heavy"] = MediaBytes.Jpeg(100, 100, (10 << 20) + 1);
        Assert.Equal(1349125, Subcode(await PhotoAsync(token, ("url", File("w")))));
        Assert.Equal(1366046, Subcode(await PhotoAsync(token, ("url", File("heavy")))));
        Assert.Equal(324, Code(await PhotoAsync(token, ("url", File("none")))));
        var (a, b) = (await PhotoAsync(token, ("url", File("a.jpg")), ("published", "false")),
            await _facebook.UploadAsync(Acme + "/photos", _files.Files["b.png"], "source", token, ("published", "false")));
        Assert.Null(a.Json["post_id"]);
        Assert.Equal(200, (await AttachAsync(token, a, b)).Code);
        Assert.Equal(1366051, Subcode(await AttachAsync(token, a, b)));
        var late = await PhotoAsync(token, ("url", File("a.jpg")), ("published", "false"));
        _facebook.Advance(86_400);
        Assert.Equal(1366051, Subcode(await AttachAsync(token, late)));
        var shown = await _facebook.JournalAsync();
        Assert.Equal(["photo", "photos"], shown.Select(entry => entry.Kind));
        Assert.Equal((2, "a red door"), (shown[1].Files.Count, shown[0].Files[0].AltText));
    }

    [Fact]
    public async Task A_video_becomes_public_when_it_is_worked_through()
    {
        var token = await PageTokenAsync();
        var made = await _facebook.FormAsync(Acme + "/videos",
            [("file_url", File("r.mp4")), ("description", "Film"), ("title", "T"), ("access_token", token)]);
        Assert.Equal("processing", (string)(await StatusAsync(token, Id(made)))["video_status"]!);
        Assert.Empty(await _facebook.JournalAsync());
        _facebook.Advance(2);
        Assert.Equal("published", (string)(await StatusAsync(token, Id(made)))["publishing_phase"]!["publish_status"]!);
        Assert.Equal(("video", "Film"), ((await _facebook.JournalAsync())[0].Kind, (await _facebook.JournalAsync())[0].Text));
        Assert.Equal([Id(made)], Ids(await _facebook.GetAsync(Acme + "/videos?fields=id,description", token)));
        var broken = await _facebook.FormAsync(Acme + "/videos", [("file_url", File("a.jpg")), ("access_token", token)]);
        _facebook.Advance(2);
        Assert.Equal("error", (string)(await StatusAsync(token, Id(broken)))["video_status"]!);
        Assert.Single(await _facebook.JournalAsync());
    }

    [Fact]
    public async Task A_reel_is_started_uploaded_finished_and_published_once()
    {
        var token = await PageTokenAsync();
        var id = await UploadAsync(token, "video_reels", "r.mp4");
        Assert.Equal(200, (await FinishAsync(token, "video_reels", id)).Code);
        Assert.Equal(100, Code(await FinishAsync(token, "video_reels", id)));
        Assert.Empty(await _facebook.JournalAsync());
        _facebook.Advance(2);
        Assert.Equal("reel", Assert.Single(await _facebook.JournalAsync()).Kind);
        Assert.Equal("/reel/" + id + "/",
            (string)(await _facebook.GetAsync($"/v26.0/{id}?fields=permalink_url", token)).Json["permalink_url"]!);
        Rules.ReelsPerDay = 1;
        Assert.Equal(613, Code(await FinishAsync(token, "video_reels", await UploadAsync(token, "video_reels", "r.mp4"))));
    }

    [Fact]
    public async Task Bytes_come_in_pieces_and_go_on_where_they_stopped()
    {
        var token = await PageTokenAsync();
        var bytes = _files.Files["r.mp4"];
        var start = await _facebook.FormAsync(Acme + "/video_reels", [("upload_phase", "start"), ("access_token", token)]);
        var path = new Uri((string)start.Json["upload_url"]!).AbsolutePath;
        Assert.Equal("PartialRequestError", Type(await BytesAsync(path, token, bytes[..100], 0, bytes.Length)));
        Assert.Equal("OffsetInvalidError", Type(await BytesAsync(path, token, bytes, 0, bytes.Length)));
        Assert.Equal(100, (int)(await _facebook.SendAsync(new HttpRequestMessage(HttpMethod.Get, path), token, "OAuth"))
            .Json["bytes_transfered"]!);
        Assert.Equal(200, (await BytesAsync(path, token, bytes[100..], 100, bytes.Length)).Code);
        Assert.Equal(400, (await BytesAsync(path, "somebody", bytes[100..], 100, bytes.Length)).Code);
    }

    [Theory]
    [InlineData(1080, 1920, 2.9, "error")]
    [InlineData(1080, 1920, 3, "ready")]
    [InlineData(1080, 1920, 90, "ready")]
    [InlineData(1080, 1920, 91, "error")]
    [InlineData(530, 943, 10, "error")]
    [InlineData(1080, 1080, 10, "error")]
    public async Task A_reel_has_a_length_and_a_shape(int width, int height, double seconds, string status)
    {
        var token = await PageTokenAsync();
        _files.Files["x.mp4"] = MediaBytes.Mp4(width, height, seconds);
        var id = await UploadAsync(token, "video_reels", "x.mp4");
        _facebook.Advance(2);
        Assert.Equal(status, (string)(await StatusAsync(token, id))["video_status"]!);
    }

    [Fact]
    public async Task Stories_take_fresh_media()
    {
        var token = await PageTokenAsync();
        var photo = await PhotoAsync(token, ("url", File("a.jpg")), ("published", "false"));
        var story = await _facebook.FormAsync(Acme + "/photo_stories", [("photo_id", Id(photo)), ("access_token", token)]);
        Assert.True((bool)story.Json["success"]!);
        Assert.Equal(1366051, Subcode(await AttachAsync(token, photo)));
        var video = await UploadAsync(token, "video_stories", "r.mp4");
        Assert.NotNull((await FinishAsync(token, "video_stories", video)).Json["post_id"]);
        Assert.Equal(["photo-story", "video-story"], (await _facebook.JournalAsync()).Select(entry => entry.Kind));
        var list = await _facebook.GetAsync(Acme + "/stories?fields=post_id,media_id,status", token);
        Assert.Equal([video, Id(photo)], list.Json["data"]!.AsArray().Select(one => (string)one!["media_id"]!));
        Assert.Empty((await _facebook.GetAsync(Acme + "/published_posts", token)).Json["data"]!.AsArray());
    }

    [Fact]
    public async Task Only_the_Pages_own_token_with_its_task_may_publish()
    {
        var user = Token(await ExchangeAsync(await CodeAsync()));
        var pages = await PagesAsync(user);
        Assert.Equal(200, Code(await PostAsync(user, ("message", "x"))));
        Assert.Equal(33, Subcode(await PostAsync((string)pages[1]!["access_token"]!, ("message", "x"))));
        var numbers = await _facebook.FormAsync("/v26.0/1003/feed",
            [("message", "x"), ("access_token", (string)pages[2]!["access_token"]!)]);
        Assert.Equal((403, 200), (numbers.Code, Code(numbers)));
        Assert.Equal(100, Code(await _facebook.GetAsync("/v20.0/me", user)));
        Assert.Empty(await _facebook.JournalAsync());
    }

    [Fact]
    public async Task Throttling_wears_400_or_403_and_says_how_long_in_a_header()
    {
        Rules.PageCallsPerHour = 1;
        var token = await PageTokenAsync();
        Assert.Equal(200, (await PostAsync(token, ("message", "one"))).Code);
        var refused = await PostAsync(token, ("message", "two"));
        Assert.Equal((400, 80001), (refused.Code, Code(refused)));
        var usage = JsonNode.Parse(refused.Header("X-Business-Use-Case-Usage"))!["1001"]![0]!;
        Assert.Equal(60, (int)usage["estimated_time_to_regain_access"]!);
        Rules.UserCallsPerHour = 1;
        var user = Token(await ExchangeAsync(await CodeAsync()));
        var app = await _facebook.GetAsync("/v26.0/me", user);
        Assert.Equal((403, 4), (app.Code, Code(app)));
    }

    [Fact]
    public async Task A_Page_in_trouble_and_a_grant_that_was_taken_back_say_so()
    {
        var user = Token(await ExchangeAsync(await CodeAsync()));
        var token = (string)(await PagesAsync(user))[0]!["access_token"]!;
        _facebook.Sim.Accounts[0].Traits["publishError"] = "368/1390008";
        Assert.Equal((368, 1390008), (Code(await PostAsync(token, ("message", "x"))),
            Subcode(await PostAsync(token, ("message", "x")))));
        _facebook.Sim.Accounts[0].Traits.Clear();
        var gone = await _facebook.SendAsync(new HttpRequestMessage(HttpMethod.Delete, "/v26.0/100001/permissions"), user);
        Assert.True((bool)gone.Json["success"]!);
        Assert.Equal(458, Subcode(await PostAsync(token, ("message", "x"))));
        Assert.False((bool)(await _facebook.GetAsync("/v26.0/debug_token?input_token=" + token
            + "&access_token=meta-app%7Cmeta-secret")).Json["data"]!["is_valid"]!);
    }

    private static string Authorize => "/v26.0/dialog/oauth?client_id=meta-app&response_type=code&state=s&redirect_uri="
        + Uri.EscapeDataString(Back)
        + "&scope=pages_show_list,pages_manage_posts,pages_read_engagement,business_management";

    private string File(string name) => _files.Address + "/" + name;

    private async Task<string> CodeAsync() => (await _facebook.ConsentAsync(Authorize))["code"]!;

    private Task<Answer> ExchangeAsync(string code) => _facebook.GetAsync("/v26.0/oauth/access_token?client_id=meta-app"
        + "&client_secret=meta-secret&redirect_uri=" + Uri.EscapeDataString(Back) + "&code=" + code);

    private Task<Answer> LengthenAsync(string token) => _facebook.GetAsync("/v26.0/oauth/access_token?client_id=meta-app"
        + "&client_secret=meta-secret&grant_type=fb_exchange_token&fb_exchange_token=" + token);

    private async Task<JsonArray> PagesAsync(string token) => (await _facebook.GetAsync(
        "/v26.0/me/accounts?fields=id,name,access_token,tasks&limit=100", token)).Json["data"]!.AsArray();

    private async Task<string> PageTokenAsync() => (string)(await PagesAsync(Token(await LengthenAsync(
        Token(await ExchangeAsync(await CodeAsync()))))))[0]!["access_token"]!;

    private Task<Answer> PostAsync(string token, params (string Name, string Value)[] form) =>
        _facebook.FormAsync(Acme + "/feed", [.. form, ("access_token", token)]);

    private Task<Answer> PhotoAsync(string token, params (string Name, string Value)[] form) =>
        _facebook.FormAsync(Acme + "/photos", [.. form, ("access_token", token)]);

    private Task<Answer> AttachAsync(string token, params Answer[] photos) => PostAsync(token, [("message", "Album"),
        .. photos.Select((photo, at) => ($"attached_media[{at}]", $$"""{"media_fbid":"{{Id(photo)}}"}"""))]);

    private async Task<string> UploadAsync(string token, string edge, string file)
    {
        var start = await _facebook.FormAsync($"{Acme}/{edge}", [("upload_phase", "start"), ("access_token", token)]);
        var upload = new HttpRequestMessage(HttpMethod.Post, new Uri((string)start.Json["upload_url"]!).AbsolutePath);
        upload.Headers.Add("file_url", File(file));
        Assert.Equal(200, (await _facebook.SendAsync(upload, token, "OAuth")).Code);
        return (string)start.Json["video_id"]!;
    }

    private Task<Answer> FinishAsync(string token, string edge, string id) => _facebook.FormAsync($"{Acme}/{edge}",
        [("upload_phase", "finish"), ("video_id", id), ("video_state", "PUBLISHED"), ("description", "d"),
            ("access_token", token)]);

    private Task<Answer> BytesAsync(string path, string token, byte[] bytes, int offset, int size)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(bytes) };
        request.Headers.Add("offset", $"{offset}");
        request.Headers.Add("file_size", $"{size}");
        return _facebook.SendAsync(request, token, "OAuth");
    }

    private async Task<JsonNode> StatusAsync(string token, string id) =>
        (await _facebook.GetAsync($"/v26.0/{id}?fields=status", token)).Json["status"]!;

    private static string Token(Answer answer) => (string)answer.Json["access_token"]!;

    private static string Id(Answer made) => (string)made.Json["id"]!;

    private static string[] Ids(Answer list) => [.. list.Json["data"]!.AsArray().Select(one => (string)one!["id"]!)];

    private static string Type(Answer answer) => (string)answer.Json["debug_info"]!["type"]!;

    private static int Code(Answer answer) => (int)answer.Json["error"]!["code"]!;

    private static int Subcode(Answer answer) => (int)answer.Json["error"]!["error_subcode"]!;
}
