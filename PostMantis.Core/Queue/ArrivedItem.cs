namespace PostMantis.Core.Queue;

/// <summary>
/// The delivery that this process has just accepted and that is due, if it is the only one since the last look: a worker
/// that has nothing else to do claims it by its id. A hint only; a claim finds what was not told, and what was told in vain.
/// </summary>
public sealed class ArrivedItem
{
    private readonly Lock _gate = new();
    private WorkItem? _only;
    private int _arrived;

    /// <summary>Tells of an item that is durable.</summary>
    internal void Add(WorkItem item)
    {
        lock (_gate) _only = _arrived++ == 0 ? item : null;
    }

    /// <summary>The only one that came since it was last asked; null: none, or several.</summary>
    internal WorkItem? Take()
    {
        lock (_gate)
        {
            var only = _only;
            (_only, _arrived) = (null, 0);
            return only;
        }
    }
}
