using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.TikTok;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "addresses are made from ids")]
public sealed class TikTokContractTests : SimulatorContract
{
    private const string Init = "/v2/post/publish/video/init/";
    private const int Piece = 5_242_880;
    private FileServer _files = null!;

    protected override string Network => "tiktok";

    private protected override IProviderSetup Setup => new TikTokSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        ["Providers:TikTok:BaseUrl"] = address.AbsoluteUri,
        ["Providers:TikTok:ConsentUrl"] = address.AbsoluteUri,
        ["Providers:TikTok:ClientId"] = "tiktok-key",
        ["Providers:TikTok:ClientSecret"] = "tiktok-secret",
        ["Providers:TikTok:OnePieceBytes"] = $"{Piece}",
        ["Providers:TikTok:ChunkBytes"] = $"{Piece}",
    };

    private protected override (string Method, string Path) PublicCall => ("PUT", "/video");

    protected override string TokenPath => "/v2/oauth/token/";

    protected override IReadOnlyList<string> RequiredScopes =>
        ["user.info.basic", "user.info.profile", "video.publish", "video.list"];

    protected override bool RenewsRefusedTokens => true;

    public override async ValueTask InitializeAsync()
    {
        _files = await FileServer.StartAsync();
        await base.InitializeAsync();
        await ChangeAsync(new
        {
            pullFromAnywhere = true, challengeRequired = true, initPerMinute = 10_000, creatorInfoPerMinute = 10_000,
            statusPerMinute = 10_000, postsPerDay = 10_000,
        });
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _files.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected override (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(SettlementMode mode, string body, JsonObject? options)
    {
        var file = Film();
        return (new DeliveryContent(body, null, [file.Item()], [], null, options ?? Public()), [file]);
    }

    // TikTok works on a film before it shows it.
    protected override async Task<int> CountAsync(string body)
    {
        await WaitAsync(TimeSpan.FromSeconds(3));
        return await base.CountAsync(body);
    }

    // Fetched, worked on, looked at by moderators.
    private protected override async Task SettleAsync()
    {
        for (var step = 0; step < 3; step++)
        {
            await WaitAsync(TimeSpan.FromMinutes(2));
            await JournalAsync(Simulator);
        }
    }

    private protected override string ShownIn(Published entry) =>
        entry.Kind == "photos" ? entry.Details["description"] ?? "" : entry.Text;

    private protected override string ProviderIdOf(Published entry) =>
        entry.Details["privacy"] == "PUBLIC_TO_EVERYONE" ? entry.Id : entry.Details["publishId"]!;

    protected override JsonObject Refusal(string code, string message) => Envelope(code, message);

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => new Fault { Status = 400 },
        "rateLimited" => new Fault { Status = 429, Body = Envelope("rate_limit_exceeded", "slow down").ToJsonString() },
        _ => new Fault { Status = 401, Body = Envelope("access_token_invalid", "no").ToJsonString() },
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A film, 日本語, 👨‍👩‍👧‍👦 and #tags") { Files = [Film()], Options = Public() },
        new("For oneself") { Files = [Film()], Options = new() { ["privacyLevel"] = "selfOnly", ["allowComments"] = true, ["aiGenerated"] = true } },
        new("No words") { Body = null, Files = [Film()], Options = Public() },
        new("Three photos")
        {
            Files = [Photo("a"), Photo("b", 2), Photo("c", 3)],
            Options = new() { ["privacyLevel"] = "publicToEveryone", ["photoTitle"] = "Photos", ["photoCoverIndex"] = 1, ["autoAddMusic"] = true },
        },
        new("One photo") { Files = [Photo("d", 4)], Options = new() { ["privacyLevel"] = "mutualFollowFriends", ["brandedContent"] = true } },
        Slow!,
    ];

    private protected override PostCase Slow => new("In chunks") { Files = [Film(size: (3 * Piece) + 1000)], Options = Public() };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("nothing to see") { Options = Public(), Rule = Rule.Required, Code = DeliveryErrorCode.MediaUnavailable },
        new("too long for a film") { Body = new string('x', 2201), Files = [Film()], Options = Public(), Rule = Rule.TooLong },
        new("too long for photos") { Body = new string('x', 4001), Files = [Photo("e")], Options = Public(), Rule = Rule.TooLong },
        new("no privacy") { Files = [Film()], Rule = Rule.Required },
        new("privacy not offered") { Files = [Film()], Options = new() { ["privacyLevel"] = "followerOfCreator" } },
        new("a secret partnership")
        {
            Files = [Film()], Options = new() { ["privacyLevel"] = "selfOnly", ["brandedContent"] = true }, Rule = Rule.Excluded,
        },
        new("a film with a title") { Files = [Film()], Options = new() { ["privacyLevel"] = "publicToEveryone", ["photoTitle"] = "No" }, Rule = Rule.Unsupported },
        new("a cover that is not there")
        {
            Files = [Photo("g", 5)], Options = new() { ["privacyLevel"] = "publicToEveryone", ["photoCoverIndex"] = 1 }, Rule = Rule.OutOfRange,
        },
        new("a long film") { Files = [Film(seconds: 700)], Options = Public(), Rule = Rule.OutOfRange },
        new("a small film") { Files = [Film(width: 320, height: 640)], Options = Public(), Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("a photo to convert") { Files = [Png()], Options = Public(), Code = DeliveryErrorCode.MediaRejected },
        new("a photo to shrink") { Files = [Photo("f", 1, 1500, 1300)], Options = Public(), Code = DeliveryErrorCode.MediaRejected },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Coded(401, "access_token_invalid"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("scope", Coded(401, "scope_not_authorized"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("too fast", Coded(429, "rate_limit_exceeded"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too many posts", Coded(403, "spam_risk_too_many_posts"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too many, as 200", Coded(200, "spam_risk_too_many_posts"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("cap", Coded(403, "reached_active_user_cap"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("banned", Coded(403, "spam_risk_user_banned_from_posting"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("no audit", Coded(403, "unaudited_client_can_only_post_to_private_accounts"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("address", Coded(403, "url_ownership_unverified"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("privacy", Coded(403, "privacy_level_option_mismatch"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("parameter", Coded(400, "invalid_param"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("their fault", Coded(500, "internal_error"), typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("address over", new Fault { Status = 403 }, typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("down at the end", new Fault { Status = 502 }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["privacyLevel"] = "publicToEveryone", ["allowComments"] = true, ["allowDuet"] = true, ["allowStitch"] = false, ["brandedContent"] = true,
        ["ownBrand"] = true, ["aiGenerated"] = true, ["photoTitle"] = "Title", ["photoCoverIndex"] = 1, ["autoAddMusic"] = true,
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
    [
        [], new() { ["privacyLevel"] = "everyone" }, new() { ["privacyLevel"] = "selfOnly", ["brandedContent"] = true },
        new() { ["privacyLevel"] = "selfOnly", ["photoTitle"] = new string('x', 91) },
    ];

    [Fact]
    public async Task What_a_creator_may_choose_is_read_live_and_narrows_the_rules()
    {
        var target = new PublishTarget(default, Destinations.Values.First().Id, new Dictionary<string, string>());
        var open = await Provider.AccountLimits!.ReadAsync(target, Tokens, default);
        Assert.Equal(180_000, Provider.RulesOf(open!).Media!.Rules[1].MaxDurationMs);
        Assert.Equal(["publicToEveryone", "mutualFollowFriends", "selfOnly"],
            Provider.ChoicesOf(open!)["privacyLevel"]!.AsArray().Select(level => (string?)level));
        await ConsentAsync(new { approve = "bob.tok" });
        var closed = await Provider.AccountLimits.ReadAsync(target, (await ConnectAsync()).Tokens, default);
        Assert.Equal(["allowDuet", "allowStitch"], Provider.ChoicesOf(closed!)["off"]!.AsArray().Select(off => (string?)off));
        await ConsentAsync(new { approve = "eve.tok" });
        var longer = await Provider.AccountLimits.ReadAsync(target, (await ConnectAsync()).Tokens, default);
        Assert.Equal(600_000, Provider.RulesOf(longer!).Media!.Rules[1].MaxDurationMs);
        Assert.Empty(Provider.ChoicesOf(target.Facts));
    }

    [Fact]
    public async Task An_upload_cut_in_the_middle_goes_on_where_it_stopped()
    {
        await ScriptAsync(new Fault { Method = "PUT", Path = "/video", Skip = 1 });
        var work = WorkOf(Slow);
        Assert.IsType<PublishOutcome.Processing>(await Provider.Publisher.PublishAsync(work, default));
        Assert.False(work.CallStarted);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        var film = (TestFile)work.Files.Values.Single();
        Assert.Equal((film.Sha256, 1), (Assert.Single(await JournalAsync(Simulator)).Files[0].Sha256, film.OpenedFromStart));
    }

    [Fact]
    public async Task A_chunk_whose_answer_was_lost_is_not_sent_twice()
    {
        await ScriptAsync(new Fault { Method = "PUT", Path = "/video", After = true });
        var work = WorkOf(Slow);
        Assert.IsType<PublishOutcome.Processing>(await Provider.Publisher.PublishAsync(work, default));
        // It is sent again, refused, and the refusal says how far the upload came.
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Equal(work.Files.Values.Single().Sha256, Assert.Single(await JournalAsync(Simulator)).Files[0].Sha256);
    }

    [Theory]
    [InlineData("ours")]
    [InlineData("theirs")]
    public async Task Photos_whose_handle_was_lost_are_never_asked_for_again_and_found_when_everybody_sees_them(string ahead)
    {
        PutAhead(ahead);
        await ScriptAsync(new Fault { Method = "POST", Path = "/content/init", After = true });
        var (lost, work) = await RunAsync(WorkOf(Kinds[3]));
        Assert.Equal("no_handle", Assert.IsType<PublishOutcome.Unconfirmed>(lost).Cause);
        Assert.IsType<PublishOutcome.Unconfirmed>((await RunAsync(work.Resume())).Outcome);
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Probe), default));
        await SettleAsync();
        var found = Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Probe), default));
        Assert.Contains("/photo/", found.Url, StringComparison.Ordinal);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Equal(found.ProviderPostId, Assert.Single(await JournalAsync(Simulator)).Id);

        await ScriptAsync(new Fault { Method = "POST", Path = "/content/init", After = true });
        var (_, closed) = await RunAsync(WorkOf(Kinds[4]));
        Assert.IsType<ReconcileOutcome.CannotTell>(await Provider.Reconciler.ReconcileAsync(closed.Reconcile(SettlementMode.Probe), default));
    }

    [Fact]
    public async Task A_public_post_waits_for_its_id_and_does_without_when_moderation_takes_long()
    {
        var (outcome, _) = await RunAsync(WorkOf(Kinds[0]));
        var published = Assert.IsType<PublishOutcome.Published>(outcome);
        Assert.Equal($"https://www.tiktok.com/@ann.tok/video/{published.ProviderPostId}", published.Url);
        await ChangeAsync(new { moderationSeconds = 7200 });
        var (late, work) = await RunAsync(WorkOf(Kinds[2]));
        Assert.Equal(("https://www.tiktok.com/@ann.tok", work.Saved["publishId"]),
            (Assert.IsType<PublishOutcome.Published>(late).Url, ((PublishOutcome.Published)late).ProviderPostId));
    }

    [Theory]
    [InlineData("internal", typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable)]
    [InlineData("frame_rate_check_failed", typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected)]
    [InlineData("spam_risk_text", typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected)]
    [InlineData("spam_risk_user_banned_from_posting", typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted)]
    [InlineData("auth_removed", typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked)]
    public async Task A_post_that_failed_in_processing_says_why(string reason, Type outcome, DeliveryErrorCode code)
    {
        await ChangeAsync(new { failReason = reason });
        var (got, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.IsType(outcome, got);
        Assert.Equal(code, got is PublishOutcome.Retry retry ? retry.Error.Code : ((PublishOutcome.Rejected)got).Error.Code);
        Assert.IsType<ReconcileOutcome.Absent>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Probe), default));
    }

    [Fact]
    public async Task A_creator_who_may_not_post_now_is_waited_for_before_anything_is_sent()
    {
        await ChangeAsync(new { creatorCapReached = true });
        var (outcome, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.Equal(TimeSpan.FromHours(2), Assert.IsType<PublishOutcome.Deferred>(outcome).RetryAfter);
        Assert.Equal(BudgetScope.App, Assert.Single(work.Learned).Scope);
        Assert.Empty(work.Saved);
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync(Serve);

    private static JsonObject Public() => new() { ["privacyLevel"] = "publicToEveryone" };

    private static TestFile Film(int width = 360, int height = 640, int seconds = 5, int size = 3000) =>
        TestFile.Of(MediaBytes.Mp4(width, height, seconds, size: size), MediaKind.Video, "video/mp4", width, height, seconds * 1000);

    private Uri Serve(string name, byte[] bytes)
    {
        _files.Files[name] = bytes;
        return new Uri($"{_files.Address}/{name}");
    }

    private TestFile Photo(string name, byte grain = 1, int width = 1080, int height = 1920)
    {
        var bytes = MediaBytes.Jpeg(width, height, grain: grain);
        return TestFile.Of(bytes, MediaKind.Image, "image/jpeg", width, height, pullFrom: Serve(name, bytes));
    }

    private TestFile Png()
    {
        var bytes = MediaBytes.Png(400, 600);
        return TestFile.Of(bytes, MediaKind.Image, "image/png", 400, 600, pullFrom: Serve("png", bytes));
    }

    private static JsonObject Envelope(string code, string message) => new()
    {
        ["data"] = new JsonObject(),
        ["error"] = new JsonObject { ["code"] = code, ["message"] = message, ["log_id"] = "1" },
    };

    private static Fault Coded(int status, string code) =>
        new() { Method = "POST", Path = Init, Status = status, Body = Envelope(code, "So it is.").ToJsonString() };
}
