using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.X;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "permalinks are made here, not read")]
public sealed class XContractTests : SimulatorContract
{
    protected override string Network => "x";

    private protected override IProviderSetup Setup => new XSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        ["Providers:X:BaseUrl"] = address.AbsoluteUri,
        ["Providers:X:AuthorizeUrl"] = new Uri(address, "/i/oauth2/authorize").AbsoluteUri,
        ["Providers:X:ClientId"] = "x-client",
        ["Providers:X:ClientSecret"] = "x-secret",
        ["Providers:X:Threads"] = "true",
        ["Providers:X:SegmentBytes"] = "65536",
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/2/tweets");

    protected override string TokenPath => "/2/oauth2/token";

    protected override bool RenewsRefusedTokens => true;

    protected override IReadOnlyList<string> RequiredScopes => ["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"];

    protected override JsonObject Refusal(string code, string message) => new() { ["title"] = code, ["detail"] = message, ["type"] = "about:blank" };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(403, "Forbidden", "You are not permitted to perform this action."),
        "rateLimited" => Answer(429, "Too Many Requests", "Too Many Requests", "about:blank", ("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", In(300))),
        _ => Answer(401, "Unauthorized", "Unauthorized"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("Hello 日本語 👨‍👩‍👧‍👦 #tags $CASH, see https://example.com/a?b=c and example.org/d."),
        new("One image") { Files = [Jpeg()], Alts = ["A grey field"] },
        new("Four images") { Files = [Jpeg(), Jpeg(2), Jpeg(3), Jpeg(4)], Alts = ["one", null, "three"] },
        new("An image alone") { Body = null, Files = [Jpeg()] },
        new("An animation") { Files = [TestFile.Of(MediaBytes.Gif(frames: 3), MediaKind.Image, "image/gif", 40, 30, isAnimated: true)] },
        new("A thread") { Thread = ["The second part", "The third part"] },
        new("A post with a comment") { FirstComment = "The comment" },
        new("For some only") { Options = (JsonObject)GoodOptions.DeepClone() },
        Slow!,
    ];

    private protected override PostCase Slow => new("A film") { Files = [Film()], Alts = ["It moves"] };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 281), Rule = Rule.TooLong },
        new("too heavy") { Body = new string('日', 141), Rule = Rule.TooLong },
        new("a name costs 23") { Body = $"{new string('x', 260)} t.co", Rule = Rule.TooLong },
        new("two cashtags") { Body = "Buy $ONE and $TWO", Rule = Rule.TooMany },
        new("no character") { Body = "odd \uFEFF", Rule = Rule.WrongFormat },
        new("too many") { Files = [Jpeg(), Jpeg(), Jpeg(), Jpeg(), Jpeg()], Rule = Rule.TooMany },
        new("mixed") { Files = [Jpeg(), Film()], Rule = Rule.Excluded },
        new("a long alt") { Files = [Jpeg()], Alts = [new string('x', 1001)], Rule = Rule.TooLong, Code = DeliveryErrorCode.MediaRejected },
        new("too large") { Files = [TestFile.Of(MediaBytes.Jpeg(size: (5 << 20) + 1), MediaKind.Image, "image/jpeg", 40, 30)], Code = DeliveryErrorCode.MediaRejected },
        new("a long film")
        {
            Files = [TestFile.Of(MediaBytes.Mp4(seconds: 141), MediaKind.Video, "video/mp4", 640, 360, 141_000)], Code = DeliveryErrorCode.MediaRejected,
        },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Said("authRevoked"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("no credits", Answer(402, "CreditsDepleted", "No credits"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("duplicate", Answer(403, "Forbidden", "You are not allowed to create a Tweet with duplicate content."), typeof(PublishOutcome.Rejected), DeliveryErrorCode.DuplicateContent),
        new("not permitted", Said("rejected"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("client", Answer(403, "Forbidden", "The token lacks a scope", "https://api.x.com/2/problems/client-forbidden"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("invalid", Answer(400, "Invalid Request", "One or more parameters", "https://api.x.com/2/problems/invalid-request"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("capped", Answer(429, "UsageCapExceeded", "Usage cap exceeded", "https://api.x.com/2/problems/usage-capped"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.BudgetExhausted),
        new("too often", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too often, of old", new Fault { Status = 429, Body = """{"errors":[{"code":88,"message":"Rate limit exceeded"}]}""" }, typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 503, Body = "<html>Over capacity</html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new() { ["replySettings"] = "mentionedUsers", ["madeWithAi"] = true, ["paidPartnership"] = false };

    protected override IReadOnlyList<JsonObject> BadOptions => [new() { ["replySettings"] = "everyone" }, new() { ["madeWithAi"] = "yes" }];

    [Fact]
    public async Task A_lost_post_is_found_though_its_links_were_written_anew()
    {
        await FaultAsync(SettlementMode.ReadBack, "timeoutAfterAccept");
        var (lost, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        var told = await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default);
        Assert.Equal((await Simulator.JournalAsync())[0].Id, Assert.IsType<ReconcileOutcome.Found>(told).ProviderPostId);
    }

    [Fact]
    public async Task Subscribers_write_long_posts_that_are_found_by_all_of_their_text()
    {
        await ConsentAsync(new { approve = "bob" });
        var (tokens, destinations) = await ConnectAsync();
        var rules = Provider.RulesOf(destinations[0].Facts);
        Assert.Equal((25_000, 280), (rules.MaxText, Provider.Rules.MaxText));
        var text = string.Concat(Enumerable.Repeat("long https://example.com/x ", 40)).Trim();
        await FaultAsync(SettlementMode.ReadBack, "timeoutAfterAccept");
        var work = TestPublishWork.For(destinations[0], tokens, text, Time);
        Assert.IsType<PublishOutcome.Unconfirmed>(await Provider.Publisher.PublishAsync(work, default));
        Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
    }

    [Fact]
    public async Task A_part_whose_answer_was_lost_is_found_before_it_is_said_again()
    {
        var thread = Kinds.First(kind => kind.Thread.Count > 1);
        await ScriptAsync(new Fault { Method = "POST", Path = PublicCall.Path, Skip = 1, After = true });
        var work = WorkOf(thread);
        var half = Assert.IsType<PublishOutcome.Incomplete>((await RunAsync(work)).Outcome);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(thread, parts: half.Parts, deliveryId: work.DeliveryId))).Outcome);
        Assert.Equal([thread.Body, .. thread.Thread], (await Simulator.JournalAsync()).Select(ShownIn));
    }

    [Fact]
    public async Task The_wait_is_that_of_the_latest_window_that_is_used_up()
    {
        await ScriptAsync(Answer(429, "Too Many Requests", "Too Many Requests", "about:blank", ("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", In(60)),
            ("x-app-limit-24hour-remaining", "0"), ("x-app-limit-24hour-reset", In(7200)), ("x-user-limit-24hour-remaining", "5"), ("x-user-limit-24hour-reset", In(9000))));
        var (outcome, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.InRange(Assert.IsType<PublishOutcome.Deferred>(outcome).RetryAfter!.Value.TotalSeconds, 7100, 7200);
        Assert.Equal(0, Assert.Single(work.Learned).Left);
    }

    [Fact]
    public void A_link_is_told_to_cost_more() => Assert.Contains(
        ContentRules.Check(Provider, PostContent.Empty with { Body = "see https://example.com" }, Guid.Empty),
        issue => issue is { Rule: Rule.PriceChange, Severity: Severity.Warning });

    [Fact]
    public async Task An_app_that_X_does_not_know_is_the_operators_to_mend()
    {
        var provider = At(Simulator.Address, new Dictionary<string, string?> { ["Providers:X:ClientSecret"] = "another" });
        var trip = Waiting(Simulator.Address);
        var refused = Assert.IsType<ConsentOutcome.Refused>(await provider.Consent.ExchangeAsync(trip, new ConsentReturn(trip.State, "any"), default));
        Assert.Equal((DeliveryErrorCode.ProviderMisconfigured, NextStep.AskOperator), (refused.Error.Code, refused.Error.NextStep));
    }

    [Fact]
    public void Without_an_app_it_is_not_set_up_and_says_what_is_missing()
    {
        var provider = At(Simulator.Address, new Dictionary<string, string?> { ["Providers:X:ClientId"] = "" });
        Assert.False(provider.IsConfigured);
        Assert.Equal(["Providers:X:ClientId", "Providers:X:ClientSecret"], provider.MissingSettings);
    }

    private string In(int seconds) => Time.GetUtcNow().AddSeconds(seconds).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) => TestFile.Of(MediaBytes.Jpeg(grain: grain), MediaKind.Image, "image/jpeg", 40, 30);

    private static TestFile Film() => TestFile.Of(MediaBytes.Mp4(size: 200_000), MediaKind.Video, "video/mp4", 640, 360, 5000);

    private static Fault Answer(int status, string title, string detail, string type = "about:blank", params (string Name, string Value)[] headers) => new()
    {
        Status = status,
        Body = new JsonObject { ["title"] = title, ["detail"] = detail, ["type"] = type, ["status"] = status }.ToJsonString(),
        ContentType = "application/problem+json",
        Method = "POST",
        Path = "/2/tweets",
        Headers = headers.ToDictionary(h => h.Name, h => h.Value),
    };
}
