using PostMantis.Core.Queue;

namespace PostMantis.Api.Operations;

/// <summary>Publishing of the whole instance: whether it goes on, and what waits.</summary>
internal sealed class QueueVerb(OperatorTool tool)
{
    private readonly InstancePause _pause = tool.Get<InstancePause>();

    public async Task<int> PauseAsync(CancellationToken ct)
    {
        await _pause.PauseAsync(ct);
        return await StatusAsync(ct);
    }

    public async Task<int> ResumeAsync(CancellationToken ct)
    {
        await _pause.ResumeAsync(ct);
        return await StatusAsync(ct);
    }

    public async Task<int> StatusAsync(CancellationToken ct)
    {
        var status = await _pause.ReadAsync(ct);
        var depths = await tool.Get<WorkQueue>().DepthsAsync(ct);
        await tool.SayAsync(new { status.Publishes, status.PausedAt, status.HeldAt, Queue = depths }, [
            status switch
            {
                { PausedAt: { } paused } => $"paused since {OperatorTool.Moment(paused)}",
                { HeldAt: { } held } => $"held since {OperatorTool.Moment(held)}",
                _ => "publishing",
            },
            .. depths.Select(depth => $"{depth.Kind}: {depth.Due} due, {depth.Leased} in flight"),
        ]);
        return 0;
    }
}
