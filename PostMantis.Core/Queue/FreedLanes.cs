using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace PostMantis.Core.Queue;

/// <summary>
/// Lanes that work of this process has just left: where the next claim looks first. A hint only; what other processes
/// left is found by a look at every queued lane, which is rare because it costs a probe of each.
/// </summary>
public sealed class FreedLanes(TimeProvider time)
{
    private const int MostKept = 100_000;
    private static readonly TimeSpan LookAnyway = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<WorkKind, ConcurrentQueue<(Guid UserId, Guid Lane)>> _lanes = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<WorkKind, long> _looked = [];

    internal void Add(IEnumerable<WorkLease> left)
    {
        foreach (var lease in left)
        {
            // Beyond this nobody claims here; the look at every lane finds them.
            var lanes = Of(lease.Kind);
            if (lanes.Count < MostKept) lanes.Enqueue((lease.UserId, lease.Lane));
        }
    }

    /// <summary>Takes up to <paramref name="most"/> hints, and says when it is time to look at every lane.</summary>
    internal Hints Take(WorkKind kind, int most)
    {
        HashSet<(Guid UserId, Guid Lane)> taken = [];
        var lanes = Of(kind);
        while (taken.Count < most && lanes.TryDequeue(out var lane)) taken.Add(lane);
        bool everywhere;
        lock (_gate)
        {
            ref var looked = ref CollectionsMarshal.GetValueRefOrAddDefault(_looked, kind, out var known);
            everywhere = taken.Count == 0 && (!known || time.GetElapsedTime(looked) >= LookAnyway);
            if (everywhere) looked = time.GetTimestamp();
        }
        return new Hints([.. taken.Select(l => l.UserId)], [.. taken.Select(l => l.Lane)], everywhere);
    }

    private ConcurrentQueue<(Guid UserId, Guid Lane)> Of(WorkKind kind) => _lanes.GetOrAdd(kind, _ => new());

    internal readonly record struct Hints(Guid[] Users, Guid[] Lanes, bool LookEverywhere);
}
