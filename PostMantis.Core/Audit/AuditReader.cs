using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Audit;

/// <summary>Which entries are wanted.</summary>
/// <param name="PostId">Only what happened to this post.</param>
/// <param name="ActorId">Only what this person or key did.</param>
/// <param name="After">Inclusive; <paramref name="Before"/> is exclusive.</param>
public sealed record AuditQuery(
    Guid? PostId = null, Guid? ActorId = null, DateTimeOffset? After = null, DateTimeOffset? Before = null);

/// <summary>Reads the audit log of one user, newest first.</summary>
public sealed class AuditReader(PostMantisDb db)
{
    private const string Sort = "-createdAt";

    /// <summary>One slice of the caller's entries.</summary>
    public async Task<Page<AuditEntry>> ListAsync(
        Caller caller, AuditQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(slice);
        var userId = caller.UserId;
        var entries = db.AuditEntries.AsNoTracking().Where(e => e.UserId == userId);
        if (query.PostId is { } postId) entries = entries.Where(e => e.PostId == postId);
        if (query.ActorId is { } actorId) entries = entries.Where(e => e.ActorId == actorId);

        // Ids rise with time, and the index is by id.
        if (query.After is { } from && Ids.Lowest(from) is var lowest) entries = entries.Where(e => e.Id >= lowest);
        if (query.Before is { } until && Ids.Lowest(until) is var end) entries = entries.Where(e => e.Id < end);

        int? total = null;
        if (slice.IsNumbered) total = await entries.Select(e => e.Id).Take(PageRequest.MostCounted + 1).CountAsync(ct);

        if (Cursor.Parse(slice.Cursor, Sort) is { } after) entries = entries.Where(e => e.Id < after.Id);
        var found = await entries.OrderByDescending(e => e.Id).Skip(slice.Skip).Take(slice.Size + 1).ToListAsync(ct);
        return Page<AuditEntry>.Of(found, slice, total, e => new Cursor(Sort, e.CreatedAt, e.Id), e => e);
    }
}
