using System.Text.Json.Nodes;
using CsCheck;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Instagram;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;
using SimulatedRules = PostMantis.Simulators.Instagram.InstagramSettings;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "there is no PKCE; that a code serves once has a test of its own")]
[DoesNotApply(nameof(Tokens_that_ran_out_are_renewed_and_then_serve), "a token renews itself before its end, never after it")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "the old token serves on until its own end")]
[DoesNotApply(nameof(Disconnecting_ends_the_grant_at_the_network), "the network has no way to end a grant from outside")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
[DoesNotApply(nameof(A_call_whose_window_has_closed_is_not_made), "every post has a container, so none needs a mark")]
[DoesNotApply(nameof(A_listing_never_gives_what_another_delivery_owns), "every post has a container, so none is looked for by its text alone")]
public sealed class InstagramContractTests : MetaContract
{
    protected override string Network => InstagramProvider.Name;

    private protected override IProviderSetup Setup => new InstagramSetup();

    private SimulatedRules Simulated => (SimulatedRules)Simulator.Network.Settings;

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        [$"{InstagramSettings.Section}:ClientId"] = "meta-app",
        [$"{InstagramSettings.Section}:ClientSecret"] = "meta-secret",
        [$"{InstagramSettings.Section}:BaseUrl"] = address.AbsoluteUri,
        [$"{InstagramSettings.Section}:SignInUrl"] = address.AbsoluteUri,
        [$"{InstagramSettings.Section}:TokenUrl"] = address.AbsoluteUri,
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/media_publish");

    protected override string TokenPath => "/refresh_access_token";

    protected override IReadOnlyList<string> RequiredScopes =>
        ["instagram_business_basic", "instagram_business_content_publish"];

    protected override string Yes(string url) => new JsonObject
    {
        ["id"] = "1", ["status_code"] = "FINISHED", ["permalink"] = url,
    }.ToJsonString();

    private protected override (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(
        SettlementMode mode, string body, JsonObject? options)
    {
        var file = Picture();
        return (new DeliveryContent(body, null, [file.Item()], [], null, options ?? []), [file]);
    }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Simulated.PostsPerDay = 100;

        // Only a token of a day renews itself.
        await WaitAsync(TimeSpan.FromDays(1));
    }

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("One picture") { Files = [Picture()], Alts = ["a red door"] },
        new("A reel") { Files = [Film()], Options = (JsonObject)GoodOptions.DeepClone() },
        Slow,
        new("A story") { Body = null, Files = [Picture(2)], Options = new() { ["placement"] = "story" } },
        new("A film of a story") { Body = null, Files = [Film(seconds: 60)], Options = new() { ["placement"] = "story" } },
    ];

    private protected override PostCase Slow => new("A carousel with #tags and @ann.ig")
    {
        Files = [Picture(3), Film(), Picture(4)], Alts = ["one", null, "two"],
    };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Files = [Picture()], Body = new string('x', 2201), Rule = Rule.TooLong },
        new("too many tags") { Files = [Picture()], Body = string.Concat(Enumerable.Repeat("#a ", 31)), Rule = Rule.TooMany },
        new("too many names") { Files = [Picture()], Body = string.Concat(Enumerable.Repeat("@a ", 21)), Rule = Rule.TooMany },
        new("too tall") { Files = [Picture(1, 799, 1000)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("too short") { Files = [Film(seconds: 2.5)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("too long a story")
        {
            Body = null, Files = [Film(seconds: 61)], Options = new() { ["placement"] = "story" }, Rule = Rule.OutOfRange,
            Code = DeliveryErrorCode.MediaRejected,
        },
        new("too many files")
        {
            Files = [.. Enumerable.Range(10, 11).Select(i => Picture((byte)i))], Rule = Rule.TooMany, Code = DeliveryErrorCode.MediaRejected,
        },
        new("a long alt") { Files = [Picture()], Alts = [new string('x', 1001)], Rule = Rule.TooLong },
        new("no picture at all")
        {
            Files = [Serve("a.gif", MediaBytes.Gif(frames: 3), MediaKind.Image, "image/gif", 40, 30, isAnimated: true)],
            Rule = Rule.Unsupported, Code = DeliveryErrorCode.MediaRejected,
        },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("revoked", Error(190, 460), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("permission", Error(10, status: 403), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("restricted", Error(25, 2207050), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("spam", Error(4, 2207051, 403), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("throttled", Error(80002), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("quota", Error(9, 2207042), typeof(PublishOutcome.Deferred), DeliveryErrorCode.BudgetExhausted),
        new("caption", Error(36004, 2207010), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("shape", Error(36003, 2207009), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("unknown", Error(99999), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ProviderMisconfigured),
        new("down", Error(2, status: 500), typeof(PublishOutcome.Unconfirmed)),
        new("broken", Error(-1, 2207001), typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["placement"] = "feed", ["shareToFeed"] = false, ["audioName"] = "Wind", ["collaborators"] = new JsonArray("bob.ig", "eve"),
        ["locationId"] = "77", ["aiGenerated"] = true,
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
    [
        new() { ["placement"] = "reel" }, new() { ["placement"] = "story", ["shareToFeed"] = true }, new() { ["locationId"] = "x" },
        new() { ["collaborators"] = new JsonArray("a,b") }, new() { ["collaborators"] = new JsonArray("a", "b", "c", "d") },
    ];

    [Fact]
    public async Task Posts_are_what_their_files_and_options_make_of_them()
    {
        foreach (var kind in Kinds) Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(kind))).Outcome);
        Assert.Equal(["image", "reel", "carousel", "story", "story"], (await JournalAsync()).Select(entry => entry.Kind));
    }

    [Fact]
    public async Task Consent_gives_a_long_token_whichever_shape_the_short_one_has_and_it_renews_itself()
    {
        Simulated.FlatToken = true;
        var (tokens, account) = await GrantAsync();
        Assert.Equal(("17841400000000001", "ann.ig"), (account.Id, account.Handle));
        Assert.True(tokens.AccessTokenExpiresAt > Time.GetUtcNow().AddDays(59));
        Assert.IsType<RefreshOutcome.Transient>(await Provider.Consent.RefreshAsync(tokens, Ct));
        await WaitAsync(TimeSpan.FromDays(1));
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(tokens, Ct)).Tokens;
        Assert.NotEqual(tokens.AccessToken, renewed.AccessToken);
        Assert.Equal(renewed.AccessToken, renewed.RefreshToken);
        await WaitAsync(TimeSpan.FromDays(61));
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(renewed, Ct));
        var trip = Waiting(Simulator.Address);
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, new ConsentReturn(trip.State, "used"), Ct));
    }

    [Fact]
    public async Task A_used_up_quota_defers_before_anything_is_created_and_is_remembered()
    {
        Simulated.PostsPerDay = 1;
        var first = WorkOf(Kinds[0]);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(first)).Outcome);
        Assert.Equal(1, first.Learned[0].Left);
        var (outcome, second) = await RunAsync(WorkOf(Kinds[0]));
        var deferred = Assert.IsType<PublishOutcome.Deferred>(outcome);
        Assert.Equal((DeliveryErrorCode.BudgetExhausted, 0), (deferred.Error.Code, second.Learned[0].Left));
        Assert.Empty(second.Saved);
    }

    [Fact]
    public async Task A_process_that_is_killed_after_any_step_leaves_one_post()
    {
        var (picture, film) = (Picture(), Film());
        Assert.Equal(4, await KillAfterEachHandleAsync(name =>
            (Content(name, "{}", picture.Item(), film.Item()), [picture, film])));
    }

    [Fact]
    public async Task A_container_that_waited_too_long_is_made_anew()
    {
        Simulated.ProcessingSeconds = 60;
        var file = Picture();
        var work = Work(Content("late", media: file.Item()), file);
        Assert.IsType<PublishOutcome.Processing>(await Provider.Publisher.PublishAsync(work, Ct));
        await WaitAsync(TimeSpan.FromHours(25));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Equal(1, await CountAsync("late"));
    }

    [Fact]
    public async Task A_file_that_cannot_be_fetched_is_asked_for_again_before_it_is_given_up()
    {
        var (gone, film) = (Gone(MediaKind.Image), Gone(MediaKind.Video));
        var retry = Assert.IsType<PublishOutcome.Retry>((await RunAsync(Work(Content("x", media: gone.Item()), gone))).Outcome);
        Assert.Equal(DeliveryErrorCode.MediaUnavailable, retry.Error.Code);
        var given = Assert.IsType<PublishOutcome.Rejected>((await RunAsync(Work(Content("x", media: film.Item()), film))).Outcome);
        Assert.Equal(DeliveryErrorCode.MediaUnavailable, given.Error.Code);

        // The third try is the last: then the operator has to look at the address.
        var last = TestPublishWork.For(Place, Tokens, Content("x", media: gone.Item()), [gone], Time, attempt: 3);
        var up = Assert.IsType<PublishOutcome.Rejected>((await RunAsync(last)).Outcome);
        Assert.Equal((DeliveryErrorCode.MediaUnavailable, NextStep.AskOperator, false), (up.Error.Code, up.Error.NextStep, up.Error.Retryable));
        Assert.Empty(await JournalAsync());
        var bare = Assert.IsType<PublishOutcome.Rejected>((await RunAsync(Work(Content("x", media: gone.Item())))).Outcome);
        Assert.Equal(DeliveryErrorCode.MediaUnavailable, bare.Error.Code);
    }

    [Theory]
    [InlineData(80002, 0, 400, 19)]
    [InlineData(9, 2207042, 400, 19)]
    [InlineData(368, 0, 400, 60)]
    public async Task A_wait_is_as_long_as_the_usage_header_says(int code, int subcode, int status, int minutes)
    {
        await ScriptAsync(On(code == 368 ? Error(code, subcode, status) : Error(code, subcode, status, ("X-Business-Use-Case-Usage",
            """{"1":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":19}]}""")), "POST", "/media"));
        var deferred = Assert.IsType<PublishOutcome.Deferred>((await RunAsync(WorkOf(Kinds[0]))).Outcome);
        Assert.Equal(TimeSpan.FromMinutes(minutes), deferred.RetryAfter);
        Assert.Equal(subcode == 0 ? $"{code}" : $"{code}/{subcode}", deferred.Error.Provider!.Code);
    }

    [Fact]
    public async Task A_permalink_that_cannot_be_read_does_not_fail_a_post()
    {
        await ScriptAsync(new Fault { Path = "fields=permalink", Status = 500 });
        var file = Picture();
        Assert.Null((await PublishedAsync(Content("x", media: file.Item()), file)).Url);
        Assert.StartsWith("https://www.instagram.com/p/", (await PublishedAsync(Content("y", media: file.Item()), file)).Url,
            StringComparison.Ordinal);
    }

    private sealed record Sample(string Text, int Tags, int Names, bool Story, int Width, int Height, string Kind, int Seconds,
        int Fps, string Codec);

    [Fact]
    public async Task Files_and_captions_that_the_rules_take_are_taken_and_the_others_refused()
    {
        Simulated.PostsPerDay = Simulated.ContainersPerDay = 10_000;
        var (taken, refused) = (0, 0);
        await Gen.Select(
            Gen.Select(OneOf(0, 0, 0, 3, 2100, 2180, 2200, 2201), OneOf("a", "é", "😀"),
                (length, letter) => string.Concat(Enumerable.Repeat(letter, length))),
            OneOf(0, 0, 2, 6, 30, 31), OneOf(0, 0, 0, 20, 21), OneOf(false, false, true),
            OneOf((1000, 1000), (1080, 1350), (800, 1000), (799, 1000), (1910, 1000), (1930, 1000), (1080, 1920), (320, 180)),
            OneOf("jpeg", "jpeg", "gif", "mp4", "mp4"),
            Gen.Select(OneOf(2, 3, 10, 60, 61, 900, 901), OneOf(22, 23, 30, 60, 60, 61), OneOf("avc1", "avc1", "hvc1", "vp09")),
            (text, tags, names, story, size, kind, film) =>
                new Sample(text, tags, names, story, size.Item1, size.Item2, kind, film.Item1, film.Item2, film.Item3))
            .SampleAsync(async sample =>
            {
                if (await AgreeAsync(sample) is not { } verdict) return;
                if (verdict) taken++;
                else refused++;
            }, iter: 250, threads: 1);
        Assert.True(taken > 5 && refused > 20, $"{taken} taken, {refused} refused");
    }

    private async Task<bool?> AgreeAsync(Sample sample)
    {
        var (bytes, facts) = sample.Kind switch
        {
            "mp4" => (MediaBytes.Mp4(sample.Width, sample.Height, sample.Seconds, sample.Fps, sample.Codec), new MediaFacts(
                MediaKind.Video, "video/mp4", 1, "")
            {
                DurationMs = sample.Seconds * 1000, Fps = sample.Fps, Container = "mp4", AudioCodec = "aac", BitRate = 1000,
                VideoCodec = sample.Codec switch { "avc1" => "h264", "hvc1" => "hevc", _ => "vp9" },
            }),
            "gif" => (MediaBytes.Gif(sample.Width, sample.Height, 3),
                new MediaFacts(MediaKind.Image, "image/gif", 1, "") { IsAnimated = true, Frames = 3 }),
            _ => (MediaBytes.Jpeg(sample.Width, sample.Height), new MediaFacts(MediaKind.Image, "image/jpeg", 1, "")),
        };
        facts = facts with { SizeBytes = bytes.Length, Width = sample.Width, Height = sample.Height, Colour = ColourModel.Rgb };
        var text = string.Concat(Enumerable.Range(0, sample.Tags).Select(i => $"#t{i} "))
            + string.Concat(Enumerable.Range(0, sample.Names).Select(i => $"@n{i} ")) + sample.Text;
        var file = Serve("sample", bytes, facts.Kind, facts.MimeType, sample.Width, sample.Height);
        var options = new JsonObject { ["placement"] = sample.Story ? "story" : "feed" };
        var profile = Ids.New(Time.GetUtcNow());
        var post = PostContent.Empty with
        {
            Body = text.Length == 0 ? null : text,
            Media = [file.Item()],
            ProviderOptions = new Dictionary<string, JsonObject> { [Provider.Id] = options },
        };
        var content = ContentRules.Resolve(post, profile, Provider.Id);
        var rules = Provider.RulesFor(content, Provider.Rules);
        if (MediaPlanner.Plan([facts], rules.Media!, MediaTools.None, "Instagram").Items[0].Verdict == MediaVerdict.Convert)
            return null;
        var fine = !ContentRules.Check(Provider, post, profile, null, _ => facts, MediaTools.None)
            .Any(issue => issue.Severity == Severity.Error);

        // A story has no text: what the rules refuse for that the network would silently leave out.
        if (sample.Story && content.Body is not null) return fine ? throw new InvalidOperationException() : false;
        var outcome = (await RunAsync(Work(content, file))).Outcome;
        Assert.True(fine == outcome is PublishOutcome.Published, $"{fine} but {outcome} for {sample with { Text = "" }}, text {text.Length}");
        return fine;
    }
}
