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
        using var view = other.Services.GetRequiredService<PostChanges>().Subscribe(user);
        var listening = other.Services.GetRequiredService<ReplicaSignals>().ListenAsync(stop.Token);
        var telling = one.Services.GetRequiredService<ReplicaSignals>().TellAsync(stop.Token);

        // Told again until heard: who starts first is not the matter here.
        var heard = view.Changes.WaitToReadAsync(stop.Token).AsTask();
        while (!heard.IsCompleted)
        {
            one.Services.GetRequiredService<PostChanges>().Publish(user, user);
            one.Services.GetRequiredService<WakeUp>().Signal(WorkKind.Publish);
            await Task.WhenAny(heard, Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, stop.Token));
        }
        Assert.True(await heard);
        var started = TimeProvider.System.GetTimestamp();
        await other.Services.GetRequiredService<WakeUp>().WaitAsync(
            nameof(WorkKind.Publish), _patience, TimeProvider.System, stop.Token);
        Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience / 2);

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => telling);
    }
}
