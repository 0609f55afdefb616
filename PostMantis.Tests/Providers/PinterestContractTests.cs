using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Pinterest;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "Pinterest has no PKCE")]
[DoesNotApply(nameof(Disconnecting_ends_the_grant_at_the_network), "only tokens of system users can be ended")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "addresses are made from ids")]
public sealed class PinterestContractTests : SimulatorContract
{
    protected override string Network => "pinterest";

    private protected override IProviderSetup Setup => new PinterestSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        ["Providers:Pinterest:BaseUrl"] = address.AbsoluteUri,
        ["Providers:Pinterest:ConsentUrl"] = address.AbsoluteUri,
        ["Providers:Pinterest:ClientId"] = "pinterest-app",
        ["Providers:Pinterest:ClientSecret"] = "pinterest-secret",
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/v5/pins");

    protected override string TokenPath => "/v5/oauth/token";

    protected override IReadOnlyList<string> RequiredScopes =>
        ["boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read"];

    protected override bool RenewsRefusedTokens => true;

    private protected override (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(SettlementMode mode, string body, JsonObject? options)
    {
        var file = Jpeg();
        return (new DeliveryContent(body, null, [file.Item()], [], null, options ?? []), [file]);
    }

    [Fact]
    public void What_is_only_reported_is_configuration()
    {
        var media = At(Simulator.Address, new Dictionary<string, string?>
        {
            ["Providers:Pinterest:MaxPictureBytes"] = "5", ["Providers:Pinterest:MaxFilmBytes"] = "6", ["Providers:Pinterest:MaxFilm"] = "00:00:07",
        }).Rules.Media!;
        Assert.Equal([(5L, null), (6L, 7000L)], media.Rules.Select(rule => (rule.MaxBytes, rule.MaxDurationMs)));
    }

    protected override JsonObject Refusal(string code, string message) => new() { ["code"] = code, ["message"] = message };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(400, 1, "Invalid request"),
        "rateLimited" => Answer(429, 8, "This request exceeded a rate limit.", ("x-ratelimit-reset", "60, 60;w=60")),
        _ => Answer(401, 2, "Authentication failed."),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A picture with 日本語, 👨‍👩‍👧‍👦 and #tags") { Files = [Jpeg()], Alts = ["A grey field"] },
        new("Everything") { Files = [Png()], Link = new LinkCard("https://example.com/soup"), Options = (JsonObject)GoodOptions.DeepClone() },
        new("No words") { Body = null, Files = [Jpeg(4)] },
        new("Three pictures") { Files = [Jpeg(), Jpeg(2), Jpeg(3)] },
        Slow!,
    ];

    private protected override PostCase Slow => new("A film") { Files = [Film()] };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("nothing to see") { Rule = Rule.Required, Code = DeliveryErrorCode.MediaUnavailable },
        new("too long") { Body = new string('x', 801), Files = [Jpeg()], Rule = Rule.TooLong },
        new("a long title") { Files = [Jpeg()], Options = new() { ["title"] = new string('x', 101) }, Rule = Rule.TooLong },
        new("a long alt") { Files = [Jpeg()], Alts = [new string('x', 501)], Rule = Rule.TooLong },
        new("a long link") { Files = [Jpeg()], Link = new LinkCard("https://example.com/" + new string('x', 2030)), Rule = Rule.TooLong },
        new("too many") { Files = [.. Enumerable.Range(0, 6).Select(i => Jpeg((byte)i))], Rule = Rule.TooMany },
        new("two sizes") { Files = [Jpeg(), Png(601)], Rule = Rule.OutOfRange },
        new("a film among pictures") { Files = [Jpeg(), Film()], Rule = Rule.Excluded },
        new("a short film") { Files = [Film(3)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Said("authRevoked"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("scopes", Answer(401, 3, "Your scopes are insufficient"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("not permitted", Answer(403, 29, "not permitted"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("board gone", Answer(404, 40, "Board not found."), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("section gone", Answer(404, 2031, "Board section not found."), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("odd", Said("rejected"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("conflict", Answer(409, 409, "conflict"), typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("too large", Answer(413, 413, "too large"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("too often", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 503, Body = "<html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new() { ["title"] = "Soup", ["boardSectionId"] = "5195048" };

    protected override IReadOnlyList<JsonObject> BadOptions =>
        [new() { ["title"] = "" }, new() { ["title"] = new string('x', 101) }, new() { ["boardSectionId"] = "soups" }];

    [Fact]
    public async Task Boards_are_the_destinations_without_those_for_advertisements_and_their_sections_are_choices()
    {
        var (tokens, boards) = await ConnectAsync();
        Assert.Equal(["Recipes", "Garden"], boards.Select(board => board.Name));
        var facts = await Provider.AccountLimits!.ReadAsync(new PublishTarget(default, boards[0].Id, boards[0].Facts), tokens, default);
        Assert.Equal("5195048", (string?)Provider.ChoicesOf(facts!)["boardSectionId"]![0]!["id"]);
        Assert.Empty(Provider.ChoicesOf(boards[0].Facts));
    }

    [Fact]
    public async Task Throttling_tells_when_to_come_back_by_its_first_number()
    {
        await FaultAsync(SettlementMode.ReadBack, "rateLimited");
        var (outcome, _) = await RunAsync(WorkOf(Kinds[0]));
        Assert.Equal(TimeSpan.FromSeconds(60), Assert.IsType<PublishOutcome.Deferred>(outcome).RetryAfter);
    }

    [Fact]
    public async Task A_lost_pin_is_found_by_all_it_says_and_never_taken_for_another()
    {
        await RunAsync(WorkOf(Kinds[1] with { Options = new() { ["title"] = "Stew" } }));
        await FaultAsync(SettlementMode.ReadBack, "timeoutAfterAccept");
        var (_, work) = await RunAsync(WorkOf(Kinds[1]));
        var found = Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
        Assert.Equal((await JournalAsync(Simulator))[1].Id, found.ProviderPostId);
        Assert.Equal($"https://www.pinterest.com/pin/{found.ProviderPostId}/", found.Url);
    }

    [Fact]
    public void A_pin_has_one_alternative_text() => Assert.Equal((Rule.Unsupported, "/media/1/alt"),
        IssuesOf(Kinds[3] with { Alts = [null, "second"] }).Select(issue => (issue.Rule, issue.Pointer)).Single());

    [Fact]
    public async Task A_film_has_a_cover_and_is_sent_without_our_token()
    {
        var film = Film();
        var content = new DeliveryContent("Cover", null, [film.Item(coverAtMs: 2500)], [], null, []);
        var (outcome, _) = await RunAsync(TestPublishWork.For(Destinations.Values.First(), Tokens, content, [film], Time));
        Assert.IsType<PublishOutcome.Published>(outcome);
        Assert.Equal(film.Sha256, (await JournalAsync(Simulator))[0].Files[0].Sha256);
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) => TestFile.Of(MediaBytes.Jpeg(600, 900, grain: grain), MediaKind.Image, "image/jpeg", 600, 900);

    private static TestFile Png(int width = 600) => TestFile.Of(MediaBytes.Png(width, 900), MediaKind.Image, "image/png", width, 900);

    private static TestFile Film(int seconds = 5) =>
        TestFile.Of(MediaBytes.Mp4(seconds: seconds, size: 200_000), MediaKind.Video, "video/mp4", 640, 360, seconds * 1000);

    private static Fault Answer(int status, int code, string message, params (string Name, string Value)[] headers) => new()
    {
        Status = status, Body = new JsonObject { ["code"] = code, ["message"] = message }.ToJsonString(),
        Headers = headers.ToDictionary(h => h.Name, h => h.Value),
    };
}
