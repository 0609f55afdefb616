using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.LinkedIn;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "PKCE is for native apps only")]
[DoesNotApply(nameof(Consent_for_less_than_publishing_needs_is_refused), "consent is all or nothing")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "refresh tokens serve until they end")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "addresses are made from ids")]
public sealed class LinkedInContractTests : SimulatorContract
{
    protected override string Network => "linkedin";

    private protected override IProviderSetup Setup => new LinkedInSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        ["Providers:LinkedIn:BaseUrl"] = address.AbsoluteUri,
        ["Providers:LinkedIn:LoginUrl"] = address.AbsoluteUri,
        ["Providers:LinkedIn:ClientId"] = "linkedin-app",
        ["Providers:LinkedIn:ClientSecret"] = "linkedin-secret",
        ["Providers:LinkedIn:Organizations"] = "true",
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/rest/posts");

    protected override string TokenPath => "/oauth/v2/accessToken";

    protected override bool RenewsRefusedTokens => true;

    protected override IReadOnlyDictionary<SettlementMode, Destination> Choose(IReadOnlyList<Destination> destinations) =>
        new Dictionary<SettlementMode, Destination>
        {
            [SettlementMode.ReadBack] = destinations.Single(d => d.Id == "urn:li:organization:55"),
            [SettlementMode.None] = destinations.Single(d => d.Id == "urn:li:person:aNn_782-x"),
        };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ChangeAsync(new { partBytes = 30_000, callsPerMember = 1000 });
    }

    protected override JsonObject Refusal(string code, string message) => new() { ["code"] = code, ["message"] = message };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(400, "INVALID_VALUE_FOR_FIELD", "That is odd"),
        "rateLimited" => Answer(429, null, "Resource level throttle limit for calls to this resource is reached."),
        _ => Answer(401, "REVOKED_ACCESS_TOKEN", "The token has been revoked"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A text with (brackets), #tags, a_b*c~d|e @someone <x> {y} [z] \\ 日本語, 👨‍👩‍👧‍👦 and https://example.com/a_(b)"),
        new("A link") { Link = new LinkCard("https://example.com/page"), Options = new() { ["title"] = "Page", ["description"] = "Worth it" } },
        new("A link without words") { Link = new LinkCard("https://example.com/page") },
        new("One image") { Files = [Jpeg()], Alts = ["A grey field"] },
        new("Three images") { Files = [Jpeg(), Png(), Jpeg(2)], Alts = ["one", null, "three"] },
        new("An image alone") { Body = null, Files = [Jpeg(3)] },
        new("An animation") { Files = [TestFile.Of(MediaBytes.Gif(frames: 3), MediaKind.Image, "image/gif", 40, 30, isAnimated: true)] },
        new("A document") { Files = [Pdf()] },
        new("A post with a comment") { FirstComment = "The comment (first)" },
        new("For members only") { Options = new() { ["visibility"] = "loggedIn", ["disableReshare"] = true } },
        Slow!,
    ];

    private protected override PostCase Slow => new("A film") { Files = [Film()], Options = new() { ["title"] = "It moves" } };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 3001), Rule = Rule.TooLong },
        new("too many") { Files = [.. Enumerable.Range(0, 21).Select(i => Jpeg((byte)i))], Rule = Rule.TooMany },
        new("a film among images") { Files = [Jpeg(), Film()], Rule = Rule.Excluded },
        new("a long alt") { Files = [Jpeg()], Alts = [new string('x', 4087)], Rule = Rule.TooLong },
        new("a short film") { Files = [Film(2)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("a film of few bytes") { Files = [Film(5, 50_000)], Rule = Rule.TooShort, Code = DeliveryErrorCode.MediaRejected },
        new("a picture to convert")
        {
            Files = [TestFile.Of(MediaBytes.WebP(), MediaKind.Image, "image/webp", 40, 30)], Code = DeliveryErrorCode.MediaRejected,
        },
        new("connections of a page") { Options = new() { ["visibility"] = "connections" }, Rule = Rule.Excluded },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("expired", Answer(401, "EXPIRED_ACCESS_TOKEN", "Expired access token"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.AuthRevoked),
        new("role lost", Answer(403, "ACCESS_DENIED", "Not enough permissions"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("old version", Answer(426, "NONEXISTENT_VERSION", "not active"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("no version", Answer(400, "VERSION_MISSING", "A version must be present"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("too long", Answer(400, "FIELD_LENGTH_TOO_LONG", "too long"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("bad media", Answer(400, "MEDIA_ASSET_PROCESSING_FAILED", "bad"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("media not ready", Answer(400, "MEDIA_ASSET_WAITING_UPLOAD", "wait"), typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("conflict", Answer(409, "CONFLICT", "conflict"), typeof(PublishOutcome.Retry), DeliveryErrorCode.ProviderUnavailable),
        new("twice", Answer(422, "DUPLICATE_POST", "Content is a duplicate of urn:li:share:1"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.DuplicateContent),
        new("twice, older words", Answer(422, null, "Content is a duplicate of urn:li:share:1"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.DuplicateContent),
        new("too often", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 504, Body = "<html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["visibility"] = "connections", ["disableReshare"] = true, ["title"] = "A title", ["description"] = "More of it",
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
        [new() { ["visibility"] = "friends" }, new() { ["title"] = "" }, new() { ["title"] = new string('x', 201) }];

    [Fact]
    public async Task A_member_and_the_pages_with_a_fitting_role_are_offered_and_a_refused_listing_leaves_the_member()
    {
        string[] all = ["urn:li:person:aNn_782-x", "urn:li:organization:55", "urn:li:organization:56"];
        Assert.Equal(all, (await ConnectAsync()).Destinations.Select(d => d.Id));
        await ChangeAsync(new { olderAcls = true });
        Assert.Equal(all, (await ConnectAsync()).Destinations.Select(d => d.Id));
        await ChangeAsync(new { communityManagement = false });
        var left = await Provider.Consent.ListDestinationsAsync(Tokens, default);
        Assert.Equal([all[0]], Assert.IsType<DestinationsOutcome.Listed>(left).Destinations.Select(d => d.Id));
    }

    [Fact]
    public void Connections_are_for_members_and_the_choices_say_so()
    {
        var (page, member) = (Destinations[SettlementMode.ReadBack].Facts, Destinations[SettlementMode.None].Facts);
        Assert.Equal(["public", "loggedIn"], Provider.ChoicesOf(page)["visibility"]!.AsArray().Select(choice => (string?)choice));
        Assert.Empty(Provider.ChoicesOf(member));
        Assert.Empty(Provider.RulesOf(member).ExcludedChoices);
    }

    [Fact]
    public async Task A_code_serves_once_and_a_renewal_keeps_the_refresh_token()
    {
        var (tokens, _) = await GrantAsync();
        Assert.Equal(6, tokens.Scopes.Count);
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(tokens, default)).Tokens;
        Assert.Equal((tokens.RefreshToken, tokens.RefreshTokenExpiresAt), (renewed.RefreshToken, renewed.RefreshTokenExpiresAt));
        Assert.NotEqual(tokens.AccessToken, renewed.AccessToken);
        await ChangeAsync(new { scopeCommas = false, refreshTokens = false });
        var (plain, _) = await GrantAsync();
        Assert.Equal((6, null), (plain.Scopes.Count, plain.RefreshToken));
        await ControlAsync($"/_sim/accounts/{Account}/revoke");
        // Without a refresh token nothing but a person helps.
        AssertAuthRevoked((await RunAsync(WorkOf(Kinds[0], plain))).Outcome);
        Assert.IsType<PublishOutcome.Rejected>((await RunAsync(WorkOf(Kinds[0], plain))).Outcome);
    }

    [Fact]
    public async Task A_post_without_its_id_is_unconfirmed_and_found_by_what_it_shows()
    {
        await ChangeAsync(new { idWithheld = true });
        foreach (var kind in new[] { Kinds[0], Kinds[1], Kinds[3], Kinds[4], Slow })
        {
            var (outcome, work) = await RunAsync(WorkOf(kind));
            Assert.Equal("no_id", Assert.IsType<PublishOutcome.Unconfirmed>(outcome).Cause);
            var found = Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
            Assert.Equal((await JournalAsync(Simulator))[^1].Id, found.ProviderPostId);
            Assert.Equal($"https://www.linkedin.com/feed/update/{found.ProviderPostId}/", found.Url);
        }
    }

    [Fact]
    public async Task A_post_of_the_same_words_with_another_picture_is_not_ours()
    {
        await RunAsync(WorkOf(Kinds[3]));
        await FaultAsync(SettlementMode.ReadBack, "timeoutBeforeAccept");
        var (_, work) = await RunAsync(WorkOf(Kinds[3]));
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
    }

    [Fact]
    public async Task Pictures_of_a_member_whose_state_cannot_be_read_get_a_while()
    {
        await ChangeAsync(new { communityManagement = false, processingSeconds = 5 });
        var member = new GrantTokens { AccessToken = Tokens.AccessToken, RefreshToken = Tokens.RefreshToken };
        foreach (var grant in Simulator.Sim.Grants.All) grant.Scopes = new HashSet<string> { "openid", "profile", "w_member_social" };
        var picture = Kinds[3];
        var work = TestPublishWork.For(Destinations[SettlementMode.None], member, picture.Content(), picture.Files, Time);
        Assert.Equal(TimeSpan.FromSeconds(8), Assert.IsType<PublishOutcome.Processing>(
            await Provider.Publisher.PublishAsync(work, default)).CheckAfter);
        await WaitAsync(TimeSpan.FromSeconds(8));
        Assert.IsType<PublishOutcome.Published>(await Provider.Publisher.PublishAsync(work.Resume(), default));
    }

    [Fact]
    public async Task A_comment_is_sent_once_and_its_trouble_is_its_own()
    {
        await ScriptAsync(new Fault { Method = "POST", Path = "/comments", After = true });
        var work = WorkOf(Kinds[8]);
        var lost = Assert.IsType<PublishOutcome.Published>((await RunAsync(work)).Outcome);
        Assert.Equal(PartStatus.Unknown, lost.Parts.Single(p => p.Kind == PartKind.FirstComment).Status);
        await RunAsync(work.Resume());
        await RunAsync(WorkOf(Kinds[8], parts: lost.Parts));
        Assert.Equal(2, (await JournalAsync(Simulator)).Count);
        // A post found again after a crash: the comment of the attempt before is there.
        var root = lost.Parts.Where(p => p.Kind == PartKind.Root).Append(new DeliveryPart(1, PartKind.FirstComment, PartStatus.Pending));
        var found = Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Kinds[8], parts: [.. root]))).Outcome);
        Assert.Equal((await JournalAsync(Simulator))[1].Id, found.Parts.Single(p => p.Kind == PartKind.FirstComment).ProviderPostId);
        Assert.Equal(2, (await JournalAsync(Simulator)).Count);
        var tooLong = Kinds[8] with { Body = "Another", FirstComment = new string('x', 1251) };
        Assert.Equal(Rule.TooLong, Assert.Single(IssuesOf(tooLong)).Rule);
        var failed = Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(tooLong))).Outcome);
        Assert.Equal(DeliveryErrorCode.ContentRejected, failed.Parts.Single(p => p.Kind == PartKind.FirstComment).Error!.Code);
    }

    [Fact]
    public void A_link_card_and_files_do_not_share_a_post() => Assert.Equal(Rule.Excluded,
        Assert.Single(IssuesOf(Kinds[3] with { Link = new LinkCard("https://example.com") })).Rule);

    [Theory]
    [InlineData("C# and #1 and a#b", @"C\# and #1 and a\#b")]
    [InlineData("##double", @"\#\#double")]
    [InlineData(@"back\slash", @"back\\slash")]
    public void Markup_is_escaped_and_read_back(string text, string markup)
    {
        Assert.Equal(markup, LittleText.Escape(text));
        Assert.Equal(text, LittleText.Unescape(markup));
        Assert.Equal("#launch day", LittleText.Unescape(@"{hashtag|\#|launch} day"));
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) => TestFile.Of(MediaBytes.Jpeg(grain: grain), MediaKind.Image, "image/jpeg", 40, 30);

    private static TestFile Png() => TestFile.Of(MediaBytes.Png(), MediaKind.Image, "image/png", 40, 30);

    private static TestFile Film(int seconds = 5, int size = 80_000) =>
        TestFile.Of(MediaBytes.Mp4(seconds: seconds, size: size), MediaKind.Video, "video/mp4", 640, 360, seconds * 1000);

    private static TestFile Pdf() => TestFile.Of(Encoding.ASCII.GetBytes("%PDF-1.4 /Type /Page "), MediaKind.Document, "application/pdf");

    private static Fault Answer(int status, string? code, string message) => new()
    {
        Status = status,
        Body = new JsonObject { ["status"] = status, ["code"] = code, ["message"] = message, ["serviceErrorCode"] = 100 }.ToJsonString(),
    };
}
