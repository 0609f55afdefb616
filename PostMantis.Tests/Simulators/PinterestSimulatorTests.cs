using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Pinterest;

namespace PostMantis.Tests.Simulators;

public sealed class PinterestSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private FileServer _files = null!;
    private SimulatorClient _pinterest = null!;

    private PinterestSettings Rules => (PinterestSettings)_pinterest.Host.Network.Settings;

    public async ValueTask InitializeAsync()
    {
        _pinterest = await SimulatorClient.StartAsync("pinterest");
        _files = await FileServer.StartAsync();
        _files.Files["a.jpg"] = MediaBytes.Jpeg(600, 900);
        _files.Files["b.jpg"] = MediaBytes.Jpeg(601, 900);
    }

    public async ValueTask DisposeAsync()
    {
        await _pinterest.DisposeAsync();
        await _files.DisposeAsync();
    }

    [Fact]
    public async Task A_refresh_token_serves_once_and_an_access_token_thirty_days()
    {
        var first = (await ExchangeAsync()).Json;
        var second = await RefreshAsync((string)first["refresh_token"]!);
        Assert.NotEqual((string)first["refresh_token"]!, (string)second.Json["refresh_token"]!);
        Assert.Equal(401, (await RefreshAsync((string)first["refresh_token"]!)).Code);
        var token = (string)second.Json["access_token"]!;
        Assert.Equal(200, (await _pinterest.GetAsync("/v5/user_account", token)).Code);
        _pinterest.Advance(2_592_000);
        var late = await _pinterest.GetAsync("/v5/user_account", token);
        Assert.Equal((401, 2), (late.Code, (int)late.Json["code"]!));
    }

    [Fact]
    public async Task Boards_come_in_pages_without_the_secret_ones()
    {
        var token = await TokenAsync();
        var first = (await _pinterest.GetAsync("/v5/boards?page_size=2", token)).Json;
        var rest = (await _pinterest.GetAsync("/v5/boards?page_size=2&bookmark=" + (string)first["bookmark"]!,
            token)).Json;
        Assert.Equal(["Recipes", "Garden", "Ads"], first["items"]!.AsArray().Concat(rest["items"]!.AsArray())
            .Select(item => (string)item!["name"]!));
        Assert.Null(rest["bookmark"]);
        Assert.Equal(400, (await _pinterest.GetAsync("/v5/boards?page_size=251", token)).Code);
    }

    [Fact]
    public async Task The_same_pin_twice_is_two_pins()
    {
        var token = await TokenAsync();
        Assert.Equal(201, (await PinAsync(token, Picture())).Code);
        Assert.Equal(201, (await PinAsync(token, Picture())).Code);
        var journal = await _pinterest.JournalAsync();
        Assert.Equal(2, journal.Select(entry => entry.Id).Distinct().Count());
        var list = await _pinterest.GetAsync("/v5/boards/549755885175/pins?page_size=25", token);
        Assert.Equal(2, list.Json["items"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("title", 100, 201)]
    [InlineData("title", 101, 400)]
    [InlineData("description", 800, 201)]
    [InlineData("description", 801, 400)]
    [InlineData("alt_text", 500, 201)]
    [InlineData("alt_text", 501, 400)]
    public async Task Words_have_limits(string name, int length, int status) =>
        Assert.Equal(status, (await PinAsync(await TokenAsync(), Picture(), (name, new string('a', length)))).Code);

    [Theory]
    [InlineData(1, 400)]
    [InlineData(2, 201)]
    [InlineData(5, 201)]
    [InlineData(6, 400)]
    public async Task A_carousel_has_two_to_five_pictures(int count, int status) =>
        Assert.Equal(status, (await PinAsync(await TokenAsync(), Carousel(Enumerable.Repeat("a.jpg", count)))).Code);

    [Fact]
    public async Task Pictures_of_a_carousel_are_of_one_size_and_must_be_reachable()
    {
        var token = await TokenAsync();
        Assert.Equal(400, (await PinAsync(token, Carousel(["a.jpg", "b.jpg"]))).Code);
        var gone = await PinAsync(token, Picture("none"));
        Assert.Equal((400, "Unable to reach the URL"), (gone.Code, (string)gone.Json["message"]!));
    }

    [Fact]
    public async Task A_video_is_uploaded_processed_and_pinned_with_a_cover()
    {
        var token = await TokenAsync();
        var made = (await _pinterest.PostAsync("/v5/media", new JsonObject { ["media_type"] = "video" }, token)).Json;
        var id = (string)made["media_id"]!;
        var fields = made["upload_parameters"]!.AsObject().Select(pair => (pair.Key, (string)pair.Value!)).ToArray();
        Assert.Equal(403, (await _pinterest.UploadAsync("/s3/", MediaBytes.Mp4(), "file", null, fields[1..])).Code);
        Assert.Equal(204, (await _pinterest.UploadAsync("/s3/", MediaBytes.Mp4(), "file", null, fields)).Code);
        Assert.Equal("processing", (string)(await _pinterest.GetAsync("/v5/media/" + id, token)).Json["status"]!);
        var source = new JsonObject { ["source_type"] = "video_id", ["media_id"] = id };
        _pinterest.Advance(2);
        Assert.Equal(400, (await PinAsync(token, source.DeepClone())).Code);
        source["cover_image_key_frame_time"] = 1;
        Assert.Equal(201, (await PinAsync(token, source)).Code);
        Assert.Equal("video/mp4", Assert.Single(await _pinterest.JournalAsync()).Files[0].MimeType);
    }

    [Fact]
    public async Task Throttling_says_when_and_a_lost_answer_leaves_its_pin()
    {
        Rules.WritesPerMinute = 1;
        var token = await TokenAsync();
        _pinterest.Sim.Faults.Add(new Fault { Method = "POST", Path = "/v5/pins", After = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => PinAsync(token, Picture()));
        var slow = await PinAsync(token, Picture());
        Assert.Equal((429, 8, "60"), (slow.Code, (int)slow.Json["code"]!, slow.Header("x-ratelimit-reset")));
        Assert.Single(await _pinterest.JournalAsync());
        _pinterest.Advance(60);
        Assert.Equal(404, (await PinAsync(token, Picture(), ("board_id", "1"))).Code);
    }

    private JsonObject Picture(string name = "a.jpg") =>
        new() { ["source_type"] = "image_url", ["url"] = _files.Address + "/" + name };

    private JsonObject Carousel(IEnumerable<string> names) => new()
    {
        ["source_type"] = "multiple_image_urls",
        ["items"] = new JsonArray([.. names.Select(name => new JsonObject { ["url"] = _files.Address + "/" + name })]),
    };

    private Task<Answer> PinAsync(string token, JsonNode source, params (string Name, string Value)[] more)
    {
        var body = new JsonObject { ["board_id"] = "549755885175", ["media_source"] = source };
        foreach (var (name, value) in more) body[name] = value;
        return _pinterest.PostAsync("/v5/pins", body, token);
    }

    private async Task<Answer> ExchangeAsync()
    {
        var back = await _pinterest.ConsentAsync("/oauth/?client_id=pinterest-app&response_type=code&state=s"
            + "&scope=boards:read,boards:write,pins:read,pins:write,user_accounts:read&redirect_uri="
            + Uri.EscapeDataString(Back));
        return await _pinterest.FormAsync("/v5/oauth/token", [("grant_type", "authorization_code"),
            ("code", back["code"]!), ("redirect_uri", Back)], "pinterest-app:pinterest-secret");
    }

    private Task<Answer> RefreshAsync(string token) => _pinterest.FormAsync("/v5/oauth/token",
        [("grant_type", "refresh_token"), ("refresh_token", token)], "pinterest-app:pinterest-secret");

    private async Task<string> TokenAsync() => (string)(await ExchangeAsync()).Json["access_token"]!;
}
