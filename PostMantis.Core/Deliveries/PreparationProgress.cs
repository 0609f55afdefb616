using System.Collections.Concurrent;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// How far the conversion of a post's media has come, while this process works on it; for people who watch.
/// </summary>
public sealed class PreparationProgress
{
    private readonly ConcurrentDictionary<Guid, double> _posts = new();

    /// <summary>From 0 to 1; null when this process does not convert anything of the post.</summary>
    public double? Of(Guid postId) => _posts.TryGetValue(postId, out var done) ? done : null;

    /// <summary>Watches one conversion; <paramref name="changed"/> is told of every twentieth.</summary>
    internal IProgress<double> Watch(Guid postId, Action changed)
    {
        _posts[postId] = 0;
        return new Watcher(done =>
        {
            var before = _posts.GetValueOrDefault(postId);
            if (done - before < 0.05 && done < 1) return;
            _posts[postId] = done;
            changed();
        });
    }

    internal void End(Guid postId) => _posts.TryRemove(postId, out _);

    private sealed class Watcher(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
