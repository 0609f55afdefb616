using PostMantis.Core.Common;

namespace PostMantis.Core.Queue;

/// <summary>Who this process is to the queue: a new one with every start.</summary>
public sealed class WorkerIdentity(TimeProvider time)
{
    public Guid Id { get; } = Ids.New(time.GetUtcNow());

    public string Name { get; } = $"{Environment.MachineName}:{Environment.ProcessId}";
}
