using System.Text.Json.Nodes;
using CsCheck;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Posts;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Facebook;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;
using SimulatedRules = PostMantis.Simulators.Facebook.FacebookSettings;
using FacebookSettings = PostMantis.Core.Providers.Facebook.FacebookSettings;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "there is no PKCE; that a code serves once has a test of its own")]
[DoesNotApply(nameof(Tokens_that_ran_out_are_renewed_and_then_serve), "tokens do not run out")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "there are no refresh tokens")]
[DoesNotApply(nameof(A_renewal_whose_answer_is_lost_or_broken_decides_nothing), "there are no refresh tokens")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_bad_token_is_a_definite_auth_error), "each Page has a token of its own; that a bad one is told has a test of its own")]
public sealed class FacebookContractTests : MetaContract
{
    private const int MostText = 300;
    private int _round;

    protected override string Network => FacebookProvider.Name;

    private protected override IProviderSetup Setup => new FacebookSetup();

    private SimulatedRules Simulated => (SimulatedRules)Simulator.Network.Settings;

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        [$"{FacebookSettings.Section}:ClientId"] = "meta-app",
        [$"{FacebookSettings.Section}:ClientSecret"] = "meta-secret",
        [$"{FacebookSettings.Section}:BaseUrl"] = address.AbsoluteUri,
        [$"{FacebookSettings.Section}:SignInUrl"] = address.AbsoluteUri,
        [$"{FacebookSettings.Section}:VideoUrl"] = address.AbsoluteUri,
        [$"{FacebookSettings.Section}:UploadUrl"] = address.AbsoluteUri,
        [$"{FacebookSettings.Section}:BusinessPages"] = "true",
        [$"{FacebookSettings.Section}:MaxText"] = $"{MostText}",
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/feed");

    protected override string TokenPath => "/oauth/access_token";

    protected override IReadOnlyList<string> RequiredScopes =>
        ["pages_show_list", "pages_manage_posts", "pages_read_engagement"];

    protected override IReadOnlyDictionary<SettlementMode, Destination> Choose(IReadOnlyList<Destination> destinations) =>
        new Dictionary<SettlementMode, Destination>
        {
            [SettlementMode.ReadBack] = destinations[0], [SettlementMode.Probe] = destinations[0],
        };

    private protected override (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(
        SettlementMode mode, string body, JsonObject? options)
    {
        if (mode != SettlementMode.Probe) return (Content(body), []);
        var film = Reel();
        return (Content(body, """{"placement": "reel"}""", film.Item()), [film]);
    }

    // A reel's first call starts its session, the second makes it public.
    protected override async Task<JsonObject?> FaultAsync(SettlementMode mode, string fault)
    {
        if (mode != SettlementMode.Probe) return await base.FaultAsync(mode, fault);
        await ScriptAsync(On(fault switch
        {
            "timeoutAfterAccept" => new Fault { After = true },
            "timeoutBeforeAccept" => new Fault(),
            _ => Said(fault),
        }, "POST", "/video_reels", skip: 1));
        return null;
    }

    protected override string Yes(string url) => new JsonObject
    {
        ["id"] = "1", ["video_id"] = "1", ["success"] = true, ["permalink_url"] = url,
        ["status"] = new JsonObject
        {
            ["video_status"] = "ready", ["publishing_phase"] = new JsonObject { ["publish_status"] = "published" },
        },
    }.ToJsonString();

    private protected override string ProviderIdOf(Published entry) => entry.Kind switch
    {
        "video" or "reel" => entry.Details["media"]!,
        "photo-story" or "video-story" => entry.Id.Split('_')[1],
        _ => entry.Id,
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Simulated.MessageLength = MostText;
    }

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A text with https://example.com/a, 日本語, 👨‍👩‍👧‍👦 and #tags"),
        new("A link") { Link = new LinkCard("https://example.com/a") },
        new("One photo") { Files = [Picture()], Alts = ["a red door"] },
        new("Three photos") { Files = [Picture(2), Picture(3), Picture(4)], Alts = ["one", null, "three"] },
        new("Photos alone") { Body = null, Files = [Picture(5), Picture(6)] },
        new("A moving picture") { Files = [Serve("m.gif", MediaBytes.Gif(frames: 3), MediaKind.Image, "image/gif", 40, 30, isAnimated: true)] },
        new("A film") { Files = [Film(640, 360, 100)], Options = new() { ["title"] = "Wind" } },
        new("A story") { Body = null, Files = [Picture(7)], Options = new() { ["placement"] = "story" } },
        new("A film of a story") { Body = null, Files = [Reel(60)], Options = new() { ["placement"] = "story" } },
        Slow,
    ];

    private protected override PostCase Slow => new("A reel") { Files = [Reel()], Options = (JsonObject)GoodOptions.DeepClone() };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', MostText + 1), Rule = Rule.TooLong },
        new("too many photos") { Files = [.. Enumerable.Range(10, 11).Select(i => Picture((byte)i))], Rule = Rule.TooMany },
        new("too long a reel") { Files = [Reel(91)], Options = new() { ["placement"] = "reel" }, Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("a wide reel") { Files = [Film(1920, 1080)], Options = new() { ["placement"] = "reel" }, Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("too long a story")
        {
            Body = null, Files = [Reel(61)], Options = new() { ["placement"] = "story" }, Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected,
        },
        new("a long alt") { Files = [Picture()], Alts = [new string('x', 1001)], Rule = Rule.TooLong },
        new("a format of others")
        {
            Files = [Serve("a.webp", MediaBytes.WebP(), MediaKind.Image, "image/webp", 40, 30)], Code = DeliveryErrorCode.MediaRejected,
        },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("revoked", Error(190, 460), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("role lost", Error(190, 492), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("permission", Error(200, status: 403), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("confirm identity", Error(100, 4854002), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("not visible", Error(100, 33), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("too fast", Error(368, 1390008), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("application", Error(4, status: 403), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("Page", Error(80001), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("link", Error(1609005), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("standards", Error(100, 1404102), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("twice", Error(506), typeof(PublishOutcome.Rejected), DeliveryErrorCode.DuplicateContent),
        new("down", Error(1, status: 500), typeof(PublishOutcome.Unconfirmed)),
        new("passing", Error(100, 1363047), typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new() { ["placement"] = "reel", ["title"] = "Wind" };

    protected override IReadOnlyList<JsonObject> BadOptions =>
        [new() { ["placement"] = "page" }, new() { ["title"] = "" }, new() { ["placement"] = "story", ["title"] = "x" }];

    [Fact]
    public async Task Posts_are_what_their_files_and_options_make_of_them()
    {
        foreach (var kind in Kinds) Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(kind))).Outcome);
        var shown = await JournalAsync();
        Assert.Equal(["post", "link", "photo", "photos", "photos", "photo", "video", "photo-story", "video-story", "reel"],
            shown.Select(entry => entry.Kind));
        Assert.Equal(("https://example.com/a", "Wind", "Wind"),
            (shown[1].Details["link"], shown[6].Details["title"], shown[9].Details["title"]));
    }

    [Fact]
    public async Task Every_Page_that_may_publish_is_offered_and_its_token_outlives_the_persons()
    {
        var (tokens, places) = await ConnectAsync();
        Assert.Equal(["Acme", "Garden", "Shop"], places.Select(place => place.Name));
        Assert.InRange(tokens.AccessTokenExpiresAt!.Value, Time.GetUtcNow().AddDays(89), Time.GetUtcNow().AddDays(90));
        await WaitAsync(TimeSpan.FromDays(61));
        foreach (var place in places)
        {
            var work = TestPublishWork.For(place, tokens, $"late at {place.Name}", Time);
            Assert.IsType<PublishOutcome.Published>((await RunAsync(work)).Outcome);
        }
        Assert.Equal(["1001", "1002", "1004"], (await JournalAsync()).Select(entry => entry.Details["page"]));
    }

    [Fact]
    public void What_is_not_documented_is_configuration()
    {
        var rules = At(Simulator.Address, new Dictionary<string, string?>
        {
            ["Providers:Facebook:MaxText"] = "4", ["Providers:Facebook:MaxPhotos"] = "5", ["Providers:Facebook:MaxAlt"] = "6",
            ["Providers:Facebook:MaxVideoBytes"] = "7",
        }).Rules;
        Assert.Equal((4, 5, 6, 7L), (rules.MaxText, rules.MaxMedia, rules.MaxAlt,
            rules.Media!.Rules.Single(rule => rule.Kind == MediaKind.Video).MaxBytes));
    }

    [Fact]
    public async Task A_Page_that_was_not_ticked_again_is_told_from_a_grant_that_is_over()
    {
        Simulated.UntickedPages = ["1001"];
        var (tokens, _) = await GrantAsync();
        var unticked = Assert.IsType<PublishOutcome.Rejected>((await RunAsync(WorkOf(Kinds[0], tokens))).Outcome).Error;
        Assert.Equal((DeliveryErrorCode.AccountRestricted, NextStep.Reconnect), (unticked.Code, unticked.NextStep));
        var bad = new GrantTokens
        {
            AccessToken = Tokens.AccessToken,
            Secrets = new Dictionary<string, string>(Tokens.Secrets) { [PageAccess.SecretOf("1001")] = "nonsense" },
        };
        AssertAuthRevoked((await RunAsync(WorkOf(Kinds[0], bad))).Outcome);
        var trip = Waiting(Simulator.Address);
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, new ConsentReturn(trip.State, "used"), Ct));
        Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(Tokens, Ct));
        await ControlAsync($"/_sim/accounts/{Account}/revoke");
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(Tokens, Ct));
    }

    [Theory]
    [InlineData("/feed", 0)]
    [InlineData("/photos", 2)]
    [InlineData("/feed", 3)]
    [InlineData("/videos", 6)]
    public async Task A_lost_answer_is_found_among_the_Pages_own_posts_and_never_another_ones(string path, int kind)
    {
        var post = Kinds[kind];
        var twin = Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(post))).Outcome).ProviderPostId;
        await PublishedAsync(Content("something else"));
        await ScriptAsync(On(new Fault { After = true }, "POST", path));
        var (outcome, work) = await RunAsync(WorkOf(post));
        Assert.IsType<PublishOutcome.Unconfirmed>(outcome);
        await WaitAsync(TimeSpan.FromSeconds(10));
        var found = Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(
            work.Reconcile(SettlementMode.ReadBack, new HashSet<string> { twin }), Ct));
        Assert.Equal(ProviderIdOf((await JournalAsync())[^1]), found.ProviderPostId);
        Assert.NotNull(found.Url);
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(
            work.Reconcile(SettlementMode.ReadBack, new HashSet<string> { twin, found.ProviderPostId }), Ct));
    }

    [Theory]
    [InlineData("/photo_stories", 7, 0)]
    [InlineData("/video_stories", 8, 1)]
    [InlineData("/video_reels", 9, 1)]
    public async Task What_has_an_id_beforehand_is_asked_and_never_sent_twice(string path, int kind, int skip)
    {
        await ScriptAsync(On(new Fault { After = true }, "POST", path, skip));
        var (lost, work) = await RunAsync(WorkOf(Kinds[kind]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        await WaitAsync(TimeSpan.FromSeconds(10));
        Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Probe), Ct));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Single(await JournalAsync());
        await ScriptAsync(On(new Fault(), "POST", path, skip));
        (lost, work) = await RunAsync(WorkOf(Kinds[kind]));
        Assert.IsType<PublishOutcome.Unconfirmed>(lost);
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Probe), Ct));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Equal(2, (await JournalAsync()).Count);
    }

    [Fact]
    public async Task A_process_that_is_killed_after_any_step_leaves_one_post()
    {
        var (one, two, film) = (Picture(2), Picture(3), Reel());
        Assert.Equal(2, await KillAfterEachHandleAsync(name => (Content(name, "{}", one.Item(), two.Item()), [one, two])));
        Assert.Equal(2, await KillAfterEachHandleAsync(name =>
            (Content(name, """{"placement": "reel"}""", film.Item()), [film])));
        Assert.Equal(2, await KillAfterEachHandleAsync(_ => (Content(null, """{"placement": "story"}""", one.Item()), [one])));
    }

    [Fact]
    public async Task A_film_that_the_network_cannot_work_through_is_refused_and_nothing_is_public()
    {
        var broken = Serve("broken.mp4", MediaBytes.Jpeg(), MediaKind.Video, "video/mp4", 640, 360, 5000);
        var refused = Assert.IsType<PublishOutcome.Rejected>((await RunAsync(Work(Content("x", "{}", broken.Item()), broken))).Outcome);
        Assert.Equal((DeliveryErrorCode.MediaRejected, "The format is not supported"), (refused.Error.Code, refused.Error.Provider!.Message));
        Assert.Empty(await JournalAsync());
        var gone = Gone(MediaKind.Video);
        Assert.Equal(DeliveryErrorCode.MediaUnavailable, Assert.IsType<PublishOutcome.Retry>(
            (await RunAsync(Work(Content("x", """{"placement": "reel"}""", gone.Item()), gone))).Outcome).Error.Code);
    }

    [Fact]
    public async Task A_token_goes_to_no_other_place_than_the_configured_ones()
    {
        await using var elsewhere = Support.RawServer.Answering("200 OK", """{"success": true}""");
        await ScriptAsync(On(new Fault
        {
            After = true, Status = 200,
            Body = new JsonObject { ["video_id"] = "17900000000000001", ["upload_url"] = $"{elsewhere.Address}video-upload/17900000000000001" }.ToJsonString(),
        }, "POST", "/video_reels"));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Slow))).Outcome);
    }

    [Fact]
    public async Task Throttling_of_a_Page_waits_as_long_as_its_header_says()
    {
        Simulated.PageCallsPerHour = 1;
        Assert.Null((await PublishedAsync(Content("one"))).Url);
        var deferred = Assert.IsType<PublishOutcome.Deferred>((await RunAsync(Work(Content("two")))).Outcome);
        Assert.InRange(deferred.RetryAfter!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(60));
    }

    [Fact]
    public async Task Files_and_texts_that_the_rules_take_are_taken_and_the_others_refused()
    {
        Simulated.ReelsPerDay = 10_000;
        var (taken, refused) = (0, 0);
        await Gen.Select(
            Gen.Select(OneOf(0, 0, 1, MostText - 1, MostText, MostText + 1), OneOf("a", "é", "😀"),
                (length, letter) => string.Concat(Enumerable.Repeat(letter, length))),
            OneOf("feed", "reel", "story"), Gen.Bool, OneOf("none", "jpeg", "png", "gif", "mp4", "mp4", "mp4"),
            OneOf((1080, 1920), (540, 960), (539, 958), (1000, 1000), (1080, 1900)), OneOf(2, 3, 60, 61, 90, 91), OneOf(23, 24, 60, 61),
            (text, placement, card, kind, size, seconds, fps) => (text, placement, card, kind, size, seconds, fps))
            .SampleAsync(async s =>
            {
                if (await AgreeAsync(s.text, s.placement, s.card, s.kind, s.size.Item1, s.size.Item2, s.seconds, s.fps) is not { } verdict) return;
                if (verdict) taken++;
                else refused++;
            }, iter: 250, threads: 1);
        Assert.True(taken > 5 && refused > 20, $"{taken} taken, {refused} refused");
    }

    private async Task<bool?> AgreeAsync(
        string text, string placement, bool card, string kind, int width, int height, int seconds, int fps)
    {
        var (bytes, facts) = kind switch
        {
            "mp4" => (MediaBytes.Mp4(width, height, seconds, fps), new MediaFacts(MediaKind.Video, "video/mp4", 1, "")
            {
                DurationMs = seconds * 1000, Fps = fps, Container = "mp4", AudioCodec = "aac", VideoCodec = "h264", BitRate = 1000,
            }),
            "gif" => (MediaBytes.Gif(width, height, 3),
                new MediaFacts(MediaKind.Image, "image/gif", 1, "") { IsAnimated = true, Frames = 3 }),
            "png" => (MediaBytes.Png(width, height), new MediaFacts(MediaKind.Image, "image/png", 1, "")),
            _ => (MediaBytes.Jpeg(width, height), new MediaFacts(MediaKind.Image, "image/jpeg", 1, "")),
        };
        facts = facts with { SizeBytes = bytes.Length, Width = width, Height = height, Colour = ColourModel.Rgb };
        var file = Serve("sample", bytes, facts.Kind, facts.MimeType, width, height);
        var post = PostContent.Empty with
        {
            Body = text.Length == 0 ? null : text + (text.Length < MostText - 12 ? $" {++_round}" : ""),
            Link = card ? new LinkCard("https://a.io/0") : null,
            Media = kind == "none" ? [] : [file.Item()],
            ProviderOptions = new Dictionary<string, JsonObject> { [Network] = new() { ["placement"] = placement } },
        };
        if (post.Body is null && kind == "none") return false;
        var profile = Ids.New(Time.GetUtcNow());
        var content = ContentRules.Resolve(post, profile, Network);
        var fine = !ContentRules.Check(Provider, post, profile, null, _ => facts, MediaTools.None)
            .Any(issue => issue.Severity == Severity.Error);

        // The same twice in a row, a story's text and a card beside a file are not refused there but dropped or asked about.
        var isSilent = (placement == "story" && content.Body is not null) || (card && (kind != "none" || placement != "feed"));
        if (isSilent) return fine ? throw new InvalidOperationException("The rules let something pass that would be dropped.") : false;
        var outcome = (await RunAsync(Work(content, kind == "none" ? [] : [file]))).Outcome;
        if (outcome is PublishOutcome.Rejected { Error.Code: DeliveryErrorCode.DuplicateContent }) return null;
        Assert.True(fine == outcome is PublishOutcome.Published,
            $"{fine} but {outcome}: {placement} {kind} {width}x{height} {seconds}s {fps}/s, {text.Length} letters");
        return fine;
    }

    private TestFile Reel(double seconds = 5) => Film(1080, 1920, seconds);
}
