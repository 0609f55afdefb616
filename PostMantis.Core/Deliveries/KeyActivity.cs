using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Where a key stands against its rules.</summary>
/// <param name="AcceptedToday">Posts counted against its daily cap since midnight UTC; null without a cap.</param>
/// <param name="AwaitingApproval">Posts that wait for a person.</param>
/// <param name="Quiet">Deliveries that wait for its quiet hours to end.</param>
/// <param name="RefusedToday">Posts that its daily cap refused since midnight UTC.</param>
public sealed record KeyActivity(int? AcceptedToday, int AwaitingApproval, int Quiet, int RefusedToday)
{
    /// <summary>Posts that the key's daily cap refused since midnight UTC.</summary>
    public static int RefusedOn(ApiKey key, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.RefusedAt >= DailyCap.DayOf(now) ? key.RefusedCount : 0;
    }
}

/// <summary>Tells a person what holds back what a program of theirs asked for.</summary>
public sealed class KeyActivityReader(PostMantisDb db, TimeProvider time)
{
    /// <exception cref="ProblemException">insufficientPermission: the caller is no person.</exception>
    public async Task<KeyActivity> GetAsync(Caller caller, ApiKey key, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(key);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
        var (userId, keyId) = (caller.UserId, key.Id);
        var today = DailyCap.DayOf(time.GetUtcNow());
        int? accepted = key.Rules.DailyCap is null
            ? null
            : await db.Posts.CountAsync(p => p.IsCapped && p.AcceptedById == keyId && p.AcceptedAt >= today, ct);
        var held = db.Posts.Where(p => p.UserId == userId && p.AcceptedById == keyId);
        return new KeyActivity(accepted,
            await held.CountAsync(p => p.Status == PostStatus.AwaitingApproval, ct),
            await db.Deliveries.CountAsync(d => d.UserId == userId && d.Status == DeliveryStatus.Pending
                && d.DeferReason == QuietHours.Reason && held.Any(p => p.Id == d.PostId), ct),
            KeyActivity.RefusedOn(key, time.GetUtcNow()));
    }
}
