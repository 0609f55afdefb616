using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Queue;

public sealed class ReplicaSignalsTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Another_replica_hears_of_work_and_of_changes()
    {
        await using var one = await PostMantisHost.StartAsync(movedClock: false);
        await using var other = await PostMantisHost.StartAsync(connectionString: one.ConnectionString, movedClock: false);
        foreach (var host in new[] { one, other, one })
            await host.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        Assert.True(one.Services.GetRequiredService<Heartbeat>().HasPeers);

        using var stop = new CancellationTokenSource(_patience);
        var user = Ids.New(TimeProvider.System.GetUtcNow());
        var listening = other.Services.GetRequiredService<ReplicaSignals>().ListenAsync(stop.Token);
        var telling = one.Services.GetRequiredService<ReplicaSignals>().TellAsync(stop.Token);

        await HeardAsync(other, user, () =>
        {
            one.Services.GetRequiredService<PostChanges>().Publish(user, user);
            one.Services.GetRequiredService<WakeUp>().Signal(WorkKind.Publish);
        }, stop.Token);
        var started = TimeProvider.System.GetTimestamp();
        await other.Services.GetRequiredService<WakeUp>().WaitAsync(
            nameof(WorkKind.Publish), _patience, TimeProvider.System, stop.Token);
        Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience / 2);

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => telling);
    }

    [Fact]
    public async Task A_process_that_only_serves_says_that_it_lives_hears_and_tells()
    {
        await using var other = await PostMantisHost.StartAsync(movedClock: false);
        await other.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        await using var serving = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["Workers:Enabled"] = "false" }, connectionString: other.ConnectionString, movedClock: false);
        Assert.True(serving.Services.GetRequiredService<Heartbeat>().HasPeers);
        await other.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        Assert.True(other.Services.GetRequiredService<Heartbeat>().HasPeers);

        using var stop = new CancellationTokenSource(_patience);
        var user = Ids.New(TimeProvider.System.GetUtcNow());
        var signals = other.Services.GetRequiredService<ReplicaSignals>();
        Task[] loops = [signals.ListenAsync(stop.Token), signals.TellAsync(stop.Token)];
        await HeardAsync(other, user, () => serving.Services.GetRequiredService<PostChanges>().Publish(user, user), stop.Token);
        await HeardAsync(serving, user, () => other.Services.GetRequiredService<PostChanges>().Publish(user, user), stop.Token);

        await stop.CancelAsync();
        foreach (var loop in loops) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact]
    public async Task Of_more_changes_than_can_be_told_everybody_hears()
    {
        await using var one = await PostMantisHost.StartAsync(movedClock: false);
        await using var other = await PostMantisHost.StartAsync(connectionString: one.ConnectionString, movedClock: false);
        foreach (var host in new[] { other, one }) await host.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        using var stop = new CancellationTokenSource(_patience);
        var (there, here) = (other.Services.GetRequiredService<ReplicaSignals>(), one.Services.GetRequiredService<ReplicaSignals>());
        Task[] loops = [there.ListenAsync(stop.Token), here.TellAsync(stop.Token)];
        var changes = one.Services.GetRequiredService<PostChanges>();
        var users = Enumerable.Range(0, 2000).Select(_ => Ids.New(TimeProvider.System.GetUtcNow())).ToList();
        await HeardAsync(other, users[0], () => changes.Publish(users[0], users[0]), stop.Token);

        // All at once: their views are open, and each is told once.
        var views = users.ConvertAll(other.Services.GetRequiredService<PostChanges>().Subscribe);
        foreach (var user in users) changes.Publish(user, user);
        foreach (var view in views)
        {
            await view.Changes.ReadAsync(stop.Token);
            view.Dispose();
        }
        await stop.CancelAsync();
        foreach (var loop in loops) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact]
    public async Task Whoever_begins_to_listen_takes_it_that_something_was_missed()
    {
        await using var host = await PostMantisHost.StartAsync(movedClock: false);
        var (changes, user) = (host.Services.GetRequiredService<PostChanges>(), Ids.New(TimeProvider.System.GetUtcNow()));
        using var stop = new CancellationTokenSource(_patience);
        using var view = changes.Subscribe(user);
        var mark = changes.Mark(user);
        var listening = host.Services.GetRequiredService<ReplicaSignals>().ListenAsync(stop.Token);

        Assert.Equal(Guid.Empty, await view.Changes.ReadAsync(stop.Token));
        Assert.NotEqual(mark, changes.Mark(user));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
    }

    // Told again until heard: who starts first is not the matter here. Twice, for beginning to listen is heard too.
    private static async Task HeardAsync(PostMantisHost by, Guid user, Action tell, CancellationToken ct)
    {
        using var view = by.Services.GetRequiredService<PostChanges>().Subscribe(user);
        for (var times = 0; times < 2; times++)
        {
            var heard = view.Changes.ReadAsync(ct).AsTask();
            while (!heard.IsCompleted)
            {
                tell();
                await Task.WhenAny(heard, Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, ct));
            }
            await heard;
        }
    }
}
