using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Deliveries;

/// <summary>Changes of the ledger that no worker makes.</summary>
internal static class AttemptLedger
{
    /// <summary>
    /// Ends attempts that a lost worker left open, on deliveries that are settled without another try. The caller holds
    /// the work items, so nobody is at work on them.
    /// </summary>
    public static Task<int> ReleaseAsync(PostMantisDb db, Guid[] deliveryIds, DateTimeOffset now, CancellationToken ct) =>
        db.Attempts.Where(a => deliveryIds.Contains(a.DeliveryId) && a.FinishedAt == null).ExecuteUpdateAsync(set => set
            .SetProperty(a => a.Verdict, AttemptVerdict.Released).SetProperty(a => a.FinishedAt, now), ct);
}
