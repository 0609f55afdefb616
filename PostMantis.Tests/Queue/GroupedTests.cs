using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Core.Queue;

namespace PostMantis.Tests.Queue;

public sealed class GroupedTests
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task What_nobody_waits_for_gathers_until_somebody_does_it_is_many_or_the_pause_is_over()
    {
        var (time, written) = (new WatchedTime(), Channel.CreateUnbounded<string>());
        var grouped = new Grouped<int, bool>(4, group =>
        {
            written.Writer.TryWrite(string.Join(", ", group));
            return Task.FromResult<IReadOnlyList<bool>>(new bool[group.Count]);
        }, _pause, time);

        grouped.Add(1);
        await time.TimerMade.Reader.ReadAsync();
        time.Advance(_pause);
        Assert.Equal("1", await written.Reader.ReadAsync());

        grouped.Add(2);
        await time.TimerMade.Reader.ReadAsync();
        grouped.Add(3);
        await grouped.AddAsync(4);
        Assert.Equal("2, 3, 4", await written.Reader.ReadAsync());

        foreach (var n in (int[])[5, 6, 7, 8]) grouped.Add(n);
        Assert.Equal("5, 6, 7, 8", await written.Reader.ReadAsync());
    }

    private sealed class WatchedTime : FakeTimeProvider
    {
        public Channel<bool> TimerMade { get; } = Channel.CreateUnbounded<bool>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            TimerMade.Writer.TryWrite(true);
            return timer;
        }
    }
}
