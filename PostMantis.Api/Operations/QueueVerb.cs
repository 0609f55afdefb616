using PostMantis.Core.Deliveries;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Operations;

/// <summary>Publishing of the whole instance: whether it goes on, and what waits.</summary>
internal sealed class QueueVerb(OperatorTool tool)
{
    private readonly InstancePause _pause = tool.Get<InstancePause>();
    private readonly ForgottenDeliveries _forgotten = tool.Get<ForgottenDeliveries>();

    public async Task<int> PauseAsync(CancellationToken ct)
    {
        await _pause.PauseAsync(ct);
        return await StatusAsync(ct);
    }

    public async Task<int> HoldAsync(DateTimeOffset? knownUntil, CancellationToken ct)
    {
        await _pause.HoldAsync(knownUntil?.ToUniversalTime(), ct);
        await _forgotten.RunOnceAsync(ct);
        return await StatusAsync(ct);
    }

    public async Task<int> ResumeAsync(bool unreconciled, CancellationToken ct)
    {
        if ((await _pause.ReadAsync(ct)).HeldAt is null)
        {
            await _pause.ResumeAsync(ct);
            return await StatusAsync(ct);
        }
        var (isReleased, left) = await _forgotten.ReleaseAsync(unreconciled, ct);
        await StatusAsync(ct);
        if (isReleased) return 0;
        return await tool.RefuseAsync(left.Unjudged > 0
            ? $"{left.Unjudged} deliveries are still in the hands of processes, or of such that are gone; try again in a minute."
            : $"{left.Reconciling} deliveries are still looked for. Wait for them, or give --unreconciled: the others go on then.");
    }

    public async Task<int> StatusAsync(CancellationToken ct)
    {
        var status = await _pause.ReadAsync(ct);
        var left = status.HeldAt is null ? null : await _forgotten.ReadAsync(ct);
        var depths = await tool.Get<WorkQueue>().DepthsAsync(ct);
        await tool.SayAsync(new
        {
            status.Publishes, status.PausedAt, status.HeldAt, status.HoldReason, status.KnownUntil, Hold = left, Queue = depths,
        }, [
            status switch
            {
                { HeldAt: { } held } => $"held since {OperatorTool.Moment(held)} ({status.HoldReason}); what was due since "
                    + $"{(status.KnownUntil is { } known ? OperatorTool.Moment(known) : "an unknown moment")} may have been sent: "
                    + $"{left!.Unjudged} to judge, {left.Reconciling} looked for",
                { PausedAt: { } paused } => $"paused since {OperatorTool.Moment(paused)}",
                _ => "publishing",
            },
            .. depths.Select(depth => $"{depth.Kind}: {depth.Due} due, {depth.Leased} in flight"),
        ]);
        return 0;
    }
}
