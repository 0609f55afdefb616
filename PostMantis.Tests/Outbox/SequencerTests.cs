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

public sealed class SequencerTests : IAsyncLifetime
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await PostMantisHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Each_users_events_are_numbered_in_the_order_they_were_written()
    {
        var (one, other) = (await Seed.UserAsync(_host), await Seed.UserAsync(_host));
        for (var i = 0; i < 3; i++)
        {
            await AddAsync(one);
            await AddAsync(other);
        }
        Assert.Equal(6, await RunAsync(_host));
        await AddAsync(one);
        Assert.Equal(1, await RunAsync(_host));
        Assert.Equal(0, await RunAsync(_host));
        Assert.Equal([1, 2, 3, 4], await SequencesAsync(one));
        Assert.Equal([1, 2, 3], await SequencesAsync(other));
    }

    [Fact]
    public async Task Nothing_appears_later_below_a_number_that_was_read()
    {
        var user = await Seed.UserAsync(_host);
        await using var scope = _host.Services.CreateAsyncScope();
        var unit = scope.ServiceProvider.GetRequiredService<UnitOfWork>();
        await unit.RunAsync(async ct =>
        {
            // Written first, committed last.
            Write(scope.ServiceProvider.GetRequiredService<EventWriter>(), user);
            await unit.Db.SaveChangesAsync(ct);
            await AddAsync(user);
            Assert.Equal(1, await RunAsync(_host));
            Assert.Equal([1], await SequencesAsync(user));
        }, default);
        Assert.Equal(1, await RunAsync(_host));
        var numbers = await _host.InDatabaseAsync(db => db.EventNumbers.Where(n => n.UserId == user.UserId)
            .OrderBy(n => n.EventId).Select(n => n.Sequence).ToListAsync());
        Assert.Equal([2, 1], numbers);
    }

    [Fact]
    public async Task Replicas_number_together_without_a_gap_or_a_twin()
    {
        var user = await Seed.UserAsync(_host);
        await using var replica = await PostMantisHost.StartAsync(connectionString: _host.ConnectionString);
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++) await AddAsync(user);
        })));
        var numbering = Task.WhenAll(new[] { _host, replica }.Select(host => Task.Run(async () =>
        {
            while (!writing.IsCompleted || await RunAsync(host) > 0) await RunAsync(host);
        })));
        await Task.WhenAll(writing, numbering);
        Assert.Equal(Enumerable.Range(1, 100).Select(n => (long)n), await SequencesAsync(user));
    }

    [Fact]
    public async Task Events_are_numbered_as_they_were_committed_whatever_the_clocks_said()
    {
        var user = await Seed.UserAsync(_host);
        await using var late = await PostMantisHost.StartAsync(connectionString: _host.ConnectionString);
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await AddAsync(user, EventTypes.PostCreated);
        await AddAsync(user, EventTypes.PostUpdated, late);
        await AddAsync(user, EventTypes.PostScheduled);
        Assert.Equal(3, await RunAsync(_host));
        var types = await _host.InDatabaseAsync(db => db.EventNumbers
            .Join(db.Events, n => n.EventId, e => e.Id, (n, e) => new { n.Sequence, e.Type })
            .OrderBy(e => e.Sequence).Select(e => e.Type).ToListAsync());
        Assert.Equal([EventTypes.PostCreated, EventTypes.PostUpdated, EventTypes.PostScheduled], types);
    }

    [Fact]
    public async Task Accepting_waits_for_no_sequencer()
    {
        var user = await Seed.UserAsync(_host);
        var page = await Seed.ProfileAsync(_host, user);
        await CreateAsync(_host, user, page, "First");
        await RunAsync(_host);
        await using var scope = _host.Services.CreateAsyncScope();
        var unit = scope.ServiceProvider.GetRequiredService<UnitOfWork>();
        await unit.RunAsync(async ct =>
        {
            // As a sequencer that stopped in the middle of its work.
            await unit.Db.Database.ExecuteSqlAsync($"SELECT 1 FROM event_sequences FOR UPDATE", ct);
            await CreateAsync(_host, user, page, "Second").WaitAsync(_patience, TimeProvider.System, ct);
        }, default);
        Assert.Equal(2, await RunAsync(_host));
    }

    [Fact]
    public async Task Readers_that_page_all_the_while_miss_nothing()
    {
        const int Writers = 16, Rounds = 12, Posts = 4, Readers = 4;
        var user = await Seed.UserAsync(_host);
        var page = await Seed.ProfileAsync(_host, user);
        await using var other = await PostMantisHost.StartAsync(connectionString: _host.ConnectionString);
        PostMantisHost[] hosts = [_host, other];
        var posts = new List<PostResource>();
        for (var i = 0; i < Posts; i++) posts.Add(await CreateAsync(_host, user, page, $"Shared {i}", draft: true));

        // Everyone writes posts of their own, and all of them the same few drafts.
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            var host = hosts[writer % hosts.Length];
            for (var round = 0; round < Rounds; round++)
            {
                await CreateAsync(host, user, page, $"Post {writer} {round}");
                var patch = new JsonObject { ["post"] = new JsonObject { ["externalId"] = $"{writer}-{round}" } };
                await host.InScopeAsync(s => s.GetRequiredService<PostEditor>()
                    .UpdateAsync(user, posts[(writer + round) % Posts].Id, patch, null, default));
            }
        })));
        var numbering = Task.WhenAll(hosts.Concat(hosts).Select(host => Task.Run(async () =>
        {
            while (!writing.IsCompleted || await RunAsync(host) > 0) await RunAsync(host);
        })));
        var reading = Enumerable.Range(0, Readers).Select(reader => Task.Run(async () =>
        {
            List<EventResource> read = [];
            while (true)
            {
                var isLast = numbering.IsCompleted;
                var page = await hosts[reader % hosts.Length].InScopeAsync(s => s.GetRequiredService<EventReader>()
                    .FollowAsync(user, read.Count == 0 ? null : read[^1].Sequence, new EventQuery(), new PageRequest(7), default));
                read.AddRange(page.Items);
                if (isLast && page.Items.Count == 0) return read;
            }
        })).ToArray();
        await writing;
        await numbering;

        var numbers = await _host.InDatabaseAsync(db => db.EventNumbers.OrderBy(n => n.Sequence).ToListAsync());
        var events = await _host.InDatabaseAsync(db => db.Events.AsNoTracking().ToDictionaryAsync(e => e.Id));
        var all = numbers.Select(n => events[n.EventId]).ToList();
        Assert.Equal(Posts + (Writers * Rounds * 3), all.Count);
        Assert.Equal(Enumerable.Range(1, all.Count).Select(n => (long)n), numbers.Select(n => n.Sequence));
        foreach (var read in await Task.WhenAll(reading)) Assert.Equal(all.Select(e => e.Id), read.Select(e => e.Id));

        // An edit commits under the post's lock, so revisions tell the order of commits.
        foreach (var post in posts)
        {
            var revisions = all.Where(e => e.PostId == post.Id).Select(e => (int)e.Data["post"]!["revision"]!).ToList();
            Assert.Equal(Enumerable.Range(1, (Writers * Rounds / Posts) + 1), revisions);
        }
    }

    private static Task<PostResource> CreateAsync(
        PostMantisHost host, Caller user, Profile page, string text, bool draft = false)
    {
        var body = PublishingWorld.Body(text, [page]);
        body["post"]!["draft"] = draft;
        return host.InScopeAsync(async services =>
            (await services.GetRequiredService<PostAcceptor>().CreateAsync(user, body, default)).Post);
    }

    private static Task<int> RunAsync(PostMantisHost host) =>
        host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default));

    private Task<int> AddAsync(Caller user, string type = EventTypes.PostCreated, PostMantisHost? host = null) =>
        (host ?? _host).InScopeAsync(services =>
        {
            Write(services.GetRequiredService<EventWriter>(), user, type);
            return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
        });

    private static void Write(EventWriter events, Caller user, string type = EventTypes.PostCreated) =>
        events.Add(user.UserId, type, new JsonObject(), testMode: true);

    private Task<List<long>> SequencesAsync(Caller user) => _host.InDatabaseAsync(db => db.EventNumbers
        .Where(n => n.UserId == user.UserId).OrderBy(n => n.Sequence).Select(n => n.Sequence).ToListAsync());
}
