using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Persistence;

namespace PostMantis.Api.Operations;

/// <summary>Looks whether the audit log is what was written.</summary>
internal sealed class AuditVerb(OperatorTool tool)
{
    public async Task<int> VerifyAsync(CancellationToken ct)
    {
        List<ChainReport> reports = [];
        await foreach (var report in tool.Get<AuditChain>().VerifyAsync(null, ct)) reports.Add(report);
        var erased = await tool.Get<PostMantisDb>().AuditTombstones.CountAsync(ct);
        var broken = reports.Count(r => r.Fault is not null);
        await tool.SayAsync(new
        {
            Holds = broken == 0,
            Erased = erased,
            Chains = reports.Select(r => new { r.UserId, r.Seals, r.Entries, r.Dropped, r.DroppedBefore, Head = Convert.ToHexStringLower(r.Head), r.Fault }),
        }, [
            .. reports.Select(r => r.Fault is null
                ? $"{r.UserId}: {r.Seals} links, {r.Entries} entries{Dropped(r)}, ends at {Convert.ToHexStringLower(r.Head)}"
                : $"{r.UserId}: does not hold: {r.Fault}"),
            $"{reports.Count} chains, {broken} broken, {erased} erased.",
        ]);
        return broken == 0 ? 0 : OperatorCommands.Refused;
    }

    private static string Dropped(ChainReport report) => report.DroppedBefore is { } before
        ? string.Create(CultureInfo.InvariantCulture, $" ({report.Dropped} more, of before {before.UtcDateTime:yyyy-MM}, were dropped)")
        : "";
}
