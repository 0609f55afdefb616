using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Deliveries;

/// <summary>What is scheduled on profiles whose consent ends, as events list it.</summary>
internal static class DeliveriesAtRisk
{
    private const int Most = 100;

    /// <summary>The next scheduled deliveries of each profile, soonest first.</summary>
    public static async Task<ILookup<Guid, JsonNode>> ReadAsync(
        PostMantisDb db, IReadOnlyCollection<Guid> profileIds, CancellationToken ct)
    {
        var rows = await db.Profiles.Where(p => profileIds.Contains(p.Id))
            .SelectMany(p => db.Deliveries
                .Where(d => d.ProfileId == p.Id && d.Status == DeliveryStatus.Pending && d.ScheduledAt != null)
                .OrderBy(d => d.ScheduledAt).Take(Most).Select(d => new { d.ProfileId, d.Id, d.PostId, d.ScheduledAt }))
            .ToListAsync(ct);
        return rows.OrderBy(d => d.ScheduledAt).ToLookup(d => d.ProfileId, d => (JsonNode)new JsonObject
        {
            ["id"] = d.Id,
            ["postId"] = d.PostId,
            ["scheduledAt"] = UtcMillisecondsConverter.Format(d.ScheduledAt!.Value),
        });
    }
}
