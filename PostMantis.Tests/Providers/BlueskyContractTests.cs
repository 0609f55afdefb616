using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Bluesky;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_denial_comes_back_as_one), "an app password grants at once")]
[DoesNotApply(nameof(Consent_for_less_than_publishing_needs_is_refused), "an app password grants at once")]
[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "an app password grants at once")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "permalinks are made here, not read")]
public sealed class BlueskyContractTests : SimulatorContract
{
    private const string Ann = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

    protected override string Network => "bluesky";

    private protected override IProviderSetup Setup => new BlueskySetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => ((string[])["BaseUrl", "DirectoryUrl", "AppViewUrl", "VideoUrl"])
        .ToDictionary(name => $"Providers:Bluesky:{name}", _ => (string?)address.AbsoluteUri);

    protected override IReadOnlyDictionary<string, string> Input(Uri address) =>
        new Dictionary<string, string> { ["handle"] = "ann.test", ["appPassword"] = "ann1-ann1-ann1-ann1" };

    private protected override (string Method, string Path) PublicCall => ("POST", "/xrpc/com.atproto.repo.putRecord");

    protected override string TokenPath => "/xrpc/com.atproto.server.refreshSession";

    protected override bool RenewsRefusedTokens => true;

    protected override JsonObject Refusal(string code, string message) => new() { ["error"] = code, ["message"] = message };

    protected override IReadOnlyDictionary<string, string> Parameters => new Dictionary<string, string> { ["iss"] = "https://sign-in.example" };

    protected override ConsentTrip Waiting(Uri address)
    {
        using var key = Core.Providers.DpopKey.New();
        var server = address.GetLeftPart(UriPartial.Authority);
        return new ConsentTrip("state", new string('v', 43), Callback(Network))
        {
            Secrets = new Dictionary<string, string>
            {
                ["dpopKey"] = key.Save(), ["did"] = Ann, ["server"] = server, ["issuer"] = "https://sign-in.example",
                ["tokenEndpoint"] = $"{server}/oauth/token", ["revokeEndpoint"] = $"{server}/oauth/revoke",
            },
        };
    }

    protected override GrantTokens MovedTo(GrantTokens tokens, Uri address) => new()
    {
        AccessToken = tokens.AccessToken,
        RefreshToken = tokens.RefreshToken,
        AccessTokenExpiresAt = tokens.AccessTokenExpiresAt,
        Secrets = new Dictionary<string, string>(tokens.Secrets) { ["server"] = address.GetLeftPart(UriPartial.Authority) },
    };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(400, "InvalidRequest", "Record/text must not be odd"),
        "rateLimited" => Answer(429, "RateLimitExceeded", "Rate Limit Exceeded", ("RateLimit-Remaining", "0"),
            ("RateLimit-Reset", Time.GetUtcNow().AddMinutes(5).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture))),
        _ => Answer(400, "InvalidToken", "Token could not be verified"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("Hello @bob.test, 日本語 👨‍👩‍👧‍👦 #tags, see https://example.com/a?b=c. And (https://example.com/d)!"),
        new("A card") { Link = new LinkCard("https://example.com/page"), Options = (JsonObject)GoodOptions.DeepClone() },
        new("One image") { Files = [Jpeg()], Alts = ["A grey field"] },
        new("Four images") { Files = [Jpeg(), Jpeg(2), Jpeg(3), Jpeg(4)], Alts = ["one", null, "three"] },
        new("A gallery") { Files = [.. Enumerable.Range(1, 6).Select(grain => Jpeg((byte)grain))], Alts = ["one"] },
        new("An image alone") { Body = null, Files = [Jpeg()] },
        new("A thread") { Thread = ["The second part", "The third part"] },
        new("A post with a comment") { FirstComment = "The comment" },
        Slow!,
    ];

    private protected override PostCase Slow => new("A film") { Files = [Film()], Alts = ["It moves"] };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 301), Rule = Rule.TooLong },
        new("too many bytes") { Body = string.Concat(Enumerable.Repeat("👨‍👩‍👧‍👦", 200)), Rule = Rule.TooLong },
        new("too many") { Files = [.. Enumerable.Range(1, 21).Select(grain => Jpeg((byte)grain))], Rule = Rule.TooMany },
        new("mixed") { Files = [Jpeg(), Film()], Rule = Rule.Excluded },
        new("too large") { Files = [TestFile.Of(MediaBytes.Jpeg(size: 2_000_001), MediaKind.Image, "image/jpeg", 40, 30)] },
        new("a long film")
        {
            Files = [TestFile.Of(MediaBytes.Mp4(seconds: 181), MediaKind.Video, "video/mp4", 640, 360, 181_000)], Code = DeliveryErrorCode.MediaRejected,
        },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Answer(400, "ExpiredToken", "Token has expired"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("revoked", Answer(400, "InvalidToken", "Token could not be verified"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("taken down", Answer(401, "AccountTakedown", "Account has been taken down"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("scope", Answer(403, "ScopeMissingError", "Missing required scope"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("schema", Answer(400, "InvalidRequest", "Record/text must not be longer"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("blob gone", Answer(400, "BlobNotFound", "Could not find blob"), typeof(PublishOutcome.Retry), DeliveryErrorCode.MediaRejected),
        new("wrong type", Answer(400, "InvalidMimeType", "Wrong mimetype"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("too large", Answer(413, "PayloadTooLarge", "request entity too large"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("too often, epoch", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("too often, asked", Answer(429, "RateLimitExceeded", "Rate Limit Exceeded", ("Retry-After", "9")), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 502, Body = "<html>Bad gateway</html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["languages"] = new JsonArray("en", "de-CH"), ["linkTitle"] = "A page", ["linkDescription"] = "What it is about",
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
    [
        new() { ["languages"] = new JsonArray("en", "de", "fr", "it") }, new() { ["languages"] = new JsonArray("no such language!") },
        new() { ["linkTitle"] = new string('x', 301) },
    ];

    [Fact]
    public void Keys_made_of_time_are_as_the_specification_says()
    {
        var newYear = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal(("3mbd3542k2222", "3mbd3542k2227", "2222222222222"),
            (BlueskyText.Tid(newYear, 0), BlueskyText.Tid(newYear, 5), BlueskyText.Tid(DateTimeOffset.UnixEpoch, 0)));
        var (key, at) = BlueskyText.Following("3mbd3542k2227", 3);
        Assert.Equal((BlueskyText.Tid(newYear.AddMicroseconds(3), 5), newYear.AddMicroseconds(3)), (key, at));
    }

    [Theory]
    [InlineData("Café ☕ see https://ex.am/p #go", "link 14-29 https://ex.am/p; tag 30-33 go")]
    [InlineData("日本 #日本、#", "tag 7-14 日本")]
    [InlineData("👨‍👩‍👧‍👦 @bob.test!", "mention 26-35 did:plc:bob")]
    [InlineData("@nobody.test mail a@bob.test #1 #1st x#no", "tag 32-36 1st")]
    [InlineData("(https://ex.am/a_(b)?c#frag), https://ex.am/.", "link 1-27 https://ex.am/a_(b)?c#frag; link 30-44 https://ex.am/")]
    [InlineData("#a#b \"#c\" ＃d.", "tag 0-2 a; tag 6-8 c; tag 10-14 d")]
    public void What_can_be_clicked_is_found_by_its_bytes(string text, string facets) => Assert.Equal(facets, string.Join("; ",
        BlueskyText.Facets(text, new Dictionary<string, string> { ["bob.test"] = "did:plc:bob" }).Select(facet =>
        {
            var feature = facet!["features"]![0]!.AsObject();
            return $"{((string)feature["$type"]!).Split('#')[1]} {facet["index"]!["byteStart"]}-{facet["index"]!["byteEnd"]} {feature.Last().Value}";
        })));

    [Fact]
    public async Task A_part_whose_answer_was_lost_is_put_once_however_often_it_is_tried()
    {
        var thread = Kinds.First(kind => kind.Thread.Count > 1);
        await ScriptAsync(new Fault { Method = "POST", Path = PublicCall.Path, Skip = 1, After = true });
        var work = WorkOf(thread);
        var half = Assert.IsType<PublishOutcome.Incomplete>((await RunAsync(work)).Outcome);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(thread, parts: half.Parts, deliveryId: work.DeliveryId))).Outcome);
        Assert.Equal([thread.Body, .. thread.Thread], (await Simulator.JournalAsync()).Select(ShownIn));
    }

    [Fact]
    public async Task A_film_sent_before_and_a_large_one_in_parts_are_shown_too()
    {
        for (var time = 0; time < 2; time++)
            Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Slow! with { Body = $"again {time}" }))).Outcome);
        await ChangeAsync(new { partBytes = 100_000 });
        var large = Slow! with { Body = "large", Files = [TestFile.Of(MediaBytes.Mp4(size: 350_000), MediaKind.Video, "video/mp4", 640, 360, 5000)] };
        var provider = At(Simulator.Address, new Dictionary<string, string?> { ["Providers:Bluesky:VideoPartsFrom"] = "300000" });
        var work = WorkOf(large);
        PublishOutcome outcome;
        var visits = 0;
        while ((outcome = await provider.Publisher.PublishAsync(work, default)) is PublishOutcome.Processing processing && visits++ < 40)
        {
            await WaitAsync(processing.CheckAfter);
            work = work.Resume();
        }
        Assert.IsType<PublishOutcome.Published>(outcome);
        Assert.True(visits >= 5, $"{visits} visits");
        Assert.Equal(large.Files[0].Sha256, (await Simulator.JournalAsync())[^1].Files[0].Sha256);
    }

    [Fact]
    public async Task By_OAuth_every_call_is_proven_tokens_rotate_and_the_key_stays()
    {
        var (tokens, account) = await ByOAuthAsync();
        Assert.Equal((Ann, true), (account.Id, tokens.Secrets.ContainsKey("dpopKey")));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Kinds[0], tokens))).Outcome);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Slow!, tokens))).Outcome);
        await ControlAsync($"/_sim/accounts/{Account}/expire");
        Assert.IsType<PublishOutcome.Deferred>((await RunAsync(WorkOf(Kinds[0], tokens))).Outcome);
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(tokens, default)).Tokens;
        Assert.Equal(tokens.Secrets["dpopKey"], renewed.Secrets["dpopKey"]);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Kinds[2], renewed))).Outcome);
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(tokens, default));
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(renewed, default));
        var (again, _) = await ByOAuthAsync();
        await Provider.Consent.RevokeAsync(again, default);
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(again, default));
    }

    [Fact]
    public async Task By_OAuth_a_denial_a_withheld_scope_and_another_server_or_account_are_refused()
    {
        await ConsentAsync(new { deny = true });
        var (_, denied, _) = await TravelAsync(OAuth);
        Assert.True(Provider.Consent.IsDenial(denied!.Error!));
        await ConsentAsync(new { deny = false, withhold = new[] { "transition:generic" } });
        var (trip, back, _) = await TravelAsync(OAuth);
        Assert.Equal(NextStep.Reconnect, Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, back!, default)).Error.NextStep);
        await ConsentAsync(new { withhold = Array.Empty<string>() });
        (trip, back, _) = await TravelAsync(OAuth);
        var elsewhere = back! with { Parameters = new Dictionary<string, string> { ["iss"] = "https://evil.example" } };
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, elsewhere, default));
        await ConsentAsync(new { approve = "bob.test" });
        (trip, back, _) = await TravelAsync(OAuth);
        Assert.Contains("Another account", Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, back!, default)).Error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ann.test", "not-an-app-password", null, "appPassword")]
    [InlineData("ann.test", "bob1-bob1-bob1-bob1", null, "appPassword")]
    [InlineData("nobody.test", null, null, "handle")]
    [InlineData("ann.test", "ann1-ann1-ann1-ann1", "http://127.0.0.1:1", "server")]
    [InlineData("ann.test", "ann1-ann1-ann1-ann1", "ftp://x", "server")]
    public async Task What_was_filled_in_wrongly_is_told_at_its_field(string handle, string? password, string? server, string field)
    {
        var input = new Dictionary<string, string> { ["handle"] = handle };
        if (password is not null) input["appPassword"] = password;
        if (server is not null) input["server"] = server;
        var refused = Assert.IsType<ConsentStart.Refused>(await Provider.Consent.StartAsync(
            new ConsentTrip("s", new string('v', 43), Callback(Network)) { Input = input }, default));
        Assert.Equal(field, refused.Field);
    }

    [Fact]
    public void The_client_is_known_by_a_document_of_this_instance()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var document = At(Simulator.Address, new Dictionary<string, string?>
        {
            ["PublicUrl"] = "https://post.example", ["Providers:Bluesky:ClientKey"] = key.ExportPkcs8PrivateKeyPem(),
        }).PublicDocument("client-metadata")!;
        Assert.Equal(("https://post.example/connect/clients/bluesky/client-metadata.json", "https://post.example/connect/callback/bluesky", "private_key_jwt"),
            ((string?)document["client_id"], (string?)document["redirect_uris"]![0], (string?)document["token_endpoint_auth_method"]));
        Assert.Null(document["jwks"]!["keys"]![0]!["d"]);
        Assert.Null(Provider.PublicDocument("other"));
    }

    [Fact]
    public void A_card_and_media_exclude_each_other() => Assert.Contains(IssuesOf(new PostCase("both")
    {
        Files = [Jpeg()], Link = new LinkCard("https://example.com"),
    }), issue => issue is { Rule: Rule.Excluded, Pointer: "/post/link" });

    private static IReadOnlyDictionary<string, string> OAuth { get; } = new Dictionary<string, string> { ["handle"] = "ann.test" };

    private async Task<(GrantTokens Tokens, ProviderAccount Account)> ByOAuthAsync()
    {
        var (trip, back, _) = await TravelAsync(OAuth);
        var granted = Assert.IsType<ConsentOutcome.Granted>(await Provider.Consent.ExchangeAsync(trip, back!, default));
        return (granted.Tokens, granted.Account);
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) => TestFile.Of(MediaBytes.Jpeg(grain: grain), MediaKind.Image, "image/jpeg", 40, 30);

    private static TestFile Film() => TestFile.Of(MediaBytes.Mp4(), MediaKind.Video, "video/mp4", 640, 360, 5000);

    private static Fault Answer(int status, string error, string message, params (string Name, string Value)[] headers) => new()
    {
        Status = status,
        Body = new JsonObject { ["error"] = error, ["message"] = message }.ToJsonString(),
        Headers = headers.ToDictionary(h => h.Name, h => h.Value),
    };
}
