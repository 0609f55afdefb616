using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Threads;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Threads;
using PostMantis.Tests.Simulators;
using SimulatedRules = PostMantis.Simulators.Threads.ThreadsSettings;
using ThreadsSettings = PostMantis.Core.Providers.Threads.ThreadsSettings;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "there is no PKCE; that a code serves once has a test of its own")]
[DoesNotApply(nameof(Tokens_that_ran_out_are_renewed_and_then_serve), "a token renews itself before its end, never after it")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "the old token serves on until its own end")]
[DoesNotApply(nameof(Disconnecting_ends_the_grant_at_the_network), "the network has no way to end a grant from outside")]
[DoesNotApply(nameof(A_call_whose_window_has_closed_is_not_made), "every post has a container, so none needs a mark")]
[DoesNotApply(nameof(A_listing_never_gives_what_another_delivery_owns), "every post has a container, so none is looked for by its text alone")]
public sealed class ThreadsContractTests : MetaContract
{
    protected override string Network => ThreadsProvider.Name;

    private protected override IProviderSetup Setup => new ThreadsSetup();

    private SimulatedRules Simulated => (SimulatedRules)Simulator.Network.Settings;

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) => new Dictionary<string, string?>
    {
        [$"{ThreadsSettings.Section}:ClientId"] = "meta-app",
        [$"{ThreadsSettings.Section}:ClientSecret"] = "meta-secret",
        [$"{ThreadsSettings.Section}:BaseUrl"] = address.AbsoluteUri,
        [$"{ThreadsSettings.Section}:SignInUrl"] = address.AbsoluteUri,
        [$"{ThreadsSettings.Section}:TokenUrl"] = address.AbsoluteUri,
    };

    private protected override (string Method, string Path) PublicCall => ("POST", "/threads_publish");

    protected override string TokenPath => "/refresh_access_token";

    protected override IReadOnlyList<string> RequiredScopes => ["threads_basic", "threads_content_publish"];

    protected override string Yes(string url) => new JsonObject
    {
        ["id"] = "1", ["status"] = "FINISHED", ["permalink"] = url,
    }.ToJsonString();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();

        // Only a token of a day renews itself.
        await WaitAsync(TimeSpan.FromDays(1));
    }

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A text with https://example.com/a, 日本語, 👨‍👩‍👧‍👦 and #tags"),
        new("All options") { Options = (JsonObject)GoodOptions.DeepClone() },
        new("A card") { Link = new LinkCard("https://example.com/a") },
        new("A picture") { Files = [Picture()], Alts = ["a red door"] },
        new("A film alone") { Body = null, Files = [Film()], Alts = ["wind"] },
        new("A thread") { Thread = ["The second part", "The third part"] },
        new("A post with a comment") { FirstComment = "The comment" },
        Slow,
    ];

    private protected override PostCase Slow => new("A carousel")
    {
        Files = [Picture(3), Film(), Picture(4)], Alts = ["one", "two", null],
    };

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 501), Rule = Rule.TooLong },
        new("too long in bytes") { Body = string.Concat(Enumerable.Repeat("😀", 126)), Rule = Rule.TooLong },
        new("too many links")
        {
            Body = "https://a.io/1 https://a.io/2 https://a.io/3 https://a.io/4 https://a.io/5", Link = new LinkCard("https://a.io/6"),
            Rule = Rule.TooMany,
        },
        new("a card with a picture") { Files = [Picture()], Link = new LinkCard("https://a.io/6"), Rule = Rule.Excluded },
        new("a long alt") { Files = [Picture()], Alts = [new string('x', 1001)], Rule = Rule.TooLong },
        new("too long a film") { Files = [Film(seconds: 301)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
        new("too flat") { Files = [Picture(1, 1010, 100)], Rule = Rule.OutOfRange, Code = DeliveryErrorCode.MediaRejected },
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
        new("restricted", Error(10, 4279013), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("spam", Error(4, 2207051, 403), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("throttled", Error(613), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("parameter", Error(100), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("down", Error(1, status: 500), typeof(PublishOutcome.Unconfirmed)),
    ];

    protected override JsonObject GoodOptions => new()
    {
        ["topicTag"] = "gardens", ["replyControl"] = "accountsYouFollow", ["quotePostId"] = "17",
    };

    protected override IReadOnlyList<JsonObject> BadOptions =>
        [new() { ["topicTag"] = "a.b" }, new() { ["replyControl"] = "nobody" }, new() { ["quotePostId"] = "x" }];

    [Fact]
    public async Task Options_and_links_arrive_as_the_network_names_them()
    {
        foreach (var kind in Kinds.Take(3)) Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(kind))).Outcome);
        var shown = await JournalAsync();
        Assert.Equal(("gardens", "17", "https://example.com/a"),
            (shown[1].Details["topic"], shown[1].Details["quote"], shown[2].Details["link"]));
        var trip = Waiting(Simulator.Address);
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, new ConsentReturn(trip.State, "used"), Ct));
    }

    [Fact]
    public async Task A_used_up_quota_defers_before_anything_is_created_and_is_remembered()
    {
        Simulated.PostsPerDay = 1;
        var (first, second) = (WorkOf(Kinds[0]), WorkOf(Kinds[1]));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(first)).Outcome);
        Assert.Equal(1, Assert.Single(first.Learned).Left);
        var (outcome, _) = await RunAsync(second);
        Assert.Equal((DeliveryErrorCode.BudgetExhausted, 0),
            (Assert.IsType<PublishOutcome.Deferred>(outcome).Error.Code, Assert.Single(second.Learned).Left));
        Assert.Empty(second.Saved);
        await WaitAsync(TimeSpan.FromHours(24));
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Kinds[1]))).Outcome);
    }

    [Fact]
    public async Task A_thread_and_a_first_comment_are_replies_in_a_chain()
    {
        var picture = Picture();
        var published = await PublishedAsync(Thread("one", picture), picture);
        var shown = await JournalAsync();
        Assert.Equal(["one", "two", "three", "comment"], shown.Select(entry => entry.Text));
        Assert.Equal([null, shown[0].Id, shown[1].Id, shown[0].Id], shown.Select(entry => entry.Details["parent"]));
        Assert.Equal(shown.Select(entry => entry.Id), published.Parts.Select(part => part.ProviderPostId));
        Assert.All(published.Parts, part => Assert.Equal(PartStatus.Published, part.Status));
    }

    [Fact]
    public async Task A_process_that_is_killed_after_any_step_leaves_one_post_and_its_replies()
    {
        var picture = Picture();
        Assert.Equal(12, await KillAfterEachHandleAsync(name => (Thread(name, picture), [picture])));
    }

    [Fact]
    public async Task A_part_that_fails_leaves_the_thread_incomplete_and_a_retry_goes_on_there()
    {
        await ScriptAsync(On(Error(100), "POST", "/threads_publish", skip: 1));
        var picture = Picture();
        var work = Work(Thread("one", picture), picture);
        var half = Assert.IsType<PublishOutcome.Incomplete>((await RunAsync(work)).Outcome);
        Assert.Equal([PartStatus.Published, PartStatus.Failed, PartStatus.Pending, PartStatus.Pending],
            half.Parts.Select(part => part.Status));
        var again = TestPublishWork.For(Place, Tokens, work.Content, [picture], Time, work.DeliveryId, parts: half.Parts);
        var whole = Assert.IsType<PublishOutcome.Published>((await RunAsync(again)).Outcome);
        Assert.All(whole.Parts, part => Assert.Equal(PartStatus.Published, part.Status));
        Assert.Equal(["one", "two", "three", "comment"], (await JournalAsync()).Select(entry => entry.Text));
    }

    [Fact]
    public async Task A_lost_answer_about_a_reply_does_not_double_it_and_a_passing_fault_is_waited_out()
    {
        await ScriptAsync(On(new Fault { After = true }, "POST", "/threads_publish", skip: 1));
        await ScriptAsync(On(Error(4, status: 403), "POST", "/threads", skip: 4));
        var picture = Picture();
        await PublishedAsync(Thread("one", picture), picture);
        Assert.Equal(["one", "two", "three", "comment"], (await JournalAsync()).Select(entry => entry.Text));
    }

    [Fact]
    public async Task A_comment_that_fails_does_not_fail_the_post()
    {
        await ScriptAsync(On(Error(100), "POST", "/threads_publish", skip: 1));
        var published = await PublishedAsync(Content("one") with { FirstComment = new PartContent("comment", []) });
        Assert.Equal([PartStatus.Published, PartStatus.Failed], published.Parts.Select(part => part.Status));
    }

    [Fact]
    public async Task A_container_that_is_not_visible_yet_is_published_a_little_later()
    {
        Simulated.ProcessingSeconds = 0;
        Simulated.VisibleAfterSeconds = 20;
        await PublishedAsync(Content("soon"));
        Assert.Equal(1, await CountAsync("soon"));
    }

    [Fact]
    public async Task Consent_without_replies_takes_single_posts_only()
    {
        Assert.Equal((100, true), (Provider.RulesOf(Place.Facts).MaxThreadParts, Provider.RulesOf(Place.Facts).FirstComment));
        await ConsentAsync(new { withhold = new[] { "threads_manage_replies" } });
        var place = (await ConnectAsync()).Destinations[0];
        Assert.Equal("17841405793187218", place.Id);
        Assert.Equal((0, false), (Provider.RulesOf(place.Facts).MaxThreadParts, Provider.RulesOf(place.Facts).FirstComment));
    }

    [Theory]
    [InlineData("plain", 5)]
    [InlineData("é日", 2)]
    [InlineData("😀", 4)]
    [InlineData("👩‍👩‍👧", 18)]
    [InlineData("a❤️", 7)]
    [InlineData("🇩🇪", 8)]
    public void Text_is_counted_as_the_network_counts_it(string text, int count)
    {
        Assert.Equal(count, TextCount.Of(text, Provider.Rules.Unit));
        Assert.Equal(count, ThreadsPosts.Count(text));
    }

    [Fact]
    public async Task Files_links_and_texts_that_the_rules_take_are_taken_and_the_others_refused()
    {
        Simulated.PostsPerDay = Simulated.ContainersPerDay = 10_000;
        var (taken, refused) = (0, 0);
        await Gen.Select(
            Gen.Select(OneOf(0, 1, 100, 120, 125, 126, 400, 480, 499, 500, 501), OneOf("a", "é", "日", "😀"),
                (length, letter) => string.Concat(Enumerable.Repeat(letter, length))),
            OneOf(0, 1, 5, 6), Gen.Bool, OneOf("none", "none", "jpeg", "png", "gif", "mp4"),
            OneOf(100, 101, 320, 1000, 1920, 1921), OneOf(99, 100, 1000, 1010),
            OneOf(1, 300, 301), OneOf(22, 23, 60, 61),
            (text, links, card, kind, width, height, seconds, fps) => (text, links, card, kind, width, height, seconds, fps))
            .SampleAsync(async s =>
            {
                if (await AgreeAsync(s.text, s.links, s.card, s.kind, s.width, s.height, s.seconds, s.fps)) taken++;
                else refused++;
            }, iter: 250, threads: 1);
        Assert.True(taken > 5 && refused > 20, $"{taken} taken, {refused} refused");
    }

    private async Task<bool> AgreeAsync(
        string letters, int links, bool card, string kind, int width, int height, int seconds, int fps)
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
        var text = string.Concat(Enumerable.Range(0, links).Select(i => $"https://a.io/{i} ")) + letters;
        if (text.Length == 0 && kind == "none") return false;
        var file = Serve("sample", bytes, facts.Kind, facts.MimeType, width, height);
        var post = PostContent.Empty with
        {
            Body = text.Length == 0 ? null : text,
            Link = card ? new LinkCard("https://a.io/0") : null,
            Media = kind == "none" ? [] : [file.Item()],
        };
        var profile = Ids.New(Time.GetUtcNow());
        var fine = !ContentRules.Check(Provider, post, profile, null, _ => facts, MediaTools.None)
            .Any(issue => issue.Severity == Severity.Error);
        var outcome = (await RunAsync(Work(ContentRules.Resolve(post, profile, Provider.Id), file))).Outcome;
        Assert.True(fine == outcome is PublishOutcome.Published,
            $"{fine} but {outcome}: {kind} {width}x{height} {seconds}s {fps}/s, {Encoding.UTF8.GetByteCount(text)} bytes, {links} links");
        return fine;
    }

    private static DeliveryContent Thread(string body, TestFile picture) => Content(body) with
    {
        Thread = [new PartContent("two", [picture.Item()]), new PartContent("three", [])],
        FirstComment = new PartContent("comment", []),
    };
}
