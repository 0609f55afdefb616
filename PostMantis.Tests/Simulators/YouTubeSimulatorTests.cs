using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.YouTube;

namespace PostMantis.Tests.Simulators;

public sealed class YouTubeSimulatorTests : IAsyncLifetime
{
    private const string Scope = "https://www.googleapis.com/auth/youtube.upload "
        + "https://www.googleapis.com/auth/youtube.readonly https://www.googleapis.com/auth/youtube.force-ssl";
    private const string Back = "https://app.example/callback";
    private const int Grain = 262_144;
    private SimulatorClient _google = null!;

    private YouTubeSettings Rules => (YouTubeSettings)_google.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _google = await SimulatorClient.StartAsync("youtube");

    public ValueTask DisposeAsync() => _google.DisposeAsync();

    [Fact]
    public async Task Offline_access_gives_a_refresh_token_once_unless_consent_is_asked_again()
    {
        var first = (await ExchangeAsync(await CodeAsync("&access_type=offline"))).Json;
        Assert.Equal(3599, (int)first["expires_in"]!);
        Assert.NotNull(first["refresh_token"]);
        Assert.Null((await ExchangeAsync(await CodeAsync("&access_type=offline"))).Json["refresh_token"]);
        Assert.NotNull((await ExchangeAsync(await CodeAsync("&access_type=offline&prompt=consent"))).Json["refresh_token"]);
        Assert.Null((await ExchangeAsync(await CodeAsync("&prompt=consent"))).Json["refresh_token"]);
    }

    [Fact]
    public async Task A_refresh_token_stays_and_lives_while_it_is_used()
    {
        var token = (string)(await ExchangeAsync(await CodeAsync())).Json["refresh_token"]!;
        for (var at = 0; at < 3; at++)
        {
            _google.Advance(TimeSpan.FromDays(181).TotalSeconds);
            var again = await RefreshAsync(token);
            Assert.Equal(200, again.Code);
            Assert.Null(again.Json["refresh_token"]);
        }
        _google.Advance(TimeSpan.FromDays(182).TotalSeconds);
        var dead = await RefreshAsync(token);
        Assert.Equal((400, "invalid_grant"), (dead.Code, (string)dead.Json["error"]!));
    }

    [Fact]
    public async Task In_testing_a_refresh_token_dies_after_seven_days()
    {
        Rules.Testing = true;
        var token = (string)(await ExchangeAsync(await CodeAsync())).Json["refresh_token"]!;
        _google.Advance(TimeSpan.FromDays(7).TotalSeconds - 1);
        Assert.Equal(200, (await RefreshAsync(token)).Code);
        _google.Advance(1);
        Assert.Equal(400, (await RefreshAsync(token)).Code);
    }

    [Fact]
    public async Task The_oldest_of_too_many_refresh_tokens_dies_silently()
    {
        Rules.RefreshTokensPerUser = 2;
        var tokens = new List<string>();
        for (var at = 0; at < 3; at++)
        {
            tokens.Add((string)(await ExchangeAsync(await CodeAsync())).Json["refresh_token"]!);
            _google.Advance(1);
        }
        Assert.Equal(400, (await RefreshAsync(tokens[0])).Code);
        Assert.Equal(200, (await RefreshAsync(tokens[1])).Code);
        Assert.Equal(200, (await RefreshAsync(tokens[2])).Code);
    }

    [Fact]
    public async Task Revoking_either_token_ends_the_whole_grant()
    {
        var one = await TokenAsync();
        var two = (await ExchangeAsync(await CodeAsync())).Json;
        Assert.Equal(200, (await _google.FormAsync("/revoke?token=" + one, [])).Code);
        var refused = await _google.GetAsync("/youtube/v3/channels?mine=true", (string)two["access_token"]!);
        Assert.Equal((401, "authError"), (refused.Code, Reason(refused)));
        Assert.Equal(400, (await RefreshAsync((string)two["refresh_token"]!)).Code);
    }

    [Fact]
    public async Task Consent_is_checked_denied_and_partly_given()
    {
        Assert.Equal(400, (await _google.GetAsync("/o/oauth2/v2/auth?client_id=other&response_type=code")).Code);
        Assert.Equal("invalid_grant", (string)(await ExchangeAsync("4/none")).Json["error"]!);
        _google.Sim.Consent.Withhold = [GoogleConsent.Upload, GoogleConsent.ForceSsl];
        var token = await TokenAsync();
        var refused = await StartAsync(token, Words(), 10);
        Assert.Equal((403, "insufficientPermissions"), (refused.Code, Reason(refused)));
        _google.Sim.Consent.Deny = true;
        Assert.Equal("access_denied", (await _google.ConsentAsync(Authorize("")))["error"]);
    }

    [Fact]
    public async Task A_channel_has_a_name_and_a_list_of_uploads_and_some_people_have_none()
    {
        var item = (await _google.GetAsync("/youtube/v3/channels?part=snippet,contentDetails&mine=true",
            await TokenAsync())).Json["items"]![0]!;
        Assert.Equal("@annvideos", (string)item["snippet"]!["customUrl"]!);
        Assert.StartsWith("UU", (string)item["contentDetails"]!["relatedPlaylists"]!["uploads"]!,
            StringComparison.Ordinal);
        var token = await TokenAsync("nochannel");
        Assert.Empty((await _google.GetAsync("/youtube/v3/channels?mine=true", token)).Json["items"]!.AsArray());
        Assert.Equal("youtubeSignupRequired", Reason(await StartAsync(token, Words(), 10)));
    }

    [Fact]
    public async Task A_film_in_chunks_resumes_where_it_stopped()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: Grain * 2 + 100);
        var session = (await StartAsync(token, Words(), film.Length)).Header("Location");
        var empty = await ProbeAsync(session, film.Length);
        Assert.Equal((308, ""), (empty.Code, empty.Header("Range")));
        var first = await ChunkAsync(session, film, 0, Grain);
        Assert.Equal((308, $"bytes=0-{Grain - 1}"), (first.Code, first.Header("Range")));
        Assert.Equal(400, (await ChunkAsync(session, film, Grain, Grain * 2 - 1)).Code);
        Assert.Equal($"bytes=0-{Grain - 1}", (await ChunkAsync(session, film, Grain * 2, film.Length)).Header("Range"));
        Assert.Equal($"bytes=0-{Grain - 1}", (await ProbeAsync(session, film.Length)).Header("Range"));
        Assert.Empty(await _google.JournalAsync());
        var done = await ChunkAsync(session, film, Grain, film.Length);
        Assert.Equal(200, done.Code);
        var id = (string)done.Json["id"]!;
        Assert.Matches("^[A-Za-z0-9_-]{11}$", id);
        Assert.Equal(id, (string)(await ProbeAsync(session, film.Length)).Json["id"]!);
        var entry = Assert.Single(await _google.JournalAsync());
        Assert.Equal((id, "video", (long)film.Length), (entry.Id, entry.Kind, entry.Files[0].Size));
    }

    [Fact]
    public async Task A_lost_last_answer_is_found_by_the_probe_and_a_dead_session_is_gone()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4();
        var session = (await StartAsync(token, Words(), film.Length)).Header("Location");
        _google.Sim.Faults.Add(new Fault { Method = "PUT", Path = "upload_id", After = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => ChunkAsync(session, film, 0, film.Length));
        Assert.Equal(Assert.Single(await _google.JournalAsync()).Id,
            (string)(await ProbeAsync(session, film.Length)).Json["id"]!);
        _google.Advance(TimeSpan.FromDays(7).TotalSeconds);
        Assert.Equal(404, (await ProbeAsync(session, film.Length)).Code);
        Rules.GoneIs410 = true;
        Assert.Equal(410, (await ProbeAsync(session, film.Length)).Code);
    }

    [Fact]
    public async Task A_cut_connection_leaves_whole_grains_behind()
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: Grain * 4);
        var session = new Uri((await StartAsync(token, Words(), film.Length)).Header("Location"));
        using (var cut = new TcpClient())
        {
            await cut.ConnectAsync(session.Host, session.Port);
            await using var stream = cut.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT {session.PathAndQuery} HTTP/1.1\r\nHost: "
                + $"{session.Authority}\r\nContent-Type: video/mp4\r\nContent-Length: {film.Length}\r\n\r\n"));
            await stream.WriteAsync(film.AsMemory(0, Grain * 2 + 5000));
            var uploads = ((YouTubeNetwork)_google.Host.Network).Uploads;
            using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (uploads.Received(session) < Grain * 2 + 5000)
            {
                bound.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
        var probe = await ProbeAsync(session.ToString(), film.Length);
        Assert.Equal("bytes=0-524287", probe.Header("Range"));
        Assert.Equal(200, (await ChunkAsync(session.ToString(), film, Grain * 2, film.Length)).Code);
        var file = Assert.Single(Assert.Single(await _google.JournalAsync()).Files);
        Assert.Equal(PublishedFile.Of("video/mp4", film, null), file);
    }

    [Fact]
    public async Task Processing_takes_time_and_may_end_badly()
    {
        var token = await TokenAsync();
        var good = await SendAsync(token, MediaBytes.Mp4());
        var bad = await SendAsync(token, "no film"u8.ToArray());
        Assert.Equal(("uploaded", null), await StatusAsync(good, token));
        _google.Advance(2);
        Assert.Equal(("processed", null), await StatusAsync(good, token));
        Assert.Equal(("failed", "invalidFile"), await StatusAsync(bad, token));
        Rules.RejectionReason = "copyright";
        Assert.Equal(("processed", null), await StatusAsync(good, token));
        _google.Advance(60);
        Assert.Equal(("rejected", "copyright"), await StatusAsync(good, token));
    }

    [Fact]
    public async Task An_unverified_channel_has_fifteen_minutes()
    {
        var token = await TokenAsync("bobvideos");
        var (fits, tooLong) = (await SendAsync(token, MediaBytes.Mp4(seconds: 900, fps: 1)),
            await SendAsync(token, MediaBytes.Mp4(seconds: 900.1, fps: 1)));
        _google.Advance(2);
        Assert.Equal(("processed", null), await StatusAsync(fits, token));
        Assert.Equal(("rejected", "length"), await StatusAsync(tooLong, token));
    }

    [Theory]
    [InlineData(360, 640, 180.0, "short")]
    [InlineData(360, 360, 5.0, "short")]
    [InlineData(640, 360, 5.0, "video")]
    [InlineData(360, 640, 180.1, "video")]
    public async Task Tall_and_short_films_are_shorts(int width, int height, double seconds, string kind)
    {
        await SendAsync(await TokenAsync(), MediaBytes.Mp4(width, height, seconds));
        Assert.Equal(kind, Assert.Single(await _google.JournalAsync()).Kind);
    }

    [Theory]
    [InlineData("""{"title":"TITLE100"}""", null)]
    [InlineData("""{"title":"TITLE100x"}""", "invalidTitle")]
    [InlineData("""{"title":""}""", "invalidTitle")]
    [InlineData("""{"title":"a<b"}""", "invalidTitle")]
    [InlineData("""{"title":"a","description":"BYTES5000"}""", null)]
    [InlineData("""{"title":"a","description":"BYTES5000x"}""", "invalidDescription")]
    [InlineData("""{"title":"a","description":"a>b"}""", "invalidDescription")]
    [InlineData("""{"title":"a","tags":["TAG500"]}""", null)]
    [InlineData("""{"title":"a","tags":["TAG500x"]}""", "invalidTags")]
    [InlineData("""{"title":"a","tags":["TAG500","x"]}""", "invalidTags")]
    [InlineData("""{"title":"a","categoryId":"22"}""", null)]
    [InlineData("""{"title":"a","categoryId":"999"}""", "invalidCategoryId")]
    public async Task Words_have_limits(string snippet, string? reason)
    {
        snippet = snippet.Replace("TITLE100", new string('t', 100)).Replace("TAG500", new string('g', 500))
            .Replace("BYTES5000", string.Concat(Enumerable.Repeat("é", 2500)));
        var answer = await StartAsync(await TokenAsync(), Words(JsonNode.Parse(snippet)), 100);
        Assert.Equal(reason, answer.Code == 200 ? null : Reason(answer));
    }

    [Fact]
    public void A_tag_with_a_space_costs_two_more_and_commas_count() =>
        Assert.Equal(3 + 1 + 5, VideoMetadata.TagsCount(["abc", "d e"]));

    [Fact]
    public async Task Privacy_and_time_are_checked()
    {
        var token = await TokenAsync();
        async Task<string?> Reasons(string status)
        {
            var words = Words();
            words["status"] = JsonNode.Parse(status);
            var answer = await StartAsync(token, words, 100);
            return answer.Code == 200 ? null : Reason(answer);
        }
        Assert.Equal("forbiddenPrivacySetting", await Reasons("""{"privacyStatus":"friends"}"""));
        Assert.Equal("forbiddenLicenseSetting", await Reasons("""{"license":"mine"}"""));
        Assert.Equal("invalidPublishAt", await Reasons("""{"privacyStatus":"public","publishAt":"2026-12-01T00:00:00Z"}"""));
        Assert.Equal("invalidPublishAt", await Reasons("""{"privacyStatus":"private","publishAt":"2026-11-01T00:00:00Z"}"""));
        Assert.Null(await Reasons("""{"privacyStatus":"private","publishAt":"2026-12-01T00:00:00Z"}"""));
    }

    [Fact]
    public async Task A_missing_privacy_means_public()
    {
        var token = await TokenAsync();
        var words = Words();
        words.Remove("status");
        await SendAsync(token, MediaBytes.Mp4(), words);
        Assert.Equal("public", Assert.Single(await _google.JournalAsync()).Details["privacy"]);
    }

    [Fact]
    public async Task The_project_has_a_hundred_uploads_until_midnight_in_california()
    {
        Rules.InsertsPerDay = 2;
        var token = await TokenAsync();
        Assert.Equal(200, (await StartAsync(token, Words(), 10)).Code);
        Assert.Equal(200, (await StartAsync(await TokenAsync("bobvideos"), Words(), 10)).Code);
        var refused = await StartAsync(token, Words(), 10);
        Assert.Equal((403, "quotaExceeded"), (refused.Code, Reason(refused)));
        Assert.Equal(200, (await _google.GetAsync("/youtube/v3/channels?mine=true", token)).Code);
        _google.Advance(TimeSpan.FromHours(20).TotalSeconds - 1);
        Assert.Equal(403, (await StartAsync(await TokenAsync(), Words(), 10)).Code);
        _google.Advance(1);
        Assert.Equal(200, (await StartAsync(await TokenAsync(), Words(), 10)).Code);
        Assert.Equal((100, 10_000), (new YouTubeSettings().InsertsPerDay, new YouTubeSettings().UnitsPerDay));
    }

    [Fact]
    public async Task Units_are_spent_by_reading_and_by_thumbnails()
    {
        Rules.UnitsPerDay = 51;
        var token = await TokenAsync();
        var id = await SendAsync(token, MediaBytes.Mp4());
        Assert.Equal(200, (await ThumbnailAsync(id, MediaBytes.Png(), token)).Code);
        Assert.Equal(200, (await _google.GetAsync("/youtube/v3/channels?mine=true", token)).Code);
        Assert.Equal("quotaExceeded", Reason(await _google.GetAsync("/youtube/v3/channels?mine=true", token)));
    }

    [Fact]
    public async Task Speed_and_channel_limits_have_reasons_of_their_own()
    {
        var token = await TokenAsync();
        Rules.TooFast = true;
        Assert.Equal("rateLimitExceeded", Reason(await StartAsync(token, Words(), 10)));
        (Rules.TooFast, Rules.UploadLimitReached) = (false, true);
        var full = await StartAsync(token, Words(), 10);
        Assert.Equal((400, "uploadLimitExceeded"), (full.Code, Reason(full)));
    }

    [Fact]
    public async Task Thumbnails_are_judged_by_their_bytes()
    {
        Rules.ThumbnailBytes = 2000;
        var token = await TokenAsync();
        var id = await SendAsync(token, MediaBytes.Mp4());
        Assert.Equal(200, (await ThumbnailAsync(id, MediaBytes.Jpeg(size: 2000), token)).Code);
        Assert.Equal(413, (await ThumbnailAsync(id, MediaBytes.Jpeg(size: 2001), token)).Code);
        Assert.Equal("imageFormatUnsupported", Reason(await ThumbnailAsync(id, MediaBytes.WebP(), token)));
        Assert.Equal("invalidImage", Reason(await ThumbnailAsync(id, [1, 2, 3], token)));
        Assert.Equal("videoNotFound", Reason(await ThumbnailAsync("nothing", MediaBytes.Jpeg(), token)));
        var bob = await TokenAsync("bobvideos");
        Assert.Equal(403, (await ThumbnailAsync(await SendAsync(bob, MediaBytes.Mp4()), MediaBytes.Jpeg(), bob)).Code);
        Assert.Equal(50 << 20, new YouTubeSettings().ThumbnailBytes);
        Assert.Single(await _google.JournalAsync(), entry => entry.Kind == "thumbnail");
    }

    [Fact]
    public async Task A_comment_goes_under_a_film()
    {
        var token = await TokenAsync();
        var id = await SendAsync(token, MediaBytes.Mp4());
        JsonObject Comment(string text) => new()
        {
            ["snippet"] = new JsonObject
            {
                ["videoId"] = id,
                ["topLevelComment"] = new JsonObject { ["snippet"] = new JsonObject { ["textOriginal"] = text } },
            },
        };
        Assert.Equal(200, (await _google.PostAsync("/youtube/v3/commentThreads?part=snippet", Comment("hi"),
            token)).Code);
        Assert.Equal(400, (await _google.PostAsync("/youtube/v3/commentThreads?part=snippet", Comment(" "),
            token)).Code);
        Assert.Equal("hi", Assert.Single(await _google.JournalAsync(), entry => entry.Kind == "comment").Text);
    }

    [Fact]
    public async Task The_list_of_uploads_has_the_newest_first_and_the_private_ones_too()
    {
        var token = await TokenAsync();
        var words = Words();
        words["status"]!["privacyStatus"] = "private";
        var first = await SendAsync(token, MediaBytes.Mp4(), words);
        var second = await SendAsync(token, MediaBytes.Mp4());
        var items = (await _google.GetAsync("/youtube/v3/playlistItems?part=snippet,contentDetails&maxResults=50"
            + "&playlistId=UUann0000000000000000001", token)).Json["items"]!.AsArray();
        Assert.Equal([second, first], items.Select(item => (string)item!["contentDetails"]!["videoId"]!));
        Assert.Equal(400, (await _google.GetAsync("/youtube/v3/playlistItems?maxResults=51"
            + "&playlistId=UUann0000000000000000001", token)).Code);
    }

    private static string Authorize(string more) => "/o/oauth2/v2/auth?client_id=google-client&response_type=code"
        + $"&state=s1&scope={Uri.EscapeDataString(Scope)}&redirect_uri={Uri.EscapeDataString(Back)}{more}";

    private static string Reason(Answer answer) => (string)answer.Json["error"]!["errors"]![0]!["reason"]!;

    private async Task<string> CodeAsync(string more = "&access_type=offline&prompt=consent") =>
        (await _google.ConsentAsync(Authorize(more)))["code"]!;

    private Task<Answer> ExchangeAsync(string code) => _google.FormAsync("/token",
    [
        ("client_id", "google-client"), ("client_secret", "google-secret"), ("code", code), ("redirect_uri", Back),
        ("grant_type", "authorization_code"),
    ]);

    private Task<Answer> RefreshAsync(string token) => _google.FormAsync("/token",
    [
        ("client_id", "google-client"), ("client_secret", "google-secret"), ("refresh_token", token),
        ("grant_type", "refresh_token"),
    ]);

    private async Task<string> TokenAsync(string handle = "annvideos")
    {
        _google.Sim.Consent.Approve = handle;
        return (string)(await ExchangeAsync(await CodeAsync())).Json["access_token"]!;
    }

    private static JsonObject Words(JsonNode? snippet = null) => new()
    {
        ["snippet"] = snippet ?? new JsonObject { ["title"] = "My clip", ["description"] = "d" },
        ["status"] = new JsonObject { ["privacyStatus"] = "public", ["selfDeclaredMadeForKids"] = false },
    };

    private Task<Answer> StartAsync(string token, JsonObject words, long length)
    {
        var request = new HttpRequestMessage(HttpMethod.Post,
            "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status")
        {
            Content = new StringContent(words.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("X-Upload-Content-Length", $"{length}");
        request.Headers.Add("X-Upload-Content-Type", "video/mp4");
        return _google.SendAsync(request, token);
    }

    private Task<Answer> ChunkAsync(string session, byte[] film, int from, int until) => _google.BytesAsync(
        HttpMethod.Put, session, film[from..until], "video/mp4", null, $"bytes {from}-{until - 1}/{film.Length}");

    private Task<Answer> ProbeAsync(string session, int total) =>
        _google.BytesAsync(HttpMethod.Put, session, [], "video/mp4", null, $"bytes */{total}");

    private async Task<string> SendAsync(string token, byte[] film, JsonObject? words = null)
    {
        var session = (await StartAsync(token, words ?? Words(), film.Length)).Header("Location");
        return (string)(await ChunkAsync(session, film, 0, film.Length)).Json["id"]!;
    }

    private Task<Answer> ThumbnailAsync(string id, byte[] image, string token) =>
        _google.BytesAsync(HttpMethod.Post, "/upload/youtube/v3/thumbnails/set?videoId=" + id, image, "image/png",
            token);

    private async Task<(string State, string? Why)> StatusAsync(string id, string token)
    {
        var status = (await _google.GetAsync("/youtube/v3/videos?part=status,processingDetails&id=" + id, token))
            .Json["items"]![0]!["status"]!;
        return ((string)status["uploadStatus"]!, (string?)(status["failureReason"] ?? status["rejectionReason"]));
    }
}
