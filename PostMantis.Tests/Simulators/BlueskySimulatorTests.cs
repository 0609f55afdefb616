using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bluesky;
using PostMantis.Simulators.Bones;

namespace PostMantis.Tests.Simulators;

public sealed class BlueskySimulatorTests : IAsyncLifetime
{
    private const string Ann = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Key = "3mbd3542k2222";
    private const string Challenge = "S285cFevVoyrvCpYNATAl6MSTQJ7IuEQoWk3B7iDosQ";
    private const string Xrpc = "/xrpc/com.atproto.";
    private SimulatorClient _sky = null!;

    private BlueskySettings Rules => (BlueskySettings)_sky.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _sky = await SimulatorClient.StartAsync("bluesky");

    public ValueTask DisposeAsync() => _sky.DisposeAsync();

    [Fact]
    public void Record_keys_and_content_names_are_the_known_ones()
    {
        var time = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal("3mbd3542k2222", Tid.At(time, 0));
        Assert.Equal("3mbd3542k2227", Tid.At(time, 5));
        Assert.Equal("2222222222222", Tid.At(DateTimeOffset.UnixEpoch, 0));
        Assert.True(Tid.IsOne("3mbd3542k2222"));
        Assert.False(Tid.IsOne("zmbd3542k2222"));
        Assert.False(Tid.IsOne("3mbd3542k222"));
        Assert.Equal("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", Cid.OfBytes([]));
        Assert.Equal("bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua", Cid.OfRecord(new JsonObject()));
    }

    [Fact]
    public async Task An_app_password_opens_a_session_that_names_the_server()
    {
        var session = (await LoginAsync()).Json;
        Assert.Equal((Ann, "ann.test"), ((string)session["did"]!, (string)session["handle"]!));
        Assert.Equal(_sky.Host.Address.OriginalString.TrimEnd('/'),
            (string)session["didDoc"]!["service"]![0]!["serviceEndpoint"]!);
        var wrong = await LoginAsync("nope");
        Assert.Equal((401, "AuthenticationRequired"), (wrong.Code, Error(wrong)));
        _sky.Sim.FindAccount("ann.test")!.Traits["secondFactor"] = "yes";
        Assert.Equal("AuthFactorTokenRequired", Error(await LoginAsync("main-ann")));
        Assert.Equal(200, (await LoginAsync()).Code);
        _sky.Sim.FindAccount("ann.test")!.Traits["takedown"] = "yes";
        Assert.Equal("AccountTakedown", Error(await LoginAsync()));
        Assert.Equal(Ann, (string)(await _sky.GetAsync(Xrpc + "identity.resolveHandle?handle=ann.test")).Json["did"]!);
        Assert.Equal(400, (await _sky.GetAsync(Xrpc + "identity.resolveHandle?handle=no.test")).Code);
    }

    [Fact]
    public async Task Access_lasts_two_hours_and_a_used_refresh_token_two_more()
    {
        var first = (await LoginAsync()).Json;
        _sky.Advance(7200);
        var late = await _sky.GetAsync(Xrpc + "server.getSession", (string)first["accessJwt"]!);
        Assert.Equal((400, "ExpiredToken"), (late.Code, Error(late)));
        var second = await RefreshAsync((string)first["refreshJwt"]!);
        Assert.Equal(200, (await _sky.GetAsync(Xrpc + "server.getSession", (string)second.Json["accessJwt"]!)).Code);
        _sky.Advance(7199);
        var third = await RefreshAsync((string)first["refreshJwt"]!);
        Assert.Equal(200, third.Code);
        _sky.Advance(1);
        Assert.Equal("ExpiredToken", Error(await RefreshAsync((string)first["refreshJwt"]!)));
        Assert.Equal("InvalidToken", Error(await RefreshAsync((string)third.Json["accessJwt"]!)));
        Assert.Equal(200, (await PostAsync(Xrpc + "server.deleteSession", null,
            (string)third.Json["refreshJwt"]!)).Code);
        Assert.Equal("InvalidToken", Error(await _sky.GetAsync(Xrpc + "server.getSession",
            (string)third.Json["accessJwt"]!)));
        Assert.Equal("AuthMissing", Error(await _sky.GetAsync(Xrpc + "server.getSession")));
    }

    [Fact]
    public async Task Thirty_sign_ins_in_five_minutes_are_all()
    {
        for (var at = 0; at < 30; at++) Assert.Equal(200, (await LoginAsync()).Code);
        var refused = await LoginAsync();
        Assert.Equal((429, "RateLimitExceeded", "30;w=300"),
            (refused.Code, Error(refused), refused.Header("RateLimit-Policy")));
        _sky.Advance(300);
        Assert.Equal(200, (await LoginAsync()).Code);
    }

    [Fact]
    public async Task Putting_the_same_record_again_does_nothing_and_another_is_refused()
    {
        var token = await TokenAsync();
        var first = await PutAsync(Post("hello"), token);
        Assert.Equal($"at://{Ann}/app.bsky.feed.post/{Key}", (string)first.Json["uri"]!);
        Assert.NotNull(first.Json["commit"]);
        Assert.Equal("valid", (string)first.Json["validationStatus"]!);
        var again = await PutAsync(Post("hello"), token);
        Assert.Equal((string)first.Json["cid"]!, (string)again.Json["cid"]!);
        Assert.Null(again.Json["commit"]);
        var other = await PutAsync(Post("other"), token);
        Assert.Equal((400, "InvalidSwap"), (other.Code, Error(other)));
        Assert.Equal("hello", Assert.Single(await _sky.JournalAsync()).Text);
        Rules.PutIsNoOp = false;
        Assert.Equal("InvalidSwap", Error(await PutAsync(Post("hello"), token)));
    }

    [Fact]
    public async Task Creating_at_a_taken_key_is_a_server_error_and_without_a_key_makes_two()
    {
        var token = await TokenAsync();
        JsonObject Body(string? key) => new()
        {
            ["repo"] = Ann,
            ["collection"] = "app.bsky.feed.post",
            ["rkey"] = key,
            ["record"] = Post("same"),
        };
        Assert.Equal(200, (await PostAsync(Xrpc + "repo.createRecord", Body(Key), token)).Code);
        var second = await PostAsync(Xrpc + "repo.createRecord", Body(Key), token);
        Assert.Equal((500, "InternalServerError"), (second.Code, Error(second)));
        Assert.Equal(200, (await PostAsync(Xrpc + "repo.createRecord", Body(null), token)).Code);
        Assert.Equal(2, (await _sky.JournalAsync()).Count);
    }

    [Fact]
    public async Task Records_are_found_listed_and_deleted_without_a_token()
    {
        var token = await TokenAsync();
        await PutAsync(Post("one"), token, "3mbd3542k2222");
        await PutAsync(Post("two"), token, "3mbd3542k2223");
        var list = (await _sky.GetAsync($"{Xrpc}repo.listRecords?repo={Ann}&collection=app.bsky.feed.post&limit=1")).Json;
        Assert.Equal("two", (string)list["records"]![0]!["value"]!["text"]!);
        var rest = (await _sky.GetAsync($"{Xrpc}repo.listRecords?repo=ann.test&collection=app.bsky.feed.post&cursor="
            + (string)list["cursor"]!)).Json;
        Assert.Equal("one", (string)Assert.Single(rest["records"]!.AsArray())!["value"]!["text"]!);
        Assert.Equal(200, (await GetRecordAsync("3mbd3542k2222")).Code);
        var missing = await GetRecordAsync("3mbd3542k2224");
        Assert.Equal((400, "RecordNotFound"), (missing.Code, Error(missing)));
        var gone = new JsonObject { ["repo"] = Ann, ["collection"] = "app.bsky.feed.post", ["rkey"] = "3mbd3542k2222" };
        for (var at = 0; at < 2; at++)
            Assert.Equal(200, (await PostAsync(Xrpc + "repo.deleteRecord", gone.DeepClone(), token)).Code);
        Assert.Equal(400, (await GetRecordAsync("3mbd3542k2222")).Code);
    }

    [Fact]
    public async Task Three_hundred_graphemes_fit_whatever_they_are_made_of()
    {
        var token = await TokenAsync();
        Assert.Equal(200, (await PutAsync(Post(string.Concat(Enumerable.Repeat("é🇫🇷", 150))), token)).Code);
        Assert.Equal(400, (await PutAsync(Post(new string('a', 301)), token, "3mbd3542k2223")).Code);
        var family = string.Concat(Enumerable.Repeat("👨‍👩‍👧‍👦", 120));
        Assert.Equal(3000, Encoding.UTF8.GetByteCount(family));
        Assert.Equal(200, (await PutAsync(Post(family), token, "3mbd3542k2224")).Code);
        Assert.Equal(400, (await PutAsync(Post(family + "a"), token, "3mbd3542k2225")).Code);
        Assert.Equal(400, (await PutAsync(Post("x"), token, "not-a-tid")).Code);
    }

    [Fact]
    public async Task Facets_count_bytes()
    {
        var token = await TokenAsync();
        var post = Post("Café ☕ see https://ex.am/p #go");
        post["facets"] = JsonNode.Parse("""
            [{"index":{"byteStart":14,"byteEnd":29},"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://ex.am/p"}]},
             {"index":{"byteStart":30,"byteEnd":33},"features":[{"$type":"app.bsky.richtext.facet#tag","tag":"go"}]}]
            """);
        Assert.Equal(200, (await PutAsync((JsonObject)post.DeepClone(), token)).Code);
        foreach (var (start, end) in ((int, int)[])[(30, 34), (28, 33), (-1, 3), (33, 33)])
        {
            post["facets"]![1]!["index"] = new JsonObject { ["byteStart"] = start, ["byteEnd"] = end };
            Assert.Equal(400, (await PutAsync((JsonObject)post.DeepClone(), token, "3mbd3542k2223")).Code);
        }
    }

    [Theory]
    [InlineData("""{"langs":["en","fr","de"]}""", true)]
    [InlineData("""{"langs":["en","fr","de","it"]}""", false)]
    [InlineData("""{"langs":["english!"]}""", false)]
    [InlineData("""{"createdAt":"yesterday"}""", false)]
    [InlineData("""{"createdAt":"2026-01-01"}""", false)]
    [InlineData("""{"tags":["a","b","c","d","e","f","g","h"]}""", true)]
    [InlineData("""{"tags":["a","b","c","d","e","f","g","h","i"]}""", false)]
    [InlineData("""{"text":7}""", false)]
    [InlineData("""{"reply":{"root":{"uri":"at://x/y/z","cid":"bafyreiabc"}}}""", false)]
    [InlineData("""{"reply":{"root":{"uri":"at://x/y/z","cid":"bafyreiabc"},"parent":{"uri":"at://x/y/z","cid":"bafyreiabc"}}}""", true)]
    [InlineData("""{"facets":[{"index":{"byteStart":0,"byteEnd":1},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"ann.test"}]}]}""", false)]
    [InlineData("""{"facets":[{"index":{"byteStart":0,"byteEnd":1},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:a"}]}]}""", true)]
    [InlineData("""{"embed":{"$type":"app.bsky.embed.external","external":{"uri":"https://a.example","title":"t","description":"d"}}}""", true)]
    [InlineData("""{"embed":{"$type":"app.bsky.embed.external","external":{"uri":"https://a.example"}}}""", false)]
    [InlineData("""{"embed":{"$type":"app.bsky.embed.images","images":[]}}""", false)]
    [InlineData("""{"embed":{"$type":"app.bsky.embed.surprise"}}""", false)]
    public async Task The_schema_is_checked(string change, bool fits)
    {
        var post = Post("hello");
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) post[name] = value?.DeepClone();
        var answer = await PutAsync(post, await TokenAsync());
        Assert.Equal(fits ? 200 : 400, answer.Code);
        if (!fits) Assert.Equal("InvalidRequest", Error(answer));
    }

    [Fact]
    public async Task Images_up_to_two_million_bytes_are_shown_with_their_words()
    {
        var token = await TokenAsync();
        var edge = await BlobAsync(MediaBytes.Jpeg(size: 2_000_000), "image/jpeg", token);
        var tooLarge = await BlobAsync(MediaBytes.Jpeg(size: 2_000_001), "image/jpeg", token);
        Assert.Equal(200, (await PutAsync(Images(edge), token)).Code);
        Assert.Equal(400, (await PutAsync(Images(tooLarge), token, "3mbd3542k2223")).Code);
        var file = Assert.Single(Assert.Single(await _sky.JournalAsync()).Files);
        Assert.Equal((2_000_000, "alt 0"), (file.Size, file.AltText));
        var five = Enumerable.Range(0, 5).Select(_ => edge).ToArray();
        Assert.Equal(200, (await PutAsync(Images(five[..4]), token, "3mbd3542k2224")).Code);
        Assert.Equal(400, (await PutAsync(Images(five), token, "3mbd3542k2225")).Code);
        var noAlt = Images(edge);
        noAlt["embed"]!["images"]![0]!.AsObject().Remove("alt");
        Assert.Equal(400, (await PutAsync(noAlt, token, "3mbd3542k2226")).Code);
    }

    [Fact]
    public async Task A_gallery_holds_twenty_and_wants_ratios()
    {
        var token = await TokenAsync();
        var blob = await BlobAsync(MediaBytes.Png(), "image/png", token);
        JsonObject Gallery(int count, bool ratio)
        {
            var post = Post("g");
            post["embed"] = new JsonObject
            {
                ["$type"] = "app.bsky.embed.gallery",
                ["items"] = new JsonArray([.. Enumerable.Range(0, count).Select(_ =>
                {
                    var item = new JsonObject
                    {
                        ["$type"] = "app.bsky.embed.gallery#image",
                        ["image"] = blob.DeepClone(),
                        ["alt"] = "",
                    };
                    if (ratio) item["aspectRatio"] = new JsonObject { ["width"] = 4, ["height"] = 3 };
                    return item;
                })]),
            };
            return post;
        }
        Assert.Equal(200, (await PutAsync(Gallery(20, true), token)).Code);
        Assert.Equal(400, (await PutAsync(Gallery(21, true), token, "3mbd3542k2223")).Code);
        Assert.Equal(400, (await PutAsync(Gallery(5, false), token, "3mbd3542k2224")).Code);
    }

    [Fact]
    public async Task Blobs_must_be_there_as_they_were_given_and_are_forgotten_after_an_hour()
    {
        var token = await TokenAsync();
        var blob = await BlobAsync(MediaBytes.Png(), "image/jpeg", token);
        Assert.Equal("image/png", (string)blob["mimeType"]!);
        var lying = (JsonObject)blob.DeepClone();
        lying["mimeType"] = "image/jpeg";
        Assert.Equal("InvalidMimeType", Error(await PutAsync(Images(lying), token)));
        lying = (JsonObject)blob.DeepClone();
        lying["size"] = 5;
        Assert.Equal("InvalidSize", Error(await PutAsync(Images(lying), token)));
        _sky.Advance(3599);
        Assert.Equal(200, (await PutAsync(Images(blob), token)).Code);
        var second = await BlobAsync(MediaBytes.Png(41), "image/png", token);
        _sky.Advance(3600);
        Assert.Equal("BlobNotFound", Error(await PutAsync(Images(second), await TokenAsync(), "3mbd3542k2223")));
        Assert.Equal(200, (await PutAsync(Images(blob), await TokenAsync(), "3mbd3542k2224")).Code);
    }

    [Fact]
    public async Task A_blob_larger_than_the_server_takes_is_refused()
    {
        Rules.BlobBytes = 100;
        var token = await TokenAsync();
        Assert.Equal(200, (await BlobAnswerAsync(MediaBytes.Jpeg(size: 100), "image/jpeg", token)).Code);
        Assert.Equal(413, (await BlobAnswerAsync(MediaBytes.Jpeg(size: 101), "image/jpeg", token)).Code);
    }

    [Fact]
    public async Task Points_run_out_and_say_so_in_headers()
    {
        Rules.PointsPerHour = 5;
        var token = await TokenAsync();
        var first = await PutAsync(Post("1"), token, "3mbd3542k2222");
        Assert.Equal(("5", "3", "5;w=3600"), (first.Header("RateLimit-Limit"), first.Header("RateLimit-Remaining"),
            first.Header("RateLimit-Policy")));
        Assert.Equal(200, (await PutAsync(Post("2"), token, "3mbd3542k2223")).Code);
        var refused = await PutAsync(Post("3"), token, "3mbd3542k2224");
        Assert.Equal((429, "RateLimitExceeded"), (refused.Code, Error(refused)));
        Assert.Equal(SimulatorClient.Start.AddHours(1).ToUnixTimeSeconds(),
            long.Parse(refused.Header("RateLimit-Reset"), CultureInfo.InvariantCulture));
        Assert.Equal((5000, 35_000), (new BlueskySettings().PointsPerHour, new BlueskySettings().PointsPerDay));
    }

    [Fact]
    public async Task A_film_becomes_a_blob_by_a_job_and_the_same_film_is_known()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4();
        var service = await ServiceTokenAsync(token, "com.atproto.repo.uploadBlob");
        var job = (await VideoAsync(film, service)).Json["jobStatus"]!;
        Assert.Equal("JOB_STATE_CREATED", (string)job["state"]!);
        var id = (string)job["jobId"]!;
        _sky.Advance(1);
        Assert.Equal("JOB_STATE_SCANNING", (string)(await JobAsync(id))["state"]!);
        _sky.Advance(1);
        var done = await JobAsync(id);
        Assert.Equal("JOB_STATE_COMPLETED", (string)done["state"]!);
        var post = Post("film");
        post["embed"] = new JsonObject
        {
            ["$type"] = "app.bsky.embed.video",
            ["video"] = done["blob"]!.DeepClone(),
            ["alt"] = "a film",
        };
        Assert.Equal(200, (await PutAsync(post, token)).Code);
        Assert.Equal("a film", Assert.Single(await _sky.JournalAsync()).Files[0].AltText);
        var again = await VideoAsync(film, service);
        Assert.Equal((409, "already_exists"), (again.Code, (string)again.Json["jobStatus"]!["error"]!));
        Assert.NotNull(again.Json["jobStatus"]!["blob"]);
    }

    [Fact]
    public async Task The_video_service_wants_its_token_a_real_film_and_room_in_the_day()
    {
        var token = await TokenAsync();
        Assert.Equal(401, (await VideoAsync(MediaBytes.Mp4(), token)).Code);
        var service = await ServiceTokenAsync(token, "com.atproto.repo.uploadBlob");
        foreach (var (film, state) in ((byte[], string)[])[
            (MediaBytes.Mp4(seconds: 180), "JOB_STATE_COMPLETED"), (MediaBytes.Mp4(seconds: 180.1), "JOB_STATE_FAILED"),
            ("no film"u8.ToArray(), "JOB_STATE_FAILED")])
        {
            var id = (string)(await VideoAsync(film, service)).Json["jobStatus"]!["jobId"]!;
            _sky.Advance(2);
            Assert.Equal(state, (string)(await JobAsync(id))["state"]!);
        }
        var limits = await ServiceTokenAsync(token, "app.bsky.video.getUploadLimits", "did:web:video.bsky.app");
        var left = (await _sky.GetAsync("/xrpc/app.bsky.video.getUploadLimits", limits)).Json;
        Assert.Equal((true, 22), ((bool)left["canUpload"]!, (int)left["remainingDailyVideos"]!));
        Rules.VideosPerDay = 3;
        Assert.Equal(429, (await VideoAsync(MediaBytes.Mp4(700), service)).Code);
        Rules.VideosPerDay = 25;
        Rules.VideoBytes = 2000;
        Assert.Equal(413, (await VideoAsync(MediaBytes.Mp4(size: 2001), service)).Code);
        Assert.Equal(200, (await VideoAsync(MediaBytes.Mp4(size: 2000), service)).Code);
        _sky.Sim.FindAccount(Ann)!.Traits["emailUnconfirmed"] = "yes";
        Assert.Equal(401, (await VideoAsync(MediaBytes.Mp4(710), service)).Code);
        Assert.Equal("BadExpiration", Error(await _sky.GetAsync($"{Xrpc}server.getServiceAuth?aud=did:web:x&lxm=a&exp="
            + _sky.Clock.GetUtcNow().AddSeconds(3601).ToUnixTimeSeconds(), token)));
        Assert.Equal(300_000_000, new BlueskySettings().VideoBytes);
    }

    [Fact]
    public async Task A_large_film_goes_in_parts_that_may_be_sent_twice()
    {
        Rules.PartBytes = 1000;
        var service = await ServiceTokenAsync(await TokenAsync(), "com.atproto.repo.uploadBlob");
        var film = MediaBytes.Mp4(size: 2500);
        var start = (await PostAsync("/xrpc/app.bsky.video.startUpload",
            new JsonObject { ["sizeBytes"] = 2500, ["mimeType"] = "video/mp4" }, service)).Json;
        Assert.Equal((1000, 3), ((int)start["partSizeBytes"]!, (int)start["partCount"]!));
        var id = (string)start["jobId"]!;
        Task<Answer> Part(int number, byte[] bytes) => _sky.BytesAsync(HttpMethod.Post,
            $"/xrpc/app.bsky.video.uploadPart?jobId={id}&partNumber={number}", bytes, "video/mp4", service);
        Task<Answer> Finish() =>
            PostAsync("/xrpc/app.bsky.video.finishUpload", new JsonObject { ["jobId"] = id }, service);
        Assert.Equal(200, (await Part(3, film[2000..])).Code);
        Assert.Equal(400, (await Part(0, film[..1000])).Code);
        Assert.Equal(400, (await Part(1, film[..999])).Code);
        Assert.Equal(400, (await Finish()).Code);
        for (var at = 0; at < 2; at++) Assert.Equal(200, (await Part(1, film[..1000])).Code);
        Assert.Equal(200, (await Part(2, film[1000..2000])).Code);
        var job = (string)(await Finish()).Json["completedJobId"]!;
        Assert.Equal(job, (string)(await Finish()).Json["completedJobId"]!);
        _sky.Advance(2);
        Assert.Equal("JOB_STATE_COMPLETED", (string)(await JobAsync(job))["state"]!);
    }

    [Fact]
    public async Task OAuth_wants_pushed_requests_nonces_and_the_same_key()
    {
        using var key = new DpopKey();
        var metadata = (await _sky.GetAsync("/.well-known/oauth-authorization-server")).Json;
        Assert.True((bool)metadata["require_pushed_authorization_requests"]!);
        var unproven = await ProvenAsync(key, "/oauth/par", Par(), null);
        Assert.Equal((400, "use_dpop_nonce"), (unproven.Code, Error(unproven)));
        var nonce = unproven.Header("DPoP-Nonce");
        var pushed = await ProvenAsync(key, "/oauth/par", Par(), nonce);
        Assert.Equal(201, pushed.Code);
        Assert.Equal(400, (await ProvenAsync(key, "/oauth/par", Par("transition:generic"), nonce)).Code);
        var query = await AuthorizeAsync(pushed);
        Assert.Equal((string)metadata["issuer"]!, query["iss"]);
        using var stranger = new DpopKey();
        var stolen = await ProvenAsync(stranger, "/oauth/token", Exchange(query["code"]!), nonce);
        Assert.Equal("invalid_grant", Error(stolen));

        query = await AuthorizeAsync(await ProvenAsync(key, "/oauth/par", Par(), nonce));
        var tokens = (await ProvenAsync(key, "/oauth/token", Exchange(query["code"]!), nonce)).Json;
        Assert.Equal((Ann, "DPoP", 1800),
            ((string)tokens["sub"]!, (string)tokens["token_type"]!, (int)tokens["expires_in"]!));
        var access = (string)tokens["access_token"]!;
        var blind = await CallAsync(key, access, null);
        Assert.Equal((401, "use_dpop_nonce"), (blind.Code, Error(blind)));
        Assert.Equal(200, (await CallAsync(key, access, blind.Header("DPoP-Nonce"))).Code);
        Assert.Equal(401, (await CallAsync(stranger, access, nonce)).Code);
        Assert.Equal("InvalidToken", Error(await _sky.GetAsync(Xrpc + "server.getSession", access)));

        (string, string)[] refresh = [("grant_type", "refresh_token"), ("client_id", ClientId),
            ("refresh_token", (string)tokens["refresh_token"]!)];
        var second = (await ProvenAsync(key, "/oauth/token", refresh, nonce)).Json;
        Assert.Equal(200, (await CallAsync(key, (string)second["access_token"]!, nonce)).Code);
        Assert.Equal("invalid_grant", Error(await ProvenAsync(key, "/oauth/token", refresh, nonce)));
        Assert.Equal(401, (await CallAsync(key, (string)second["access_token"]!, nonce)).Code);
    }

    [Fact]
    public async Task A_nonce_and_an_access_token_grow_old_and_a_proof_serves_once()
    {
        using var key = new DpopKey();
        var nonce = (await ProvenAsync(key, "/oauth/par", Par(), null)).Header("DPoP-Nonce");
        var query = await AuthorizeAsync(await ProvenAsync(key, "/oauth/par", Par(), nonce));
        var tokens = (await ProvenAsync(key, "/oauth/token", Exchange(query["code"]!), nonce)).Json;
        var access = (string)tokens["access_token"]!;
        var uri = new Uri(_sky.Host.Address, Xrpc + "server.getSession").ToString();
        var proof = key.Proof("GET", uri, _sky.Clock.GetUtcNow(), nonce, access);
        Assert.Equal(200, (await WithProofAsync(proof, access)).Code);
        Assert.Equal("invalid_dpop_proof", Error(await WithProofAsync(proof, access)));
        _sky.Advance(360);
        var stale = await CallAsync(key, access, nonce);
        Assert.Equal("use_dpop_nonce", Error(stale));
        Assert.Equal(200, (await CallAsync(key, access, stale.Header("DPoP-Nonce"))).Code);
        _sky.Advance(1440);
        var fresh = (await CallAsync(key, access, null)).Header("DPoP-Nonce");
        var expired = await CallAsync(key, access, fresh);
        Assert.Equal((401, "invalid_token"), (expired.Code, Error(expired)));
    }

    [Fact]
    public async Task A_web_app_proves_itself_by_its_key_and_a_person_may_refuse()
    {
        await using var files = await FileServer.StartAsync();
        using var key = new DpopKey();
        using var own = new DpopKey();
        var id = $"{files.Address}/client.json";
        var published = own.Public;
        published["kid"] = "k1";
        files.Files["client.json"] = Encoding.UTF8.GetBytes(new JsonObject
        {
            ["client_id"] = id,
            ["dpop_bound_access_tokens"] = true,
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["response_types"] = new JsonArray("code"),
            ["redirect_uris"] = new JsonArray("https://app.example/callback"),
            ["scope"] = "atproto repo:app.bsky.feed.post blob:*/*",
            ["token_endpoint_auth_method"] = "private_key_jwt",
            ["jwks"] = new JsonObject { ["keys"] = new JsonArray(published) },
        }.ToJsonString());
        var nonce = (await ProvenAsync(key, "/oauth/par", [], null)).Header("DPoP-Nonce");
        var count = 0;
        (string, string)[] Signed((string, string)[] form, DpopKey signer) =>
        [
            .. form.Where(pair => pair.Item1 != "client_id"), ("client_id", id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", signer.Sign(new JsonObject { ["kid"] = "k1" }, new JsonObject
            {
                ["iss"] = id,
                ["sub"] = id,
                ["aud"] = _sky.Host.Address.OriginalString.TrimEnd('/'),
                ["iat"] = _sky.Clock.GetUtcNow().ToUnixTimeSeconds(),
                ["jti"] = $"assertion-{count++}",
            })),
        ];
        var form = Par("atproto repo:app.bsky.feed.post blob:*/*", "https://app.example/callback");
        Assert.Equal("invalid_client", Error(await ProvenAsync(key, "/oauth/par", Signed(form, key), nonce)));
        var query = await AuthorizeAsync(await ProvenAsync(key, "/oauth/par", Signed(form, own), nonce), id);
        var tokens = (await ProvenAsync(key, "/oauth/token",
            Signed(Exchange(query["code"]!, "https://app.example/callback"), own), nonce)).Json;
        Assert.Equal("atproto repo:app.bsky.feed.post blob:*/*", (string)tokens["scope"]!);
        _sky.Sim.Consent.Deny = true;
        var refused = await AuthorizeAsync(await ProvenAsync(key, "/oauth/par", Signed(form, own), nonce), id);
        Assert.Equal("access_denied", refused["error"]);
    }

    [Fact]
    public async Task A_lost_answer_leaves_one_record_that_can_be_put_again()
    {
        var token = await TokenAsync();
        _sky.Sim.Faults.Add(new Fault { Path = "putRecord", After = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => PutAsync(Post("lost"), token));
        Assert.Equal(200, (await PutAsync(Post("lost"), token)).Code);
        Assert.Single(await _sky.JournalAsync());
    }

    private const string ClientId = "http://localhost?scope=atproto%20transition%3Ageneric&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback";

    private static string Error(Answer answer) => (string)answer.Json["error"]!;

    private Task<Answer> PostAsync(string path, JsonNode? body, string? token = null) =>
        _sky.PostAsync(path, body, token);

    private Task<Answer> LoginAsync(string password = "ann1-ann1-ann1-ann1") => PostAsync(Xrpc + "server.createSession",
        new JsonObject { ["identifier"] = "ann.test", ["password"] = password });

    private Task<Answer> RefreshAsync(string token) => PostAsync(Xrpc + "server.refreshSession", null, token);

    private async Task<string> TokenAsync() => (string)(await LoginAsync()).Json["accessJwt"]!;

    private static JsonObject Post(string text) => new()
    {
        ["$type"] = "app.bsky.feed.post",
        ["text"] = text,
        ["createdAt"] = "2026-01-01T00:00:00.000Z",
        ["langs"] = new JsonArray("en"),
    };

    private static JsonObject Images(params JsonObject[] blobs)
    {
        var post = Post("images");
        post["embed"] = new JsonObject
        {
            ["$type"] = "app.bsky.embed.images",
            ["images"] = new JsonArray([.. blobs.Select((blob, at) => new JsonObject
            {
                ["image"] = blob.DeepClone(),
                ["alt"] = $"alt {at}",
            })]),
        };
        return post;
    }

    private Task<Answer> PutAsync(JsonObject record, string token, string key = Key) =>
        PostAsync(Xrpc + "repo.putRecord", new JsonObject
        {
            ["repo"] = Ann,
            ["collection"] = "app.bsky.feed.post",
            ["rkey"] = key,
            ["swapRecord"] = null,
            ["validate"] = true,
            ["record"] = record,
        }, token);

    private Task<Answer> GetRecordAsync(string key) =>
        _sky.GetAsync($"{Xrpc}repo.getRecord?repo={Ann}&collection=app.bsky.feed.post&rkey={key}");

    private Task<Answer> BlobAnswerAsync(byte[] bytes, string type, string token) =>
        _sky.BytesAsync(HttpMethod.Post, Xrpc + "repo.uploadBlob", bytes, type, token);

    private async Task<JsonObject> BlobAsync(byte[] bytes, string type, string token) =>
        (await BlobAnswerAsync(bytes, type, token)).Json["blob"]!.AsObject();

    private async Task<string> ServiceTokenAsync(string token, string method, string? audience = null)
    {
        audience ??= "did:web:" + _sky.Host.Address.Authority.Replace(":", "%3A");
        return (string)(await _sky.GetAsync($"{Xrpc}server.getServiceAuth?aud={Uri.EscapeDataString(audience)}&lxm={method}"
            + $"&exp={_sky.Clock.GetUtcNow().AddMinutes(30).ToUnixTimeSeconds()}", token)).Json["token"]!;
    }

    private Task<Answer> VideoAsync(byte[] film, string token) => _sky.BytesAsync(HttpMethod.Post,
        $"/xrpc/app.bsky.video.uploadVideo?did={Ann}&name=v.mp4", film, "video/mp4", token);

    private async Task<JsonNode> JobAsync(string id) =>
        (await _sky.GetAsync("/xrpc/app.bsky.video.getJobStatus?jobId=" + id)).Json["jobStatus"]!;

    private static (string, string)[] Par(string scope = "atproto transition:generic",
        string back = "http://127.0.0.1/back") =>
    [
        ("client_id", ClientId), ("response_type", "code"), ("code_challenge", Challenge),
        ("code_challenge_method", "S256"), ("state", "s1"), ("redirect_uri", back), ("scope", scope),
    ];

    private static (string, string)[] Exchange(string code, string back = "http://127.0.0.1/back") =>
    [
        ("grant_type", "authorization_code"), ("client_id", ClientId), ("code", code), ("redirect_uri", back),
        ("code_verifier", SimulatorClient.Verifier),
    ];

    private Task<Answer> ProvenAsync(DpopKey key, string path, (string Name, string Value)[] form, string? nonce)
    {
        var uri = new Uri(_sky.Host.Address, path);
        var request = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
        };
        request.Headers.Add("DPoP", key.Proof("POST", uri.ToString(), _sky.Clock.GetUtcNow(), nonce));
        return _sky.SendAsync(request);
    }

    private Task<Answer> CallAsync(DpopKey key, string access, string? nonce) => WithProofAsync(key.Proof("GET",
        new Uri(_sky.Host.Address, Xrpc + "server.getSession").ToString(), _sky.Clock.GetUtcNow(), nonce, access),
            access);

    private Task<Answer> WithProofAsync(string proof, string access)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Xrpc + "server.getSession");
        request.Headers.Add("DPoP", proof);
        return _sky.SendAsync(request, access, "DPoP");
    }

    private Task<System.Collections.Specialized.NameValueCollection> AuthorizeAsync(Answer pushed,
        string id = ClientId) =>
        _sky.ConsentAsync($"/oauth/authorize?client_id={Uri.EscapeDataString(id)}&request_uri="
            + Uri.EscapeDataString((string)pushed.Json["request_uri"]!));
}
