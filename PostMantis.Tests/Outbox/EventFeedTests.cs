using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Outbox;

public sealed class EventFeedTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private Profile _team = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["Events:MostLookedThrough"] = "100" });
        _person = await Seed.UserAsync(_host);
        _page = await Seed.ProfileAsync(_host, _person, "Page");
        _team = await Seed.ProfileAsync(_host, _person, "Team");
        _api = await ApiClient.WithKeyAsync(_host, _person, Permission.Read);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task An_event_has_the_shape_webhooks_carry()
    {
        var post = await CreateAsync("Hello", _page);
        await CancelAsync(post);
        Assert.Empty(await ItemsAsync("/events"));
        await NumberAsync();

        var events = await ItemsAsync("/events");
        Assert.Equal(["post.created", "post.scheduled", "delivery.canceled", "post.canceled"], Types(events));
        Assert.Equal([1, 2, 3, 4], events.Select(e => (long)e["sequence"]!));
        var canceled = events[2];
        Assert.Equal(["id", "type", "apiVersion", "timestamp", "sequence", "testMode", "data"], canceled.Select(m => m.Key));
        Assert.Equal(("v1", true), ((string?)canceled["apiVersion"], (bool)canceled["testMode"]!));
        Assert.Equal(UtcMillisecondsConverter.Format(_host.Clock.GetUtcNow()), (string?)canceled["timestamp"]);
        Assert.Equal(post.Id.ToString(), (string?)canceled["data"]!["post"]!["id"]);

        // As in GET, without its content.
        var seen = (await _api.GetAsync($"/posts/{post.Id}")).Data["deliveries"]![0]!.AsObject();
        seen.Remove("content");
        var told = canceled["data"]!["delivery"]!.AsObject();
        Assert.Equal(seen.Select(m => m.Key).Order(), told.Select(m => m.Key).Order());
        Assert.Equal("canceled", (string?)told["status"]);
    }

    [Fact]
    public async Task The_feed_is_walked_by_sequence_and_filtered_by_type()
    {
        for (var i = 0; i < 4; i++) await CancelAsync(await CreateAsync($"Post {i}", _page));
        await NumberAsync();

        List<long> walked = [];
        string? cursor = null;
        do
        {
            var reply = await _api.GetAsync($"/events?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}");
            walked.AddRange(reply.Json!["data"]!.AsArray().Select(e => (long)e!["sequence"]!));
            var pagination = reply.Json!["pagination"]!;
            cursor = (string?)pagination["nextCursor"];
            Assert.Equal(cursor is not null, (bool)pagination["hasMore"]!);
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(1, 16).Select(n => (long)n), walked);

        Assert.Equal([15, 16], Sequences(await ItemsAsync("/events?afterSequence=14")));
        Assert.Empty(await ItemsAsync("/events?afterSequence=16"));
        Assert.Equal([8, 9, 12, 13, 16],
            Sequences(await ItemsAsync("/events?types=post.created&types=post.canceled&afterSequence=7")));
        var numbered = (await _api.GetAsync("/events?page=1&perPage=10&types=post.created&types=post.canceled")).Json!;
        Assert.Equal((0, 8), (numbered["data"]!.AsArray().Count, (int)numbered["pagination"]!["total"]!));
        var refused = await _api.GetAsync("/events?types=post.created&types=post.exploded");
        Assert.Equal((400, "types wrongFormat"), (refused.Status, refused.Issue));
        Assert.StartsWith("post.exploded ", (string?)refused.Json!["errors"]![0]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_and_live_events_are_seen_by_their_own_keys_only()
    {
        await CreateAsync("Test", _page);
        var live = await Seed.ProfileAsync(_host, _person, "Live", testMode: false);
        await AddAsync(EventTypes.ProfileConnected, live);
        var other = await Seed.UserAsync(_host);
        await NumberAsync();

        Assert.Equal([1, 2], Sequences(await ItemsAsync("/events")));
        var liveKey = await ApiClient.WithKeyAsync(_host, _person, testMode: false);
        Assert.Equal([3], Sequences(await ItemsAsync("/events", liveKey)));
        Assert.Empty(await ItemsAsync("/publish/logs", liveKey));
        Assert.Empty(await ItemsAsync("/events", await ApiClient.WithKeyAsync(_host, other)));
        var everything = await FollowAsync(_person, null);
        Assert.Equal([1, 2, 3], everything.Items.Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_narrow_key_sees_the_events_of_what_lies_wholly_in_its_scope()
    {
        await CancelAsync(await CreateAsync("Both", _page, _team));
        var mine = await CreateAsync("Mine", _page);
        var moved = await CreateAsync("Moved", _page, _team);
        var draft = await CreateAsync("Draft", draft: true, _team);
        await RunAsync(e => e.DeleteAsync(_person, draft.Id, null, default));
        var third = await Seed.ProfileAsync(_host, _person, "Third");
        await AddAsync(EventTypes.ProfileConnected, _page);
        await AddAsync(EventTypes.ProfileConnected, _team);
        await AddAsync(EventTypes.ArtifactVerified, null);
        await AddAsync(EventTypes.EndpointDisabled, null);
        await NumberAsync();

        var narrow = await ApiClient.WithKeyAsync(_host, _person, profiles: [_page.Id]);
        var seen = await ItemsAsync("/events", narrow);
        Assert.Equal(["post.created", "post.scheduled", "profile.connected", "artifact.verified"], Types(seen));
        Assert.All(seen.Take(2), e => Assert.Equal(mine.Id.ToString(), (string?)e["data"]!["post"]!["id"]));
        Assert.Equal(2, (await ItemsAsync("/publish/logs", narrow)).Count);
        Assert.Empty(await ItemsAsync($"/publish/logs?postId={moved.Id}", narrow));

        var elsewhere = await ApiClient.WithKeyAsync(_host, _person, profiles: [third.Id]);
        Assert.Equal(["artifact.verified"], Types(await ItemsAsync("/events", elsewhere)));
        var everywhere = await ApiClient.WithKeyAsync(_host, _person, providers: ["sandbox"]);
        Assert.Equal((await ItemsAsync("/publish/logs?limit=100", _api)).Count - 1,
            (await ItemsAsync("/publish/logs?limit=100", everywhere)).Count);

        // A post that comes to lie in the scope brings its past along, but not what was said about others' deliveries.
        await RunAsync(e => e.CancelDeliveryAsync(_person, moved.Id, moved.Deliveries[1].Id, null, default));
        await _host.InDatabaseAsync(db => db.Deliveries.Where(d => d.Id == moved.Deliveries[1].Id).ExecuteDeleteAsync());
        await NumberAsync();
        Assert.Equal(["post.scheduled", "post.created"], Types(await ItemsAsync($"/publish/logs?postId={moved.Id}", narrow)));
    }

    [Fact]
    public async Task The_log_is_newest_first_and_narrowed_by_every_filter()
    {
        var first = await CreateAsync("First", _page);
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        var between = _host.Clock.GetUtcNow();
        var second = await CreateAsync("Second", _page, _team);
        await CancelAsync(second);
        await AddAsync(EventTypes.ProfileConnected, _page);
        await NumberAsync();

        Assert.Equal([7, 6, 5, 4, 3, 2, 1], Sequences(await ItemsAsync("/publish/logs")));
        Assert.Equal([2, 1], Sequences(await ItemsAsync($"/publish/logs?postId={first.Id}")));
        Assert.Equal([6], Sequences(await ItemsAsync($"/publish/logs?profileId={_team.Id}")));
        Assert.Equal([6, 5], Sequences(await ItemsAsync("/publish/logs?provider=sandbox")));
        Assert.Empty(await ItemsAsync("/publish/logs?provider=mastodon"));
        Assert.Equal([7, 3, 1], Sequences(await ItemsAsync("/publish/logs?type=post.created&type=post.canceled")));
        var moment = Uri.EscapeDataString(UtcMillisecondsConverter.Format(between));
        Assert.Equal([7, 6, 5, 4, 3], Sequences(await ItemsAsync($"/publish/logs?after={moment}")));
        Assert.Equal([2, 1], Sequences(await ItemsAsync($"/publish/logs?before={moment}")));

        var slice = (await _api.GetAsync("/publish/logs?limit=3")).Json!;
        Assert.Equal([7, 6, 5], slice["data"]!.AsArray().Select(e => (long)e!["sequence"]!));

        // What comes meanwhile does not move the list.
        await CreateAsync("Third", _page);
        await NumberAsync();
        Assert.Equal([4, 3, 2, 1], Sequences(await ItemsAsync($"/publish/logs?cursor={slice["pagination"]!["nextCursor"]}")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_page_looks_through_so_many_and_the_next_goes_on(bool isNarrow)
    {
        await _host.InDatabaseAsync(db =>
        {
            var now = _host.Clock.GetUtcNow();
            for (var n = 1; n <= 250; n++)
            {
                var isFound = n is 30 or 230 or 231;
                var happened = new Event
                {
                    Id = Ids.New(now),
                    UserId = _person.UserId,
                    Type = isFound ? EventTypes.ProfileConnected : EventTypes.ArtifactVerified,
                    ProfileId = isFound ? _page.Id : null,
                    TestMode = true,
                    Data = [],
                    CreatedAt = now,
                };
                db.Events.Add(happened);
                db.UnnumberedEvents.Add(new UnnumberedEvent { EventId = happened.Id, UserId = _person.UserId });
            }
            return db.SaveChangesAsync();
        });
        await NumberAsync();
        var caller = isNarrow ? _person with { ProfileIds = [_page.Id] } : _person;
        var query = new EventQuery([EventTypes.ProfileConnected]);
        foreach (var isNewestFirst in (bool[])[false, true])
        {
            List<int> sizes = [];
            List<long> found = [];
            string? cursor = null;
            do
            {
                var slice = new PageRequest(1, cursor);
                var page = await _host.InScopeAsync(s => isNewestFirst
                    ? s.GetRequiredService<EventReader>().LatestAsync(caller, query, slice, default)
                    : s.GetRequiredService<EventReader>().FollowAsync(caller, null, query, slice, default));
                Assert.Equal(page.HasMore, page.NextCursor is not null);
                found.AddRange(page.Items.Select(e => e.Sequence));
                sizes.Add(page.Items.Count);
                cursor = page.NextCursor;
            }
            while (cursor is not null);
            Assert.Equal(isNewestFirst ? [231, 230, 30] : [30, 230, 231], found);
            Assert.Contains(0, sizes);
            Assert.InRange(sizes.Count, isNarrow ? 13 : 4, isNarrow ? 16 : 6);
        }
        var past = await FollowAsync(_person, long.MaxValue);
        Assert.Equal((0, false), (past.Items.Count, past.HasMore));
    }

    private Task<Page<EventResource>> FollowAsync(Caller caller, long? after) => _host.InScopeAsync(services =>
        services.GetRequiredService<EventReader>().FollowAsync(caller, after, new EventQuery(), new PageRequest(100), default));

    private async Task<IReadOnlyList<JsonObject>> ItemsAsync(string path, ApiClient? api = null)
    {
        var reply = await (api ?? _api).GetAsync(path);
        Assert.Equal(200, reply.Status);
        return [.. reply.Json!["data"]!.AsArray().Select(e => e!.AsObject())];
    }

    private static IEnumerable<string?> Types(IEnumerable<JsonObject> events) => events.Select(e => (string?)e["type"]);

    private static IEnumerable<long> Sequences(IEnumerable<JsonObject> events) => events.Select(e => (long)e["sequence"]!);

    private Task<PostResource> CreateAsync(string text, params Profile[] pages) => CreateAsync(text, draft: false, pages);

    private Task<PostResource> CreateAsync(string text, bool draft, params Profile[] pages)
    {
        var body = PublishingWorld.Body(text, pages);
        body["post"]!["draft"] = draft;
        return _host.InScopeAsync(async services =>
            (await services.GetRequiredService<PostAcceptor>().CreateAsync(_person, body, default)).Post);
    }

    private Task<int> CancelAsync(PostResource post) => RunAsync(e => e.CancelAsync(_person, post.Id, null, default));

    private Task<int> RunAsync(Func<PostEditor, Task> work) => _host.InScopeAsync(async services =>
    {
        await work(services.GetRequiredService<PostEditor>());
        return 0;
    });

    private Task<int> AddAsync(string type, Profile? profile) => _host.InScopeAsync(services =>
    {
        services.GetRequiredService<EventWriter>().Add(_person.UserId, type, new JsonObject(), profile?.TestMode ?? true,
            profileId: profile?.Id, provider: profile?.Provider);
        return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
    });

    private async Task NumberAsync()
    {
        while (await _host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
    }
}
