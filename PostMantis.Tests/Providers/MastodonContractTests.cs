using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Mastodon;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(Tokens_that_ran_out_are_renewed_and_then_serve), "tokens do not run out")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "there are no refresh tokens")]
[DoesNotApply(nameof(A_renewal_whose_answer_is_lost_or_broken_decides_nothing), "there are no refresh tokens")]
public sealed class MastodonContractTests : SimulatorContract
{
    protected override string Network => "mastodon";

    private protected override IProviderSetup Setup => new MastodonSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>();

    protected override IReadOnlyDictionary<string, string> Input(Uri address) =>
        new Dictionary<string, string> { ["server"] = $"http://127.0.0.1:{address.Port}/" };

    private protected override (string Method, string Path) PublicCall => ("POST", "/api/v1/statuses");

    protected override string TokenPath => "/oauth/token";

    protected override IReadOnlyList<string> RequiredScopes => ["write:statuses", "write:media", "read:statuses"];

    protected override bool IsEmptyListing(string name) => name == "an array";

    protected override ConsentTrip Waiting(Uri address) => new("state", new string('v', 43), Callback(Network))
    {
        Secrets = new Dictionary<string, string>
        {
            ["server"] = address.GetLeftPart(UriPartial.Authority), ["clientId"] = "c", ["clientSecret"] = "s3cret-of-the-app",
        },
    };

    protected override GrantTokens MovedTo(GrantTokens tokens, Uri address) => new()
    {
        AccessToken = tokens.AccessToken,
        Secrets = new Dictionary<string, string>(tokens.Secrets) { ["server"] = address.GetLeftPart(UriPartial.Authority) },
    };

    protected override JsonObject Refusal(string code, string message) =>
        new() { ["error"] = code, ["error_description"] = message };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(422, "Validation failed: Text is too odd"),
        "rateLimited" => Answer(429, "Too many requests", ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", Reset(300))),
        _ => Answer(401, "The access token is invalid"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A text with https://example.com/a-long-address, 日本語, 👨‍👩‍👧‍👦 and #tags"),
        new("One image") { Files = [Jpeg()], Alts = ["A grey field"] },
        new("Four images") { Files = [Jpeg(), Png(), Jpeg(grain: 2), Jpeg(grain: 3)], Alts = ["one", null, "three"] },
        new("An image alone") { Body = null, Files = [Jpeg()] },
        new("An animation") { Files = [TestFile.Of(MediaBytes.Gif(frames: 3), MediaKind.Image, "image/gif", 40, 30, isAnimated: true)] },
        new("A thread") { Thread = ["The second part", "The third part"] },
        new("A post with a comment") { FirstComment = "The comment" },
        new("A warning in front") { Options = (JsonObject)GoodOptions.DeepClone() },
        Slow!,
    ];

    private protected override PostCase Slow => new("A film") { Files = [Film()], Alts = ["It moves"] };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 501), Rule = Rule.TooLong },
        new("too long with a warning") { Body = new string('x', 490), Options = new() { ["spoilerText"] = "a warning of mine" }, Rule = Rule.TooLong },
        new("a long address costs 23") { Body = $"{new string('x', 480)} https://example.com/{new string('y', 200)}", Rule = Rule.TooLong },
        new("too many") { Files = [Jpeg(), Jpeg(), Jpeg(), Jpeg(), Jpeg()], Rule = Rule.TooMany },
        new("mixed") { Files = [Jpeg(), Film()], Rule = Rule.Excluded },
        new("two films") { Files = [Film(), Film()], Rule = Rule.TooMany },
        new("a long alt") { Files = [Jpeg()], Alts = [new string('x', 1501)], Rule = Rule.TooLong, Code = DeliveryErrorCode.MediaRejected },
        new("no film at all")
        {
            Files = [TestFile.Of([1, 2, 3], MediaKind.Document, "application/pdf")], Rule = Rule.Unsupported,
            Code = DeliveryErrorCode.MediaRejected,
        },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("revoked", Answer(401, "The access token was revoked"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("scope", Answer(403, "This action is outside the authorized scopes"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("disabled", Answer(403, "Your login is currently disabled"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("odd", Answer(422, "Validierung fehlgeschlagen"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("too often, ISO", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too often, epoch", Answer(429, "Too many", ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1790000000")),
            typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too often, asked", Answer(429, "Too many", ("Retry-After", "7")), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 502, Body = "<html>Bad gateway</html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["visibility"] = "unlisted", ["sensitive"] = true, ["spoilerText"] = "Careful", ["language"] = "en",
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
        [new() { ["visibility"] = "friends" }, new() { ["language"] = "english" }, new() { ["spoilerText"] = new string('x', 501) }];

    [Fact]
    public async Task The_limits_of_a_server_are_read_from_it_and_are_the_rules_of_its_profiles()
    {
        await ChangeAsync(new { maxCharacters = 1000, maxAttachments = 2, linkCharacters = 30, mimeTypes = new[] { "image/png" } });
        var destination = Destinations.Values.First();
        var facts = await Provider.AccountLimits!.ReadAsync(new PublishTarget(default, destination.Id, destination.Facts), Tokens, default);
        var rules = Provider.RulesOf(facts!);
        Assert.Equal((1000, 2, 30), (rules.MaxText, rules.MaxMedia, rules.UrlCounts));
        Assert.Equal(["image/png"], Assert.Single(rules.Media!.Rules).Types);
        Assert.Equal((500, 4), (Provider.RulesOf(destination.Facts).MaxText, Provider.Rules.MaxMedia));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(new PostCase(new string('x', 1000))))).Outcome);
    }

    [Theory]
    [InlineData("mastodon.social", "https://mastodon.social")]
    [InlineData("@ann@Bücher.example/", "https://xn--bcher-kva.example")]
    [InlineData("https://social.example:8443/about", "https://social.example:8443")]
    [InlineData("http://127.0.0.1:7304", "http://127.0.0.1:7304")]
    [InlineData("http://social.example", null)]
    [InlineData("ftp://social.example", null)]
    [InlineData("not a name", null)]
    public void A_server_is_named_in_many_ways(string typed, string? server) =>
        Assert.Equal(server, MastodonClient.ServerOf(typed));

    [Fact]
    public async Task What_is_no_server_of_this_kind_is_told_at_its_field()
    {
        foreach (var typed in new[] { "http://127.0.0.1:1", "not a name", "http://localhost:80" })
        {
            var trip = new ConsentTrip("s", new string('v', 43), Callback(Network)) { Input = new Dictionary<string, string> { ["server"] = typed } };
            Assert.Equal("server", Assert.IsType<ConsentStart.Refused>(await Provider.Consent.StartAsync(trip, default)).Field);
        }
    }

    [Fact]
    public async Task Older_servers_without_discovery_are_connected_too()
    {
        await ChangeAsync(new { hasDiscovery = false });
        Assert.NotEmpty((await ConnectAsync()).Destinations);
    }

    [Fact]
    public async Task A_lost_answer_is_found_in_the_listing_when_the_server_forgets_keys()
    {
        await ChangeAsync(new { honoursIdempotencyKey = false });
        await FaultAsync(SettlementMode.Idempotent, "timeoutAfterAccept");
        var (lost, work) = await RunAsync(WorkOf(Kinds[0]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        await WaitAsync(TimeSpan.FromHours(2));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Single(await Simulator.JournalAsync());
    }

    [Fact]
    public async Task A_file_that_an_earlier_call_attached_shows_that_the_call_arrived()
    {
        await ChangeAsync(new { honoursIdempotencyKey = false });
        await FaultAsync(SettlementMode.Idempotent, "timeoutAfterAccept");
        var (lost, work) = await RunAsync(WorkOf(Kinds[1]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        await WaitAsync(TimeSpan.FromMinutes(2));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Single(await Simulator.JournalAsync());
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) =>
        TestFile.Of(MediaBytes.Jpeg(grain: grain), MediaKind.Image, "image/jpeg", 40, 30);

    private static TestFile Png() => TestFile.Of(MediaBytes.Png(), MediaKind.Image, "image/png", 40, 30);

    private static TestFile Film() => TestFile.Of(MediaBytes.Mp4(), MediaKind.Video, "video/mp4", 640, 360, 5000);

    private string Reset(int seconds) =>
        Time.GetUtcNow().AddSeconds(seconds).ToString("O", System.Globalization.CultureInfo.InvariantCulture);

    private static Fault Answer(int status, string error, params (string Name, string Value)[] headers) => new()
    {
        Status = status, Body = new JsonObject { ["error"] = error }.ToJsonString(), Headers = headers.ToDictionary(h => h.Name, h => h.Value),
    };
}
