using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Instagram;

namespace PostMantis.Tests.Simulators;

public sealed class InstagramSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private const string Me = "/v26.0/17841400000000001";
    private FileServer _files = null!;
    private SimulatorClient _instagram = null!;

    private InstagramSettings Rules => (InstagramSettings)_instagram.Host.Network.Settings;

    public async ValueTask InitializeAsync()
    {
        _instagram = await SimulatorClient.StartAsync("instagram");
        _files = await FileServer.StartAsync();
        _files.Files["a.jpg"] = MediaBytes.Jpeg(1000, 1000);
        _files.Files["v.mp4"] = MediaBytes.Mp4(720, 1280);
    }

    public async ValueTask DisposeAsync()
    {
        await _instagram.DisposeAsync();
        await _files.DisposeAsync();
    }

    [Fact]
    public async Task A_code_serves_once_and_a_long_token_refreshes_after_a_day_until_it_expires()
    {
        var code = await CodeAsync();
        var first = await ExchangeAsync(code);
        var token = (string)first.Json["data"]![0]!["access_token"]!;
        Assert.Equal(400, (await ExchangeAsync(code)).Code);
        var longer = (string)(await LengthenAsync(token)).Json["access_token"]!;
        Assert.Equal(400, (await RefreshAsync(longer)).Code);
        _instagram.Advance(86_400);
        var fresh = await RefreshAsync(longer);
        Assert.Equal(5_184_000, (int)fresh.Json["expires_in"]!);
        Assert.Equal(463, Subcode(await _instagram.GetAsync("/v26.0/me", token)));
        _instagram.Advance(5_184_000);
        Assert.Equal(463, Subcode(await RefreshAsync((string)fresh.Json["access_token"]!)));
    }

    [Fact]
    public async Task The_way_back_ends_with_a_mark_and_a_person_may_say_no()
    {
        var answer = await _instagram.GetAsync(Authorize);
        Assert.EndsWith("#_", answer.Header("Location"), StringComparison.Ordinal);
        _instagram.Sim.Consent.Deny = true;
        Assert.Equal("access_denied", (await _instagram.ConsentAsync(Authorize))["error"]);
    }

    [Fact]
    public async Task A_code_dies_after_an_hour()
    {
        var code = await CodeAsync();
        _instagram.Advance(3600);
        Assert.Equal(400, (await ExchangeAsync(code)).Code);
    }

    [Fact]
    public async Task An_image_waits_for_its_container_and_is_published_once()
    {
        var token = await TokenAsync();
        var made = await CreateAsync(token, ("image_url", File("a.jpg")), ("caption", "Hi"), ("alt_text", "a door"));
        Assert.Equal(2207027, Subcode(await PublishAsync(token, made)));
        _instagram.Advance(2);
        Assert.Equal("FINISHED", await StatusAsync(token, made));
        var id = (string)(await PublishAsync(token, made)).Json["id"]!;
        Assert.Equal("PUBLISHED", await StatusAsync(token, made));
        Assert.Equal(400, (await PublishAsync(token, made)).Code);
        var entry = Assert.Single(await _instagram.JournalAsync());
        Assert.Equal(("image", id, "Hi", "a door"), (entry.Kind, entry.Id, entry.Text, entry.Files[0].AltText));
        var list = await _instagram.GetAsync(Me + "/media?fields=id,caption,permalink", token);
        Assert.Contains("/p/", (string)list.Json["data"]![0]!["permalink"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reels_stories_and_carousels_are_published_as_what_they_are()
    {
        var token = await TokenAsync();
        var reel = await CreateAsync(token, ("media_type", "REELS"), ("video_url", File("v.mp4")));
        var story = await CreateAsync(token, ("media_type", "STORIES"), ("video_url", File("v.mp4")));
        var one = await CreateAsync(token, ("is_carousel_item", "true"), ("image_url", File("a.jpg")));
        var two = await CreateAsync(token, ("is_carousel_item", "true"), ("media_type", "VIDEO"),
            ("video_url", File("v.mp4")));
        _instagram.Advance(2);
        var carousel = await CreateAsync(token, ("media_type", "CAROUSEL"),
            ("children", Id(one) + "," + Id(two)));
        _instagram.Advance(2);
        foreach (var made in new[] { reel, story, carousel }) Assert.Equal(200, (await PublishAsync(token, made)).Code);
        Assert.Equal(["reel", "story", "carousel"], (await _instagram.JournalAsync()).Select(entry => entry.Kind));
        var few = await CreateAsync(token, ("media_type", "CAROUSEL"), ("children", Id(one)));
        Assert.Equal(2207028, Subcode(few));
    }

    [Theory]
    [InlineData(2200, 200)]
    [InlineData(2201, 400)]
    public async Task A_caption_has_an_end(int length, int status) =>
        Assert.Equal(status, (await CreateAsync(await TokenAsync(), ("image_url", File("a.jpg")),
            ("caption", new string('a', length)))).Code);

    [Fact]
    public async Task Pictures_are_judged_by_their_bytes()
    {
        var token = await TokenAsync();
        _files.Files["png"] = MediaBytes.Png(500, 500);
        _files.Files["tall"] = MediaBytes.Jpeg(799, 1000);
        _files.Files["edge"] = MediaBytes.Jpeg(800, 1000);
        _files.Files["heavy"] = MediaBytes.Jpeg(800, 1000, (8 << 20) + 1);
        Assert.Equal(2207005, Subcode(await CreateAsync(token, ("image_url", File("png")))));
        Assert.Equal(2207009, Subcode(await CreateAsync(token, ("image_url", File("tall")))));
        Assert.Equal(200, (await CreateAsync(token, ("image_url", File("edge")))).Code);
        Assert.Equal(2207004, Subcode(await CreateAsync(token, ("image_url", File("heavy")))));
        Assert.Equal(2207052, Subcode(await CreateAsync(token, ("image_url", File("none")))));
        Assert.Equal(400, (await CreateAsync(token, ("caption", "no picture"))).Code);
    }

    [Theory]
    [InlineData(3, "FINISHED")]
    [InlineData(2.9, "ERROR")]
    [InlineData(900, "FINISHED")]
    [InlineData(901, "ERROR")]
    public async Task A_reel_has_a_length(double seconds, string status)
    {
        var token = await TokenAsync();
        _files.Files["r.mp4"] = MediaBytes.Mp4(720, 1280, seconds);
        var made = await CreateAsync(token, ("media_type", "REELS"), ("video_url", File("r.mp4")));
        _instagram.Advance(2);
        Assert.Equal(status, await StatusAsync(token, made));
    }

    [Fact]
    public async Task A_container_expires_and_the_quota_opens_again_after_a_day()
    {
        var token = await TokenAsync();
        Rules.PostsPerDay = 1;
        Rules.ShortSeconds = 1_000_000;
        token = await TokenAsync();
        var (first, second) = (await CreateAsync(token, ("image_url", File("a.jpg"))),
            await CreateAsync(token, ("image_url", File("a.jpg"))));
        _instagram.Advance(2);
        Assert.Equal(200, (await PublishAsync(token, first)).Code);
        Assert.Equal(2207042, Subcode(await PublishAsync(token, second)));
        var limit = await _instagram.GetAsync(Me + "/content_publishing_limit?fields=quota_usage,config", token);
        Assert.Equal(1, (int)limit.Json["data"]![0]!["quota_usage"]!);
        _instagram.Advance(86_400);
        Assert.Equal("EXPIRED", await StatusAsync(token, second));
        var third = await CreateAsync(token, ("image_url", File("a.jpg")));
        _instagram.Advance(2);
        Assert.Equal(200, (await PublishAsync(token, third)).Code);
    }

    [Fact]
    public async Task An_answer_may_be_lost_after_the_work_and_a_token_may_die()
    {
        var token = await TokenAsync();
        var made = await CreateAsync(token, ("image_url", File("a.jpg")));
        _instagram.Advance(2);
        _instagram.Sim.Faults.Add(new Fault { Path = "/media_publish", After = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => PublishAsync(token, made));
        Assert.Single(await _instagram.JournalAsync());
        Assert.Equal("PUBLISHED", await StatusAsync(token, made));
        _instagram.Sim.Accounts[0].Traits["dead"] = "460";
        Assert.Equal(460, Subcode(await _instagram.GetAsync("/v26.0/me", token)));
        Assert.Equal(400, (await _instagram.GetAsync("/v20.0/me", token)).Code);
    }

    [Fact]
    public async Task A_scope_that_was_withheld_is_missed()
    {
        _instagram.Sim.Consent.Withhold = ["instagram_business_content_publish"];
        var answer = await CreateAsync(await TokenAsync(), ("image_url", File("a.jpg")));
        Assert.Equal((403, 10), (answer.Code, (int)answer.Json["error"]!["code"]!));
    }

    private static string Authorize => "/oauth/authorize?client_id=meta-app&response_type=code&state=s&redirect_uri="
        + Uri.EscapeDataString(Back) + "&scope=instagram_business_basic,instagram_business_content_publish";

    private string File(string name) => _files.Address + "/" + name;

    private async Task<string> CodeAsync() => (await _instagram.ConsentAsync(Authorize))["code"]!;

    private Task<Answer> ExchangeAsync(string code) => _instagram.FormAsync("/oauth/access_token",
        [("client_id", "meta-app"), ("client_secret", "meta-secret"), ("grant_type", "authorization_code"),
            ("redirect_uri", Back), ("code", code)]);

    private async Task<string> TokenAsync() =>
        (string)(await ExchangeAsync(await CodeAsync())).Json["data"]![0]!["access_token"]!;

    private Task<Answer> LengthenAsync(string token) => _instagram.GetAsync(
        "/access_token?grant_type=ig_exchange_token&client_secret=meta-secret&access_token=" + token);

    private Task<Answer> RefreshAsync(string token) => _instagram.GetAsync(
        "/refresh_access_token?grant_type=ig_refresh_token&access_token=" + token);

    private Task<Answer> CreateAsync(string token, params (string Name, string Value)[] form) =>
        _instagram.FormAsync(Me + "/media", [.. form, ("access_token", token)]);

    private Task<Answer> PublishAsync(string token, Answer made) => _instagram.FormAsync(Me + "/media_publish",
        [("creation_id", Id(made)), ("access_token", token)]);

    private async Task<string> StatusAsync(string token, Answer made) => (string)(await _instagram.GetAsync(
        "/v26.0/" + Id(made) + "?fields=status_code,status", token)).Json["status_code"]!;

    private static string Id(Answer made) => (string)made.Json["id"]!;

    private static int Subcode(Answer answer) => (int)((JsonNode)answer.Json["error"]!)["error_subcode"]!;
}
