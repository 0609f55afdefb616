using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>What every page knows of the person who opens it.</summary>
/// <param name="TimeZone">IANA id of the zone their times are shown in; null: UTC.</param>
/// <param name="EraseAt">When the account is erased, if they asked for that.</param>
public sealed record Standing(string? TimeZone, DateTimeOffset? EraseAt);

/// <summary>The browsers a person is signed in with. Ending one holds from its next page on, on every replica.</summary>
public sealed class Sessions(UnitOfWork unit, AuditLog audit, TimeProvider time)
{
    private static readonly TimeSpan _seenEvery = TimeSpan.FromMinutes(1);

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Starts a session of who has just proved who they are; <paramref name="before"/>, this browser's one until now, ends.</summary>
    public Task<Guid> StartAsync(SignedIn person, Origin origin, TimeSpan lifetime, Guid? before, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(person);
        ArgumentNullException.ThrowIfNull(origin);
        return unit.RunAsync(async cancel =>
        {
            var now = time.GetUtcNow();
            if (before is { } ended)
                await _db.Sessions.Where(s => s.Id == ended).ExecuteDeleteAsync(cancel);
            var session = new UserSession
            {
                Id = Ids.New(now),
                UserId = person.UserId,
                CreatedAt = now,
                LastSeenAt = now,
                ExpiresAt = now + lifetime,
                Lifetime = lifetime,
                Address = origin.Address,
                UserAgent = origin.UserAgent,
            };
            _db.Sessions.Add(session);
            await _db.SaveChangesAsync(cancel);
            return session.Id;
        }, ct);
    }

    /// <summary>
    /// Looks whether the session of a cookie still holds: it is there, not over, and of the account's current stamp. Null
    /// when it does not.
    /// </summary>
    public async Task<Standing?> CheckAsync(ClaimsPrincipal principal, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(principal);
        ArgumentNullException.ThrowIfNull(origin);
        if (SignedIn.UserIdOf(principal) is not { } userId || SignedIn.SessionIdOf(principal) is not { } sessionId) return null;
        var stamp = principal.FindFirst(SignedIn.StampClaim)!.Value;
        var now = time.GetUtcNow();
        var found = await (
            from session in _db.Sessions
            join user in _db.Users on session.UserId equals user.Id
            where session.Id == sessionId && user.Id == userId && user.SecurityStamp == stamp && user.DisabledAt == null
                && session.ExpiresAt > now
            select new { session.LastSeenAt, session.Lifetime, user.TimeZone, user.EraseAt }).SingleOrDefaultAsync(ct);
        if (found is null) return null;
        if (now - found.LastSeenAt >= _seenEvery)
        {
            var until = now + found.Lifetime;
            await _db.Sessions.Where(s => s.Id == sessionId).ExecuteUpdateAsync(s => s
                .SetProperty(x => x.LastSeenAt, now).SetProperty(x => x.ExpiresAt, until)
                .SetProperty(x => x.Address, origin.Address), ct);
        }
        return new Standing(found.TimeZone, found.EraseAt);
    }

    /// <summary>The caller's sessions that hold, the one seen last first.</summary>
    public async Task<IReadOnlyList<UserSession>> ListAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var now = time.GetUtcNow();
        return await _db.Sessions.AsNoTracking().Where(s => s.UserId == caller.UserId && s.ExpiresAt > now)
            .OrderByDescending(s => s.LastSeenAt).ThenByDescending(s => s.Id).ToListAsync(ct);
    }

    /// <summary>Ends one session.</summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public Task EndAsync(Caller caller, Guid sessionId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return unit.RunAsync(async cancel =>
        {
            var ended = await _db.Sessions.Where(s => s.Id == sessionId && s.UserId == caller.UserId).ExecuteDeleteAsync(cancel);
            if (ended == 0) throw ProblemException.NotFound("session");
            audit.Add(caller, "user.sessionEnded", "session", sessionId);
            await _db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Erases sessions that are over.</summary>
    public Task<int> SweepAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return _db.Sessions.Where(s => s.ExpiresAt <= now).ExecuteDeleteAsync(ct);
    }
}
