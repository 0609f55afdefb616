using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.LinkedIn;

namespace PostMantis.Tests.Simulators;

public sealed class LinkedInSimulatorTests : IAsyncLifetime
{
    private const string Back = "https://app.example/callback";
    private const string Person = "urn:li:person:aNn_782-x";
    private const string Page = "urn:li:organization:55";
    private const string MemberScopes = "openid profile w_member_social";
    private const string AllScopes = MemberScopes + " w_organization_social r_organization_social rw_organization_admin";
    private SimulatorClient _linkedin = null!;

    private LinkedInSettings Rules => (LinkedInSettings)_linkedin.Host.Network.Settings;

    public async ValueTask InitializeAsync() => _linkedin = await SimulatorClient.StartAsync("linkedin");

    public ValueTask DisposeAsync() => _linkedin.DisposeAsync();

    [Fact]
    public async Task A_code_serves_once_and_other_scopes_end_what_was_given_before()
    {
        Rules.RefreshTokens = false;
        var code = await CodeAsync(AllScopes);
        var token = (await ExchangeAsync(code)).Json;
        Assert.Equal(5_184_000, (int)token["expires_in"]!);
        Assert.Equal(6, ((string)token["scope"]!).Split(',').Length);
        Assert.Null(token["refresh_token"]);
        Assert.Equal(400, (await ExchangeAsync(code)).Code);
        var access = (string)token["access_token"]!;
        Assert.True(access.Length > 1000);
        Assert.Equal("aNn_782-x", (string)(await _linkedin.GetAsync("/v2/userinfo", access)).Json["sub"]!);
        await TokenAsync(AllScopes);
        Assert.Equal(200, (await _linkedin.GetAsync("/v2/userinfo", access)).Code);
        await TokenAsync(MemberScopes);
        var ended = await _linkedin.GetAsync("/v2/userinfo", access);
        Assert.Equal((401, "The token has been revoked"), (ended.Code, (string)ended.Json["message"]!));
    }

    [Fact]
    public async Task Consent_is_all_or_nothing_and_vetted_scopes_need_the_product()
    {
        _linkedin.Sim.Consent.Withhold = ["w_organization_social"];
        Assert.Equal("user_cancelled_authorize", (await _linkedin.ConsentAsync(Authorize(AllScopes)))["error"]);
        (_linkedin.Sim.Consent.Withhold, Rules.CommunityManagement) = ([], false);
        Assert.Equal("unauthorized_scope_error", (await _linkedin.ConsentAsync(Authorize(AllScopes)))["error"]);
        Assert.NotNull((await _linkedin.ConsentAsync(Authorize(MemberScopes)))["code"]);
        _linkedin.Sim.Consent.Deny = true;
        Assert.Equal("user_cancelled_authorize", (await _linkedin.ConsentAsync(Authorize(MemberScopes)))["error"]);
    }

    [Fact]
    public async Task A_refresh_token_lives_a_year_from_its_first_day()
    {
        var first = (await ExchangeAsync(await CodeAsync(AllScopes))).Json;
        var refresh = (string)first["refresh_token"]!;
        _linkedin.Advance(300 * 86_400);
        var again = (await RefreshAsync(refresh)).Json;
        Assert.Null(again["refresh_token"]);
        Assert.Equal(200, (await _linkedin.GetAsync("/v2/userinfo", (string)again["access_token"]!)).Code);
        _linkedin.Advance(65 * 86_400);
        var dead = await RefreshAsync(refresh);
        Assert.Equal((400, "invalid_request"), (dead.Code, (string)dead.Json["error"]!));
    }

    [Theory]
    [InlineData(null, "2.0.0", 400, "VERSION_MISSING")]
    [InlineData("202511", "2.0.0", 426, "NONEXISTENT_VERSION")]
    [InlineData("202609", null, 400, "INVALID_VALUE_FOR_FIELD")]
    public async Task Every_call_names_a_living_version(string? version, string? protocol, int status, string code)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/rest/organizations/55");
        if (version is not null) request.Headers.Add("Linkedin-Version", version);
        if (protocol is not null) request.Headers.Add("X-Restli-Protocol-Version", protocol);
        var answer = await _linkedin.SendAsync(request, await TokenAsync());
        Assert.Equal((status, code), (answer.Code, Code(answer)));
        Assert.NotEmpty(answer.Header("x-li-uuid"));
    }

    [Fact]
    public async Task Pages_are_listed_with_roles_and_only_some_roles_may_post()
    {
        var token = await TokenAsync();
        var acls = (await GetAsync("/rest/organizationAcls?q=roleAssignee&state=APPROVED&start=0&count=20", token)).Json;
        Assert.Equal(["ADMINISTRATOR", "CONTENT_ADMIN", "ANALYST"],
            acls["elements"]!.AsArray().Select(one => (string)one!["role"]!));
        Assert.Equal("Acme", (string)(await GetAsync("/rest/organizations/55", token)).Json["localizedName"]!);
        Assert.Equal(201, (await CreateAsync(token, "One", Page)).Code);
        Assert.Equal(403, (await CreateAsync(token, "Two", "urn:li:organization:57")).Code);
        Assert.Equal(403, (await CreateAsync(token, "Three", "urn:li:person:b0b_493-y")).Code);
        var member = await TokenAsync(MemberScopes);
        Assert.Equal("ACCESS_DENIED", Code(await GetAsync("/rest/organizationAcls?q=roleAssignee", member)));
        Assert.Equal(403, (await CreateAsync(member, "Four", Page)).Code);
        Assert.Equal(201, (await CreateAsync(member, "Five")).Code);
    }

    [Fact]
    public async Task The_id_of_a_post_is_in_a_header_alone()
    {
        var token = await TokenAsync();
        var made = await CreateAsync(token, "Hello");
        Assert.Equal((201, ""), (made.Code, made.Text));
        Assert.StartsWith("urn:li:share:", made.Header("x-restli-id"), StringComparison.Ordinal);
        Assert.Equal(made.Header("x-restli-id"), Assert.Single(await _linkedin.JournalAsync()).Id);
        Rules.IdWithheld = true;
        Assert.Equal("", (await CreateAsync(token, "Hello again")).Header("x-restli-id"));
    }

    [Theory]
    [InlineData(@"Hello \(world\) #launch \#1", "Hello (world) #launch #1")]
    [InlineData(@"{hashtag|\#|launch} by @[Acme](urn:li:organization:55)!", "#launch by Acme!")]
    [InlineData(@"a\\b \* \_ \~ \| \< \> \[\] \{\} \@", @"a\b * _ ~ | < > [] {} @")]
    [InlineData("Hello (world)", "Hello ")]
    [InlineData("mail me@x.example", "mail me")]
    public async Task Little_text_is_read_and_cut_where_it_cannot_be(string written, string shown)
    {
        Assert.Equal(201, (await CreateAsync(await TokenAsync(), written)).Code);
        Assert.Equal(shown, Assert.Single(await _linkedin.JournalAsync()).Text);
        Rules.UnescapedRefused = true;
        Assert.Equal(shown.Length < 10 ? 400 : 201, (await CreateAsync(await TokenAsync(), written, Page)).Code);
    }

    [Theory]
    [InlineData(3000, 0, 201)]
    [InlineData(3001, 0, 400)]
    [InlineData(2999, 1, 201)]
    [InlineData(2999, 2, 400)]
    public async Task Text_has_an_end_and_escapes_do_not_count(int letters, int brackets, int status)
    {
        var text = new string('a', letters) + string.Concat(Enumerable.Repeat(@"\(", brackets));
        Assert.Equal(status, (await CreateAsync(await TokenAsync(), text)).Code);
        Rules.EscapesCount = true;
        Assert.Equal(brackets > 0 ? 400 : status, (await CreateAsync(await TokenAsync(), text, Page)).Code);
    }

    [Theory]
    [InlineData("visibility", "CONNECTIONS", Person, 201)]
    [InlineData("visibility", "CONNECTIONS", Page, 400)]
    [InlineData("visibility", "EVERYBODY", Person, 400)]
    [InlineData("lifecycleState", "DRAFT", Person, 400)]
    [InlineData("commentary", " ", Person, 400)]
    public async Task The_form_of_a_post_is_checked(string field, string value, string author, int status)
    {
        var body = Body("Hello", author);
        body[field] = value;
        Assert.Equal(status, (await PostAsync("/rest/posts", body, await TokenAsync())).Code);
    }

    [Fact]
    public async Task The_same_content_is_refused_for_ten_minutes_with_the_first_ones_name()
    {
        var token = await TokenAsync();
        var first = (await CreateAsync(token, "Twice")).Header("x-restli-id");
        var second = await CreateAsync(token, "Twice");
        Assert.Equal((422, "Content is a duplicate of " + first), (second.Code, (string)second.Json["message"]!));
        Assert.Equal(201, (await CreateAsync(token, "Twice", Page)).Code);
        _linkedin.Advance(600);
        Assert.Equal(201, (await CreateAsync(token, "Twice")).Code);
    }

    [Fact]
    public async Task A_link_needs_its_title_because_nobody_looks_at_the_page()
    {
        var token = await TokenAsync();
        var article = new JsonObject { ["source"] = "https://ex.example/a" };
        Assert.Equal(400, (await CreateAsync(token, "Read", content: new JsonObject { ["article"] = article })).Code);
        article = new JsonObject { ["source"] = "https://ex.example/a", ["title"] = "A" };
        Assert.Equal(201, (await CreateAsync(token, "Read", content: new JsonObject { ["article"] = article })).Code);
        var entry = Assert.Single(await _linkedin.JournalAsync());
        Assert.Equal(("article", "https://ex.example/a", "A"), (entry.Kind, entry.Details["link"], entry.Details["title"]));
    }

    [Fact]
    public async Task An_image_is_put_with_the_token_worked_on_and_then_posted()
    {
        var token = await TokenAsync();
        var (urn, url) = await StartAsync("image", token);
        Assert.Equal("MEDIA_ASSET_WAITING_UPLOAD", Code(await CreateAsync(token, "Look", content: Media(urn))));
        Assert.Equal(401, (await PutAsync(url, MediaBytes.Png(), null)).Code);
        Assert.Equal(201, (await PutAsync(url, MediaBytes.Png(), token)).Code);
        Assert.Equal("PROCESSING", await StatusAsync("images", urn, token));
        Assert.Equal("MEDIA_ASSET_WAITING_UPLOAD", Code(await CreateAsync(token, "Look", content: Media(urn))));
        _linkedin.Advance(2);
        Assert.Equal("AVAILABLE", await StatusAsync("images", urn, token));
        Assert.Equal("INVALID_URN_ID", Code(await CreateAsync(token, "Look", Page, Media(urn))));
        Assert.Equal(201, (await CreateAsync(token, "Look", content: Media(urn, alt: "A door"))).Code);
        var file = Assert.Single(Assert.Single(await _linkedin.JournalAsync()).Files);
        Assert.Equal(("image/png", "A door"), (file.MimeType, file.AltText));
        Assert.Equal(403, (await GetAsync("/rest/images/" + Uri.EscapeDataString(urn), await TokenAsync(MemberScopes))).Code);
    }

    [Fact]
    public async Task An_upload_address_ends_and_a_bad_file_fails_in_processing()
    {
        var token = await TokenAsync();
        var (urn, url) = await StartAsync("image", token);
        Assert.Equal(201, (await PutAsync(url, MediaBytes.WebP(), token)).Code);
        _linkedin.Advance(2);
        Assert.Equal("PROCESSING_FAILED", await StatusAsync("images", urn, token));
        Assert.Equal("MEDIA_ASSET_PROCESSING_FAILED", Code(await CreateAsync(token, "Look", content: Media(urn))));
        _linkedin.Advance(3600);
        Assert.Equal("EXPIRED_UPLOAD_URL", Code(await PutAsync(url, MediaBytes.Png(), token)));
    }

    [Theory]
    [InlineData(1, 400)]
    [InlineData(2, 201)]
    [InlineData(20, 201)]
    [InlineData(21, 400)]
    public async Task Several_images_are_two_to_twenty(int count, int status)
    {
        var token = await TokenAsync();
        var images = new JsonArray();
        for (var at = 0; at < count; at++)
        {
            var (urn, url) = await StartAsync("image", token);
            await PutAsync(url, MediaBytes.Jpeg(), token);
            images.Add(new JsonObject { ["id"] = urn });
        }
        _linkedin.Advance(2);
        var content = new JsonObject { ["multiImage"] = new JsonObject { ["images"] = images } };
        Assert.Equal(status, (await CreateAsync(token, "Many", content: content)).Code);
        if (status == 201) Assert.Equal(count, Assert.Single(await _linkedin.JournalAsync()).Files.Count);
    }

    [Fact]
    public async Task A_film_comes_in_parts_whose_marks_finish_it()
    {
        Rules.PartBytes = 100_000;
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(size: 250_000);
        var made = (await PostAsync("/rest/videos?action=initializeUpload", Owner(Person, film.Length), token)).Json["value"]!;
        var (urn, parts) = ((string)made["video"]!, made["uploadInstructions"]!.AsArray());
        Assert.Equal([(0L, 99_999L), (100_000L, 199_999L), (200_000L, 249_999L)],
            parts.Select(part => ((long)part!["firstByte"]!, (long)part["lastByte"]!)));
        var marks = new JsonArray();
        foreach (var part in parts)
        {
            Assert.Equal(400, (await PartAsync(part!, film[..10])).Code);
            var bytes = film[(int)part!["firstByte"]!..((int)part["lastByte"]! + 1)];
            marks.Add((await PartAsync(part, bytes)).Header("ETag").Trim('"'));
        }
        Assert.Equal(400, (await FinishAsync(urn, new JsonArray([.. marks.Reverse().Select(m => m!.DeepClone())]), token)).Code);
        Assert.Equal("WAITING_UPLOAD", await StatusAsync("videos", urn, token));
        Assert.Equal(200, (await FinishAsync(urn, marks, token)).Code);
        _linkedin.Advance(2);
        Assert.Equal("AVAILABLE", await StatusAsync("videos", urn, await TokenAsync(MemberScopes)));
        var post = await CreateAsync(await TokenAsync(MemberScopes), "Film", content: Media(urn));
        Assert.StartsWith("urn:li:ugcPost:", post.Header("x-restli-id"), StringComparison.Ordinal);
        Assert.Equal(250_000, Assert.Single(await _linkedin.JournalAsync()).Files[0].Size);
    }

    [Theory]
    [InlineData(2.9, 80_000, "PROCESSING_FAILED")]
    [InlineData(3, 80_000, "AVAILABLE")]
    [InlineData(1800, 80_000, "AVAILABLE")]
    [InlineData(1801, 80_000, "PROCESSING_FAILED")]
    [InlineData(5, 74_999, "PROCESSING_FAILED")]
    public async Task A_film_has_a_length_and_a_size(double seconds, int size, string status)
    {
        var token = await TokenAsync();
        var film = MediaBytes.Mp4(seconds: seconds, size: size);
        var made = (await PostAsync("/rest/videos?action=initializeUpload", Owner(Person, film.Length), token)).Json["value"]!;
        var mark = (await PartAsync(made["uploadInstructions"]![0]!, film)).Header("ETag").Trim('"');
        await FinishAsync((string)made["video"]!, [mark], token);
        _linkedin.Advance(2);
        Assert.Equal(status, await StatusAsync("videos", (string)made["video"]!, token));
    }

    [Theory]
    [InlineData(300, "AVAILABLE")]
    [InlineData(301, "PROCESSING_FAILED")]
    public async Task A_document_has_a_title_and_not_too_many_pages(int pages, string status)
    {
        var token = await TokenAsync();
        var (urn, url) = await StartAsync("document", token);
        var pdf = Encoding.ASCII.GetBytes("%PDF-1.4 /Pages " + string.Concat(Enumerable.Repeat("/Type /Page ", pages)));
        await PutAsync(url, pdf, token);
        _linkedin.Advance(2);
        Assert.Equal(status, await StatusAsync("documents", urn, token));
        Assert.Equal(400, (await CreateAsync(token, "Slides", content: Media(urn))).Code);
        Assert.Equal(status == "AVAILABLE" ? 201 : 400,
            (await CreateAsync(token, "Slides", content: Media(urn, title: "Deck"))).Code);
    }

    [Fact]
    public async Task Pages_list_their_posts_and_members_do_not()
    {
        var token = await TokenAsync();
        Rules.ListingLagSeconds = 30;
        var urn = (await CreateAsync(token, @"Hello \(world\)", Page)).Header("x-restli-id");
        Assert.Empty((await ListAsync(Page, token)).Json["elements"]!.AsArray());
        _linkedin.Advance(30);
        var row = Assert.Single((await ListAsync(Page, token)).Json["elements"]!.AsArray())!;
        Assert.Equal((urn, @"Hello \(world\)", SimulatorClient.Start.ToUnixTimeMilliseconds()),
            ((string)row["id"]!, (string)row["commentary"]!, (long)row["createdAt"]!));
        Assert.Equal(400, (await GetAsync($"/rest/posts?author={Uri.EscapeDataString(Page)}&q=author", token)).Code);
        Assert.Equal(403, (await ListAsync(Person, token)).Code);
        Assert.Equal(204, (await SendAsync(HttpMethod.Delete, "/rest/posts/" + Uri.EscapeDataString(urn), token)).Code);
        Assert.Empty((await ListAsync(Page, token)).Json["elements"]!.AsArray());
    }

    [Fact]
    public async Task A_comment_is_put_under_a_post()
    {
        var token = await TokenAsync();
        var urn = (await CreateAsync(token, "Hello")).Header("x-restli-id");
        Assert.Equal(201, (await CommentAsync(urn, "(first)", token)).Code);
        Assert.Equal(400, (await CommentAsync(urn, new string('a', 1251), token)).Code);
        Assert.Equal(404, (await CommentAsync("urn:li:share:1", "first", token)).Code);
        var entry = (await _linkedin.JournalAsync())[1];
        Assert.Equal(("comment", "(first)", urn), (entry.Kind, entry.Text, entry.Details["on"]));
        Assert.Equal(403, (await GetAsync($"/rest/socialActions/{Uri.EscapeDataString(urn)}/comments", token)).Code);
        var below = (await CreateAsync(token, "Of a page", Page)).Header("x-restli-id");
        await CommentAsync(below, "second", token);
        var listed = (await GetAsync($"/rest/socialActions/{Uri.EscapeDataString(below)}/comments", token)).Json["elements"]!;
        Assert.Equal((1, "second", Person), (listed.AsArray().Count, (string)listed[0]!["message"]!["text"]!, (string)listed[0]!["actor"]!));
    }

    [Fact]
    public async Task A_member_has_so_many_calls_until_midnight()
    {
        Rules.CallsPerMember = 2;
        var token = await TokenAsync();
        await CreateAsync(token, "One");
        await CreateAsync(token, "Two");
        var slow = await CreateAsync(token, "Three");
        Assert.Equal((429, "", 2), (slow.Code, slow.Header("Retry-After"), (await _linkedin.JournalAsync()).Count));
        Assert.Equal("Resource level throttle limit for calls to this resource is reached.", (string)slow.Json["message"]!);
        _linkedin.Advance(12 * 3600);
        Assert.Equal(201, (await CreateAsync(token, "Three")).Code);
    }

    [Fact]
    public async Task Tokens_end_and_a_lost_answer_leaves_its_post()
    {
        var token = await TokenAsync();
        _linkedin.Sim.Faults.Add(new Fault { Method = "POST", Path = "/rest/posts", After = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => CreateAsync(token, "Lost"));
        Assert.Single(await _linkedin.JournalAsync());
        Assert.Equal("Invalid access token", (string)(await CreateAsync("nonsense", "No")).Json["message"]!);
        _linkedin.Advance(5_184_000);
        Assert.Equal("EXPIRED_ACCESS_TOKEN", Code(await CreateAsync(token, "Late")));
    }

    private static string Code(Answer answer) => (string?)answer.Json["code"] ?? "";

    private static string Authorize(string scopes) => "/oauth/v2/authorization?client_id=linkedin-app&response_type=code"
        + $"&state=s&scope={Uri.EscapeDataString(scopes)}&redirect_uri={Uri.EscapeDataString(Back)}";

    private async Task<string> CodeAsync(string scopes) => (await _linkedin.ConsentAsync(Authorize(scopes)))["code"]!;

    private Task<Answer> ExchangeAsync(string code) => _linkedin.FormAsync("/oauth/v2/accessToken",
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", Back), ("client_id", "linkedin-app"),
            ("client_secret", "linkedin-secret")]);

    private Task<Answer> RefreshAsync(string token) => _linkedin.FormAsync("/oauth/v2/accessToken",
        [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "linkedin-app"),
            ("client_secret", "linkedin-secret")]);

    private async Task<string> TokenAsync(string scopes = AllScopes) =>
        (string)(await ExchangeAsync(await CodeAsync(scopes))).Json["access_token"]!;

    private Task<Answer> SendAsync(HttpMethod method, string path, string token, JsonNode? body = null, string? finder = null)
    {
        var request = new HttpRequestMessage(method, path)
        {
            Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Linkedin-Version", "202609");
        request.Headers.Add("X-Restli-Protocol-Version", "2.0.0");
        if (finder is not null) request.Headers.Add("X-RestLi-Method", finder);
        return _linkedin.SendAsync(request, token);
    }

    private Task<Answer> GetAsync(string path, string token) => SendAsync(HttpMethod.Get, path, token);

    private Task<Answer> PostAsync(string path, JsonNode body, string token) => SendAsync(HttpMethod.Post, path, token, body);

    private Task<Answer> ListAsync(string author, string token) => SendAsync(HttpMethod.Get,
        $"/rest/posts?author={Uri.EscapeDataString(author)}&q=author&count=10&sortBy=LAST_MODIFIED", token, null, "FINDER");

    private static JsonObject Body(string text, string author) => new()
    {
        ["author"] = author,
        ["commentary"] = text,
        ["visibility"] = "PUBLIC",
        ["distribution"] = new JsonObject { ["feedDistribution"] = "MAIN_FEED" },
        ["lifecycleState"] = "PUBLISHED",
    };

    private Task<Answer> CreateAsync(string token, string text, string author = Person, JsonNode? content = null)
    {
        var body = Body(text, author);
        if (content is not null) body["content"] = content;
        return PostAsync("/rest/posts", body, token);
    }

    private Task<Answer> CommentAsync(string urn, string text, string token) => PostAsync(
        $"/rest/socialActions/{Uri.EscapeDataString(urn)}/comments", new JsonObject
        {
            ["actor"] = Person,
            ["object"] = urn,
            ["message"] = new JsonObject { ["text"] = text },
        }, token);

    private static JsonObject Media(string urn, string? alt = null, string? title = null) => new()
    {
        ["media"] = new JsonObject { ["id"] = urn, ["altText"] = alt, ["title"] = title },
    };

    private static JsonObject Owner(string owner, long? size = null)
    {
        var asked = new JsonObject { ["owner"] = owner };
        if (size is not null) asked["fileSizeBytes"] = size;
        return new JsonObject { ["initializeUploadRequest"] = asked };
    }

    private async Task<(string Urn, string Url)> StartAsync(string kind, string token)
    {
        var made = (await PostAsync($"/rest/{kind}s?action=initializeUpload", Owner(Person), token)).Json["value"]!;
        return ((string)made[kind]!, (string)made["uploadUrl"]!);
    }

    private Task<Answer> PutAsync(string url, byte[] bytes, string? token) =>
        _linkedin.BytesAsync(HttpMethod.Put, url, bytes, "application/octet-stream", token);

    private Task<Answer> PartAsync(JsonNode part, byte[] bytes) => PutAsync((string)part["uploadUrl"]!, bytes, null);

    private Task<Answer> FinishAsync(string urn, JsonArray marks, string token) => PostAsync(
        "/rest/videos?action=finalizeUpload", new JsonObject
        {
            ["finalizeUploadRequest"] = new JsonObject
            {
                ["video"] = urn, ["uploadToken"] = "", ["uploadedPartIds"] = marks.DeepClone(),
            },
        }, token);

    private async Task<string> StatusAsync(string kind, string urn, string token) =>
        (string)(await GetAsync($"/rest/{kind}/{Uri.EscapeDataString(urn)}", token)).Json["status"]!;
}
