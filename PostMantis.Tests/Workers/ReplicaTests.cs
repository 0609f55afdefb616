using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

/// <summary>Real processes against one database; the network's feed is the judge.</summary>
public sealed class ReplicaTests : IAsyncLifetime
{
    private const int UnderWay = 3;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(4);
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync(movedClock: false);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Two_processes_publish_2000_posts_each_exactly_once()
    {
        var pages = await PagesAsync(people: 8);
        await using var one = await StartAsync();
        await using var two = await StartAsync();
        await AcceptAsync(pages, 2000);
        await SettledAsync();

        Assert.Equal(2000, await CountAsync(DeliveryStatus.Published));
        await JudgeAsync(2000);
        var workers = await _world.Host.InDatabaseAsync(db => db.Attempts.Select(a => a.WorkerId).Distinct().CountAsync());
        Assert.Equal(2, workers);
        await one.StopAsync();
        await two.StopAsync();
    }

    [Fact]
    public async Task A_process_killed_among_500_publishes_loses_none_and_doubles_none()
    {
        var pages = await PagesAsync(people: 4);
        await AcceptAsync(pages, 500);
        await using (var killed = await StartAsync())
        {
            while (await CountAsync(DeliveryStatus.Published) < 100) await PauseAsync();

            // Some are surely under way: the network holds them, half of them already public.
            var arriving = await _world.Sandbox.HoldAsync("before", UnderWay);
            var taken = await _world.Sandbox.HoldAsync("after", UnderWay);
            await arriving.ReachedAsync();
            await taken.ReachedAsync();
            await killed.KillAsync();
            await arriving.ReleaseAsync();
            await taken.ReleaseAsync();
        }
        var open = await _world.Host.InDatabaseAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null));
        Assert.True(open >= 2 * UnderWay, $"Only {open} were under way when the process was killed.");

        await using var next = await StartAsync();
        await SettledAsync();
        await JudgeAsync(500);

        // Where nothing can tell, and only there, it is said honestly.
        var unknown = await _world.Host.InDatabaseAsync(db => db.Deliveries.Where(d => d.Status == DeliveryStatus.Unknown)
            .Select(d => d.ProfileId).ToListAsync());
        var blind = pages.Where(p => p.Facts["mode"] == "none").Select(p => p.Id).ToHashSet();
        Assert.All(unknown, profileId => Assert.Contains(profileId, blind));
        Assert.Equal(500, await CountAsync(DeliveryStatus.Published) + unknown.Count);
        await next.StopAsync();
    }

    [Fact]
    public async Task A_process_that_is_stopped_finishes_what_it_began()
    {
        var pages = await PagesAsync(people: 2);
        await AcceptAsync(pages, 200);
        await using var stopped = await StartAsync();
        while (await CountAsync(DeliveryStatus.Published) < 20) await PauseAsync();
        await stopped.StopAsync();
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.LeaseToken != null)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Workers.CountAsync()));
        var published = await CountAsync(DeliveryStatus.Published);
        Assert.Equal(published, (await _world.Sandbox.PostsAsync()).Count);
    }

    // Everyone who connects the same account has lanes of their own.
    private async Task<IReadOnlyList<Profile>> PagesAsync(int people)
    {
        var pages = _world.Pages.ToList();
        for (var i = 1; i < people; i++)
        {
            var person = await Seed.UserAsync(_world.Host);
            pages.AddRange(await PublishingWorld.ConnectAsync(_world.Host, _world.Sandbox, person,
                "lab-idempotent", "lab-probe", "lab-read-back", "lab-none"));
        }
        return pages;
    }

    private Task AcceptAsync(IReadOnlyList<Profile> pages, int count) => Parallel.ForEachAsync(
        Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (n, _) =>
        {
            var page = pages[n % pages.Count];
            await _world.CreateAsync(PublishingWorld.Body($"Post {n}", [page]),
                Core.Access.Caller.Person(page.UserId, null));
        });

    private Task<ApiServer> StartAsync() => ApiServer.StartAsync(_world.Host.ConnectionString,
        new Dictionary<string, string?>(_world.Sandbox.Settings)
        {
            ["Vault:MasterKeys:0:Id"] = "test",
            ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
            ["Queue:Lease"] = "00:00:03",
            ["Queue:Heartbeat"] = "00:00:00.5",
            ["Queue:ExpiryCheck"] = "00:00:00.5",
            ["Deliveries:AttemptTimeout"] = "00:00:10",
            ["Deliveries:RetryBase"] = "00:00:00.2",
            ["Deliveries:ReconcileBase"] = "00:00:00.5",
            ["Deliveries:Horizons:sandbox"] = "00:00:01",
            ["Providers:Sandbox:Timeout"] = "00:00:05",
        });

    private async Task SettledAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await _world.Host.InDatabaseAsync(db => db.Posts.AnyAsync(p => p.Status != PostStatus.Completed)))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "Posts do not settle.");
            await PauseAsync();
        }
    }

    // No body stands twice, and what is shown as published stands there.
    private async Task JudgeAsync(int count)
    {
        var feed = (await _world.Sandbox.PostsAsync()).GroupBy(p => p.Body).ToDictionary(g => g.Key, g => g.Count());
        Assert.DoesNotContain(feed, entry => entry.Value > 1);
        var published = await _world.Host.InDatabaseAsync(db => db.Deliveries
            .Where(d => d.Status == DeliveryStatus.Published).Join(db.Posts, d => d.PostId, p => p.Id, (d, p) => p.Content)
            .ToListAsync());
        Assert.All(published, content => Assert.Contains(content.Body!, feed.Keys));
        Assert.Equal(count, await _world.Host.InDatabaseAsync(db => db.Posts.CountAsync()));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w =>
            w.Kind == Core.Queue.WorkKind.Publish || w.Kind == Core.Queue.WorkKind.Reconcile)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null)));
    }

    private Task<int> CountAsync(DeliveryStatus status) =>
        _world.Host.InDatabaseAsync(db => db.Deliveries.CountAsync(d => d.Status == status));

    private static Task PauseAsync() => Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
}
