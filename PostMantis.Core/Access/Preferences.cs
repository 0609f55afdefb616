using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>How a person wants to see things.</summary>
public sealed class Preferences(UnitOfWork unit, AuditLog audit)
{
    /// <summary>The zones people choose among: IANA ids, by name.</summary>
    public static IReadOnlyList<string> TimeZones { get; } =
        [.. TimeZoneInfo.GetSystemTimeZones().Where(z => z.HasIanaId).Select(z => z.Id).Append("UTC").Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Shows times in <paramref name="zone"/> from now on; blank: in UTC.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/zone</c>.</exception>
    public Task SetTimeZoneAsync(Caller caller, string? zone, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        zone = string.IsNullOrWhiteSpace(zone) || zone == "UTC" ? null : zone.Trim();
        if (zone is not null && !TimeZones.Contains(zone, StringComparer.Ordinal))
            throw ProblemException.Invalid(new Issue("/zone", Rule.NotFound, "There is no such time zone."));
        return unit.RunAsync(async cancel =>
        {
            await unit.Db.Users.Where(u => u.Id == caller.UserId)
                .ExecuteUpdateAsync(u => u.SetProperty(x => x.TimeZone, zone), cancel);
            audit.Add(caller, "user.timeZoneChanged", "user", caller.UserId, detail: new JsonObject { ["zone"] = zone ?? "UTC" });
            await unit.Db.SaveChangesAsync(cancel);
        }, ct);
    }
}
