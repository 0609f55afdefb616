using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

/// <summary>A new version rolls out while programs post: nobody notices.</summary>
public sealed class RollingRestartTests : IAsyncLifetime
{
    private const int Posts = 300;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);
    private PublishingWorld _world = null!;
    private Fleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(movedClock: false);

        // Leases as in production: whoever is stopped leaves none behind.
        _fleet = new Fleet(() => _world.StartReplicaAsync(settings: new Dictionary<string, string?>
        {
            ["Queue:Lease"] = "00:00:30",
            ["Queue:Heartbeat"] = "00:00:05",
        }), 2);
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        await _world.DisposeAsync();
    }

    [Fact]
    public async Task Each_replica_stopped_and_started_in_turn_loses_nothing_and_doubles_nothing()
    {
        var key = (await ApiClient.WithKeyAsync(_world.Host, _world.Person)).Key!;
        await Task.WhenAll(_fleet.StartAsync(0), _fleet.StartAsync(1));
        var rolled = RollAsync();
        var accepted = 0;

        // At least so many, and for as long as replicas come and go.
        await Parallel.ForEachAsync(Numbers(() => Volatile.Read(ref accepted) < Posts || !rolled.IsCompleted),
            new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (n, ct) =>
            {
                var body = PublishingWorld.Body($"Rolled {n}", [_world.Pages[n % 4]]);
                await _fleet.AcceptAsync(body, key, $"rolled {n}");
                Interlocked.Increment(ref accepted);
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, ct);
            });
        await rolled;
        await UntilAsync(db => db.Posts.AllAsync(p => p.Status == PostStatus.Completed));

        Assert.Empty(_fleet.Faults);
        var feed = (await _world.Sandbox.PostsAsync()).Select(p => p.Body).Order().ToList();
        Assert.Equal(Enumerable.Range(0, accepted).Select(n => $"Rolled {n}").Order(), feed);
        Assert.Equal(accepted, await _world.Host.InDatabaseAsync(db =>
            db.Deliveries.CountAsync(d => d.Status == DeliveryStatus.Published)));

        // Nothing was left for its lease to run out.
        var ledger = await _world.Host.InDatabaseAsync(db => db.Attempts.AsNoTracking().ToListAsync());
        Assert.DoesNotContain(ledger, a => a.FinishedAt is null || a.Steps.Exists(s => s.Name == "leaseExpired"));
        Assert.True(ledger.Select(a => a.WorkerId).Distinct().Count() >= 3, "Too few workers took part.");
    }

    private async Task RollAsync()
    {
        for (var i = 0; i < 2; i++)
        {
            var published = await PublishedAsync();
            await UntilAsync(async db => await PublishedAsync() > published + 20);
            await _fleet.EndAsync(i, gently: true);
            await _fleet.StartAsync(i);
        }
    }

    private static IEnumerable<int> Numbers(Func<bool> goesOn)
    {
        for (var n = 0; goesOn(); n++) yield return n;
    }

    private Task<int> PublishedAsync() => _world.Host.InDatabaseAsync(db =>
        db.Deliveries.CountAsync(d => d.Status == DeliveryStatus.Published));

    private async Task UntilAsync(Func<Core.Persistence.PostMantisDb, Task<bool>> isSo)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await _world.Host.InDatabaseAsync(isSo))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "It does not become so.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
