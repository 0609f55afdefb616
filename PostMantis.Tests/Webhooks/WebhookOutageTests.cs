using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Webhooks;

/// <summary>Processes that are killed while they write, number and send.</summary>
public sealed class WebhookOutageTests : IAsyncLifetime
{
    private const int Writers = 16;
    private const int Posts = 6;
    private const int Readers = 4;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(4);
    private PublishingWorld _world = null!;
    private WebhookReceiver _receiver = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(WebhookWorld.Settings, movedClock: false);
        _receiver = await WebhookReceiver.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _receiver.DisposeAsync();
        await _world.DisposeAsync();
    }

    [Fact]
    public async Task Killed_processes_lose_no_event_for_readers_and_receivers()
    {
        await _world.EventsAsync(Guid.Empty);
        await _world.Host.InScopeAsync(services => services.GetRequiredService<WebhookEndpoints>().CreateAsync(_world.Person,
            new WebhookSettings("x", _receiver.Url(), WebhookMode.Both, [], [], []), default));
        var program = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        await using var fleet = new Fleet(() => _world.StartReplicaAsync(settings: WebhookWorld.Settings), 2);
        await Task.WhenAll(fleet.StartAsync(0), fleet.StartAsync(1));
        var accepted = 0;
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < Posts; i++)
            {
                var body = PublishingWorld.Body($"Post {writer} {i}", [_world.Pages[(writer + i) % _world.Pages.Count]]);
                Assert.True(await fleet.AcceptAsync(body, program.Key!, $"{writer}-{i}"));
                Interlocked.Increment(ref accepted);
            }
        })));
        var killing = Task.Run(async () =>
        {
            for (var victim = 0; victim < 2; victim++)
            {
                await UntilAsync(() => Task.FromResult(Volatile.Read(ref accepted) >= Writers * Posts * (victim + 1) / 3));
                await fleet.EndAsync(victim, gently: false);
                await fleet.StartAsync(victim);
            }
        });
        using var stop = new CancellationTokenSource();
        var reading = Enumerable.Range(0, Readers).Select(_ => Task.Run(() => ReadAsync(stop.Token))).ToArray();
        await writing;
        await killing;
        await UntilAsync(() => _world.Host.InDatabaseAsync(async db =>
            await db.Posts.CountAsync(p => p.CompletedAt != null) == Writers * Posts
            && !await db.UnnumberedEvents.AnyAsync() && !await db.WebhookMessages.AnyAsync(m => m.Status == MessageStatus.Pending)));
        await stop.CancelAsync();

        var feed = await _world.Host.InDatabaseAsync(db => db.EventNumbers.OrderBy(n => n.Sequence)
            .Join(db.Events, n => n.EventId, e => e.Id, (n, e) => new { n.Sequence, e.Id, e.PostId }).OrderBy(e => e.Sequence).ToListAsync());
        Assert.Equal(Enumerable.Range(1, feed.Count).Select(n => (long)n), feed.Select(e => e.Sequence));
        foreach (var read in await Task.WhenAll(reading)) Assert.Equal(feed.Select(e => e.Id), read);

        // The endpoint was made after the pages were connected, and is told of all that came from then on.
        var told = feed.Where(e => e.PostId is not null).ToList();
        var arrived = _receiver.Received.Select(r => r.Id).Distinct().ToList();
        Assert.Equal(told.Select(e => e.Id.ToString()).Order(), arrived.Order());
        var posts = told.ToDictionary(e => e.Id.ToString(), e => (e.PostId, e.Sequence));
        foreach (var post in arrived.GroupBy(id => posts[id].PostId))
            Assert.Equal(post.Select(id => posts[id].Sequence).Order(), post.Select(id => posts[id].Sequence));
    }

    // Reads on until told to stop, and then to the end.
    private async Task<List<Guid>> ReadAsync(CancellationToken stop)
    {
        List<EventResource> read = [];
        while (true)
        {
            var isLast = stop.IsCancellationRequested;
            var page = await _world.Host.InScopeAsync(s => s.GetRequiredService<EventReader>().FollowAsync(_world.Person,
                read.Count == 0 ? null : read[^1].Sequence, new EventQuery(), new PageRequest(7), default));
            read.AddRange(page.Items);
            if (page.Items.Count > 0) continue;
            if (isLast) return [.. read.Select(e => e.Id)];
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await isSo())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "It does not happen.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
