using System.Collections.Concurrent;
using System.Threading.Channels;

namespace PostMantis.Core.Queue;

/// <summary>
/// Tells the live views of this process that a post changed. A hint only: a view reads the state itself, and one that
/// does not keep up misses nothing but repetition.
/// </summary>
public sealed class PostChanges
{
    private const int MostPending = 256;
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
        foreach (var (_, subscription) in _subscriptions)
            if (subscription.UserId == userId) subscription.Channel.Writer.TryWrite(postId);
    }

    /// <summary>Ids of the user's posts as they change, until disposed.</summary>
    public Subscription Subscribe(Guid userId)
    {
        var subscription = new Subscription(this, userId);
        _subscriptions[subscription.Id] = subscription;
        return subscription;
    }

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
