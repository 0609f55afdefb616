using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.YouTube;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "refresh tokens stay as they are")]
[DoesNotApply(nameof(Slow_processing_is_waited_for_without_a_worker), "the last byte makes a film public; what it waits for after that has a case of its own")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "addresses are made from ids")]
public sealed class YouTubeContractTests : SimulatorContract
{
    private const string Upload = "/upload/youtube/v3/videos";

    protected override string Network => "youtube";

    private protected override IProviderSetup Setup => new YouTubeSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        ["Providers:YouTube:BaseUrl"] = address.AbsoluteUri,
        ["Providers:YouTube:ConsentUrl"] = address.AbsoluteUri,
        ["Providers:YouTube:TokenUrl"] = address.AbsoluteUri,
        ["Providers:YouTube:ClientId"] = "google-client",
        ["Providers:YouTube:ClientSecret"] = "google-secret",
        ["Providers:YouTube:ChunkGrains"] = "1",
    };

    private protected override (string Method, string Path) PublicCall => ("PUT", Upload);

    protected override string TokenPath => "/token";

    protected override IReadOnlyList<string> RequiredScopes =>
        ["https://www.googleapis.com/auth/youtube.upload", "https://www.googleapis.com/auth/youtube.readonly"];

    protected override bool RenewsRefusedTokens => true;

    private protected override (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(SettlementMode mode, string body, JsonObject? options)
    {
        var file = Film();
        return (new DeliveryContent(body, null, [file.Item()], [], null, options ?? Titled()), [file]);
    }

    private protected override string ShownIn(Published entry) => entry.Details.GetValueOrDefault("description") ?? "";

    protected override JsonObject Refusal(string code, string message) => Envelope(400, code, message);

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(400, "invalidVideoMetadata"),
        "rateLimited" => Answer(403, "rateLimitExceeded"),
        _ => Answer(401, "authError"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A film, 日本語 and 👨‍👩‍👧‍👦") { Files = [Film()], Options = Titled() },
        new("A Short") { Files = [Film(360, 640)], Options = Titled("Short") },
        new("Everything") { Files = [Film()], Options = (JsonObject)GoodOptions.DeepClone() },
        new("No words") { Body = null, Files = [Film()], Options = Titled("Silent") },
        new("In chunks") { Files = [Film(size: 700_000)], Options = Titled("Long") },
    ];

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("no film") { Options = Titled(), Rule = Rule.TooFew, Code = DeliveryErrorCode.MediaUnavailable },
        new("a picture alone") { Files = [Jpeg()], Options = Titled(), Rule = Rule.TooFew, Code = DeliveryErrorCode.MediaUnavailable },
        new("too long") { Body = new string('ü', 2501), Files = [Film()], Options = Titled(), Rule = Rule.TooLong },
        new("angles") { Body = "a < b", Files = [Film()], Options = Titled(), Rule = Rule.Excluded },
        new("no title") { Files = [Film()], Rule = Rule.Required },
        new("a long title") { Files = [Film()], Options = Titled(new string('x', 101)), Rule = Rule.TooLong },
        new("angles in the title") { Files = [Film()], Options = Titled("a > b"), Rule = Rule.WrongFormat },
        new("many tags")
        {
            Files = [Film()], Rule = Rule.TooLong,
            Options = new() { ["title"] = "T", ["tags"] = new JsonArray([.. Enumerable.Range(0, 60).Select(i => JsonValue.Create($"tag {i:00}"))]) },
        },
        new("no such category") { Files = [Film()], Options = new() { ["title"] = "T", ["categoryId"] = "999" } },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Said("authRevoked"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("no channel", At(Answer(401, "youtubeSignupRequired")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("scopes", At(Answer(403, "insufficientPermissions")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("forbidden", At(Answer(403, "forbidden")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("privacy", At(Answer(403, "forbiddenPrivacySetting")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("day's quota", At(Answer(403, "quotaExceeded")), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("channel's day", At(Answer(400, "uploadLimitExceeded")), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too fast", At(Answer(429, "userRateLimitExceeded")), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("title", At(Answer(400, "invalidTitle")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("no bytes", At(Answer(400, "mediaBodyRequired")), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("down before", At(Answer(503, "backendError")), typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("down at the end", Answer(503, "backendError"), typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["title"] = "Launch", ["privacyStatus"] = "unlisted", ["tags"] = new JsonArray("a", "two words"), ["categoryId"] = "22",
        ["madeForKids"] = false, ["syntheticMedia"] = true, ["notifySubscribers"] = false,
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
    [
        [], new() { ["title"] = " " }, new() { ["title"] = "T", ["privacyStatus"] = "secret" }, new() { ["title"] = "T", ["tags"] = new JsonArray("<") },
        new() { ["title"] = "T", ["categoryId"] = "music" },
    ];

    protected override IReadOnlyList<string> Pieces { get; } =
        ["plain words ", "ümlaut ", "日本語", "👍🏽", "👨‍👩‍👧‍👦", "https://example.com/a/b?c=d ", "#tag ", "\n", "& \" ' ", "… — “q” "];

    [Fact]
    public async Task An_upload_cut_in_the_middle_goes_on_where_it_stopped()
    {
        await ScriptAsync(new Fault { Method = "PUT", Path = Upload, Skip = 1 });
        var work = WorkOf(Kinds[4]);
        Assert.IsType<PublishOutcome.Processing>(await Provider.Publisher.PublishAsync(work, default));
        Assert.False(work.CallStarted);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        var entry = Assert.Single(await JournalAsync(Simulator));
        var film = (TestFile)work.Files.Values.Single();
        Assert.Equal((film.Sha256, 1), (entry.Files[0].Sha256, film.OpenedFromStart));
    }

    [Theory]
    [InlineData("ours")]
    [InlineData("theirs")]
    public async Task A_session_that_is_gone_is_looked_up_on_the_channel_before_another_is_begun(string ahead)
    {
        PutAhead(ahead);
        await FaultAsync(SettlementMode.Probe, "timeoutAfterAccept");
        var (lost, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        await WaitAsync(TimeSpan.FromDays(8));
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(Tokens, default)).Tokens;
        var later = TestPublishWork.For(Destinations.Values.First(), renewed, work.Content, [(TestFile)work.Files.Values.Single()], Time, handles: work.Saved);
        Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(later.Reconcile(SettlementMode.Probe), default));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(later)).Outcome);
        Assert.Single(await JournalAsync(Simulator));
    }

    [Fact]
    public async Task A_film_counts_as_published_when_it_can_be_seen_and_a_rejected_one_never()
    {
        var work = WorkOf(Kinds[0]);
        Assert.IsType<PublishOutcome.Processing>(await Provider.Publisher.PublishAsync(work, default));
        await WaitAsync(TimeSpan.FromSeconds(5));
        var published = Assert.IsType<PublishOutcome.Published>(await Provider.Publisher.PublishAsync(work.Resume(), default));
        Assert.Equal($"https://www.youtube.com/watch?v={published.ProviderPostId}", published.Url);
        await ChangeAsync(new { rejectionReason = "copyright", rejectionSeconds = 0 });
        var (refused, _) = await RunAsync(WorkOf(Kinds[1]));
        Assert.Equal((DeliveryErrorCode.ContentRejected, "copyright"),
            (Assert.IsType<PublishOutcome.Rejected>(refused).Error.Code, ((PublishOutcome.Rejected)refused).Error.Provider!.Code));
        var noFilm = Kinds[0] with { Files = [TestFile.Of([1, 2, 3, 4], MediaKind.Video, "video/mp4", 640, 360, 5000)] };
        var (broken, _) = await RunAsync(WorkOf(noFilm));
        Assert.Equal((DeliveryErrorCode.MediaRejected, "invalidFile"),
            (Assert.IsType<PublishOutcome.Rejected>(broken).Error.Code, ((PublishOutcome.Rejected)broken).Error.Provider!.Code));
    }

    [Fact]
    public async Task The_picture_beside_a_film_is_its_thumbnail_whose_trouble_is_its_own()
    {
        var post = Kinds[1] with { Files = [Film(360, 640), Jpeg()] };
        Assert.Empty(IssuesOf(post));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(post))).Outcome);
        var journal = await JournalAsync(Simulator);
        Assert.Equal(["short", "thumbnail"], journal.Select(entry => entry.Kind));
        Assert.Equal((journal[0].Id, post.Files[1].Sha256), (journal[1].Id, journal[1].Files[0].Sha256));
        await ScriptAsync(new Fault { Path = "/thumbnails/set", Status = 403, Body = Envelope(403, "forbidden", "no phone").ToJsonString() });
        var (outcome, work) = await RunAsync(WorkOf(post with { Name = "again" }));
        Assert.IsType<PublishOutcome.Published>(outcome);
        Assert.Equal("forbidden", work.Saved["thumbnailRefused"]);
    }

    [Fact]
    public async Task The_days_quota_is_the_whole_apps_and_comes_back_at_midnight_in_california()
    {
        await ChangeAsync(new { insertsPerDay = 0 });
        var (outcome, work) = await RunAsync(WorkOf(Kinds[0]));
        var learned = Assert.Single(work.Learned);
        Assert.Equal((0, BudgetScope.App), (learned.Left, learned.Scope));
        var left = learned.ResetsAt - Time.GetUtcNow();
        Assert.InRange(Assert.IsType<PublishOutcome.Deferred>(outcome).RetryAfter!.Value, left, left + TimeSpan.FromMinutes(1));
        var there = TimeZoneInfo.ConvertTime(learned.ResetsAt, TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles"));
        Assert.Equal(TimeSpan.Zero, there.TimeOfDay);
    }

    [Fact]
    public async Task An_account_without_a_channel_cannot_be_connected()
    {
        await ConsentAsync(new { approve = "nochannel" });
        var (trip, back, _) = await TravelAsync();
        var refused = Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, back!, default));
        Assert.Equal(DeliveryErrorCode.AccountRestricted, refused.Error.Code);
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static JsonObject Titled(string title = "Film") => new() { ["title"] = title };

    private static TestFile Film(int width = 640, int height = 360, int size = 3000) =>
        TestFile.Of(MediaBytes.Mp4(width, height, size: size), MediaKind.Video, "video/mp4", width, height, 5000);

    private static TestFile Jpeg() => TestFile.Of(MediaBytes.Jpeg(), MediaKind.Image, "image/jpeg", 40, 30);

    private static JsonObject Envelope(int status, string reason, string message) => new()
    {
        ["error"] = new JsonObject
        {
            ["code"] = status, ["message"] = message,
            ["errors"] = new JsonArray(new JsonObject { ["message"] = message, ["domain"] = "youtube.video", ["reason"] = reason }),
        },
    };

    private static Fault Answer(int status, string reason) => new() { Status = status, Body = Envelope(status, reason, "So it is.").ToJsonString() };

    private static Fault At(Fault fault)
    {
        (fault.Method, fault.Path) = ("POST", Upload);
        return fault;
    }
}
