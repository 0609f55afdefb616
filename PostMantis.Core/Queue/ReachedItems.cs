using System.Runtime.InteropServices;

namespace PostMantis.Core.Queue;

/// <summary>
/// How far claims of this process came in a backlog: what lies before is claimed, and its index entries are dead until they
/// are vacuumed. A hint only, for as long as there is a backlog, and never for long: what is put before it is found by the
/// next claim that begins at the beginning.
/// </summary>
public sealed class ReachedItems(TimeProvider time)
{
    private static readonly TimeSpan Good = TimeSpan.FromMilliseconds(250);
    private readonly Lock _gate = new();
    private readonly Dictionary<WorkKind, (IReadOnlyList<ReachedItem> Items, long Since)> _reached = [];

    /// <summary>Where to begin, by pool; none: at the beginning, and for all pools.</summary>
    internal IReadOnlyList<ReachedItem> Of(WorkKind kind)
    {
        lock (_gate)
        {
            return _reached.TryGetValue(kind, out var reached) && time.GetElapsedTime(reached.Since) < Good ? reached.Items : [];
        }
    }

    /// <param name="isFull">The claim began at the beginning.</param>
    internal void Set(WorkKind kind, IReadOnlyList<ReachedItem> items, bool isFull)
    {
        lock (_gate)
        {
            ref var reached = ref CollectionsMarshal.GetValueRefOrAddDefault(_reached, kind, out _);
            reached = (items, isFull ? time.GetTimestamp() : reached.Since);
        }
    }
}

/// <summary>The first item of a pool that may still wait.</summary>
internal readonly record struct ReachedItem(string Pool, DateTimeOffset RunAt, Guid Id);
