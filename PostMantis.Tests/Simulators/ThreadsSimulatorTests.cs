using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Threads;

namespace PostMantis.Tests.Simulators;

public sealed class ThreadsSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private const string Me = "/v1.0/17841405793187218";
    private FileServer _files = null!;
    private SimulatorClient _threads = null!;

    private ThreadsSettings Rules => (ThreadsSettings)_threads.Host.Network.Settings;

    public async ValueTask InitializeAsync()
    {
        _threads = await SimulatorClient.StartAsync("threads");
        _files = await FileServer.StartAsync();
        _files.Files["a.jpg"] = MediaBytes.Jpeg(1000, 1000);
        _files.Files["v.mp4"] = MediaBytes.Mp4(720, 1280);
    }

    public async ValueTask DisposeAsync()
    {
        await _threads.DisposeAsync();
        await _files.DisposeAsync();
    }

    [Fact]
    public async Task The_user_id_is_a_number_and_the_long_token_refreshes_after_a_day()
    {
        var short1 = await ExchangeAsync();
        Assert.Contains("\"user_id\":17841405793187218", short1.Text, StringComparison.Ordinal);
        var longer = await _threads.GetAsync("/access_token?grant_type=th_exchange_token&client_secret=meta-secret"
            + "&access_token=" + (string)short1.Json["access_token"]!);
        var refresh = "/refresh_access_token?grant_type=th_refresh_token&access_token="
            + (string)longer.Json["access_token"]!;
        Assert.Equal(400, (await _threads.GetAsync(refresh)).Code);
        _threads.Advance(86_400);
        Assert.Equal(200, (await _threads.GetAsync(refresh)).Code);
    }

    [Fact]
    public async Task A_text_a_picture_and_a_carousel_are_published_with_their_words()
    {
        var token = await TokenAsync();
        var text = await CreateAsync(token, ("media_type", "TEXT"), ("text", "Hello"));
        var image = await CreateAsync(token, ("media_type", "IMAGE"), ("image_url", File("a.jpg")), ("alt_text", "a"));
        var one = await CreateAsync(token, ("media_type", "IMAGE"), ("image_url", File("a.jpg")),
            ("is_carousel_item", "true"));
        var two = await CreateAsync(token, ("media_type", "VIDEO"), ("video_url", File("v.mp4")),
            ("is_carousel_item", "true"));
        Assert.Equal(400, (await PublishAsync(token, text)).Code);
        _threads.Advance(2);
        var both = await CreateAsync(token, ("media_type", "CAROUSEL"), ("children", Id(one) + "," + Id(two)),
            ("text", "Two"));
        _threads.Advance(2);
        foreach (var made in new[] { text, image, both }) Assert.Equal(200, (await PublishAsync(token, made)).Code);
        Assert.Equal(400, (await PublishAsync(token, text)).Code);
        var journal = await _threads.JournalAsync();
        Assert.Equal(["Hello", "", "Two"], journal.Select(entry => entry.Text));
        Assert.Equal([0, 1, 2], journal.Select(entry => entry.Files.Count));
        var list = await _threads.GetAsync(Me + "/threads?fields=id,text,media_type&limit=3", token);
        Assert.Equal(3, list.Json["data"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_reply_wants_its_permission_and_its_parent()
    {
        var token = await TokenAsync();
        var root = await CreateAsync(token, ("media_type", "TEXT"), ("text", "Root"));
        _threads.Advance(2);
        var id = Id(await PublishAsync(token, root));
        var made = await CreateAsync(token, ("media_type", "TEXT"), ("text", "Reply"), ("reply_to_id", id));
        _threads.Advance(2);
        Assert.Equal(200, (await PublishAsync(token, made)).Code);
        var entry = (await _threads.JournalAsync())[1];
        Assert.Equal(("reply", id), (entry.Kind, entry.Details["parent"]));
        _threads.Sim.Consent.Withhold = ["threads_manage_replies"];
        Assert.Equal(403, (await CreateAsync(await TokenAsync(), ("media_type", "TEXT"), ("text", "Reply"),
            ("reply_to_id", id))).Code);
    }

    [Theory]
    [InlineData(500, "", 200)]
    [InlineData(501, "", 400)]
    [InlineData(496, "😀", 200)]
    [InlineData(497, "😀", 400)]
    [InlineData(498, "世界", 200)]
    public async Task Words_are_counted_with_emoji_as_bytes(int letters, string tail, int status) =>
        Assert.Equal(status, (await CreateAsync(await TokenAsync(), ("media_type", "TEXT"),
            ("text", new string('a', letters) + tail))).Code);

    [Theory]
    [InlineData(5, 200)]
    [InlineData(6, 400)]
    public async Task Links_are_counted(int links, int status)
    {
        var text = string.Join(' ', Enumerable.Range(0, links).Select(at => "https://a.example/" + at));
        var answer = await CreateAsync(await TokenAsync(), ("media_type", "TEXT"), ("text", text));
        Assert.Equal(status, answer.Code);
    }

    [Fact]
    public async Task Media_that_cannot_be_used_ends_in_an_error_with_its_reason()
    {
        var token = await TokenAsync();
        _files.Files["long"] = MediaBytes.Mp4(720, 1280, 301);
        _files.Files["wide"] = MediaBytes.Jpeg(1101, 100);
        (string Type, string Name, string File, string Reason)[] cases =
        [
            ("VIDEO", "video_url", "long", "INVALID_DURATION"),
            ("VIDEO", "video_url", "none", "FAILED_DOWNLOADING_VIDEO"),
            ("IMAGE", "image_url", "wide", "INVALID_ASPEC_RATIO"),
        ];
        foreach (var (type, name, file, reason) in cases)
        {
            var made = await CreateAsync(token, ("media_type", type), (name, File(file)));
            _threads.Advance(2);
            var status = await _threads.GetAsync("/v1.0/" + Id(made) + "?fields=status,error_message", token);
            Assert.Equal(("ERROR", reason), ((string)status.Json["status"]!, (string)status.Json["error_message"]!));
        }
    }

    [Fact]
    public async Task The_quota_is_enforced_at_publish_and_an_answer_may_be_lost()
    {
        Rules.PostsPerDay = 1;
        var token = await TokenAsync();
        var (one, two) = (await CreateAsync(token, ("media_type", "TEXT"), ("text", "1")),
            await CreateAsync(token, ("media_type", "TEXT"), ("text", "2")));
        _threads.Advance(2);
        _threads.Sim.Faults.Add(new Fault { Path = "threads_publish", After = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => PublishAsync(token, one));
        Assert.Equal(400, (await PublishAsync(token, two)).Code);
        Assert.Single(await _threads.JournalAsync());
        var limit = await _threads.GetAsync(Me + "/threads_publishing_limit?fields=quota_usage,config", token);
        Assert.Equal(1, (int)limit.Json["data"]![0]!["quota_usage"]!);
    }

    private string File(string name) => _files.Address + "/" + name;

    private async Task<Answer> ExchangeAsync()
    {
        var back = await _threads.ConsentAsync("/oauth/authorize?client_id=meta-app&response_type=code&state=s"
            + "&scope=threads_basic,threads_content_publish,threads_manage_replies&redirect_uri="
            + Uri.EscapeDataString(Back));
        return await _threads.FormAsync("/oauth/access_token",
            [("client_id", "meta-app"), ("client_secret", "meta-secret"), ("grant_type", "authorization_code"),
                ("redirect_uri", Back), ("code", back["code"]!)]);
    }

    private async Task<string> TokenAsync() => (string)(await ExchangeAsync()).Json["access_token"]!;

    private Task<Answer> CreateAsync(string token, params (string Name, string Value)[] form) =>
        _threads.FormAsync(Me + "/threads", [.. form, ("access_token", token)]);

    private Task<Answer> PublishAsync(string token, Answer made) => _threads.FormAsync(Me + "/threads_publish",
        [("creation_id", Id(made)), ("access_token", token)]);

    private static string Id(Answer made) => (string)made.Json["id"]!;
}
