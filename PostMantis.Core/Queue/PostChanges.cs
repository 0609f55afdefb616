using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;

namespace PostMantis.Core.Queue;

/// <summary>
/// Tells the live views of this process that a post changed. A hint only: a view reads the state itself, and one that
/// does not keep up misses nothing but repetition.
/// </summary>
public sealed class PostChanges
{
    private const int MostPending = 256;

    // Users share them: who shares one with somebody busy looks once more than needed.
    private const int Counters = 4096;
    private readonly Guid _process = Guid.CreateVersion7();
    private readonly long[] _counts = new long[Counters];
    private readonly ConcurrentDictionary<Guid, Subscription> _subscriptions = new();

    /// <summary>Told of every change this process made: what carries it to other replicas.</summary>
    public event Action<Guid>? Published;

    /// <summary>A post of <paramref name="userId"/> changed.</summary>
    public void Publish(Guid userId, Guid postId)
    {
        Hear(userId, postId);
        Published?.Invoke(userId);
    }

    /// <summary>A change that came from another replica: not told on.</summary>
    public void Hear(Guid userId, Guid postId)
    {
        Interlocked.Increment(ref CountOf(userId));
        foreach (var (_, subscription) in _subscriptions)
            if (subscription.UserId == userId) subscription.Channel.Writer.TryWrite(postId);
    }

    /// <summary>Anybody's posts may have changed: nothing was heard of other replicas for a while.</summary>
    public void HearAll()
    {
        for (var i = 0; i < Counters; i++) Interlocked.Increment(ref _counts[i]);
        foreach (var (_, subscription) in _subscriptions) subscription.Channel.Writer.TryWrite(Guid.Empty);
    }

    /// <summary>
    /// Where the user's changes stand: another text after each, and in each process. Who asks before reading and finds the same
    /// afterwards has missed nothing that this process heard of.
    /// </summary>
    public string Mark(Guid userId) =>
        string.Create(CultureInfo.InvariantCulture, $"{_process:N}-{Volatile.Read(ref CountOf(userId))}");

    /// <summary>Ids of the user's posts as they change, until disposed.</summary>
    public Subscription Subscribe(Guid userId)
    {
        var subscription = new Subscription(this, userId);
        _subscriptions[subscription.Id] = subscription;
        return subscription;
    }

    private ref long CountOf(Guid userId) => ref _counts[(uint)userId.GetHashCode() % Counters];

    /// <summary>One view's stream of changed posts.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly PostChanges _owner;

        internal Subscription(PostChanges owner, Guid userId) => (_owner, UserId) = (owner, userId);

        internal Guid Id { get; } = Guid.CreateVersion7();
        internal Guid UserId { get; }
        internal Channel<Guid> Channel { get; } = System.Threading.Channels.Channel.CreateBounded<Guid>(
            new BoundedChannelOptions(MostPending) { FullMode = BoundedChannelFullMode.DropOldest });

        public ChannelReader<Guid> Changes => Channel.Reader;

        public void Dispose()
        {
            _owner._subscriptions.TryRemove(Id, out _);
            Channel.Writer.TryComplete();
        }
    }
}
