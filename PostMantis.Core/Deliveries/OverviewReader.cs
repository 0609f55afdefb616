using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Deliveries;

/// <summary>The numbers of the overview.</summary>
public sealed record Overview
{
    public int DueToday { get; init; }
    public int PublishedLastDay { get; init; }
    public int FailedLastWeek { get; init; }
    public int NeedAttention { get; init; }
    public int AwaitingApproval { get; init; }
    public int Profiles { get; init; }
    public int ProfilesToReconnect { get; init; }
    public int Keys { get; init; }
}

/// <summary>Counts what a person sees first, in one query.</summary>
public sealed class OverviewReader(PostMantisDb db, TimeProvider time)
{
    public Task<Overview> GetAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var (userId, now) = (caller.UserId, time.GetUtcNow());
        var midnight = new DateTimeOffset(now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        var (dayAgo, weekAgo) = (now.AddDays(-1), now.AddDays(-7));
        return db.Database.SqlQuery<Overview>($"""
            SELECT
              (SELECT count(*)::int FROM deliveries d JOIN posts p ON p.id = d.post_id WHERE d.user_id = {userId}
                AND d.status = 'pending' AND p.status IN ('scheduled', 'publishing') AND d.scheduled_at < {midnight}) AS due_today,
              (SELECT count(*)::int FROM deliveries WHERE user_id = {userId} AND status IN ('published', 'incomplete')
                AND published_at >= {dayAgo}) AS published_last_day,
              (SELECT count(*)::int FROM deliveries WHERE user_id = {userId} AND status = 'failed'
                AND failed_at >= {weekAgo}) AS failed_last_week,
              (SELECT count(*)::int FROM posts WHERE user_id = {userId} AND needs_attention) AS need_attention,
              (SELECT count(*)::int FROM posts WHERE user_id = {userId} AND status = 'awaiting_approval') AS awaiting_approval,
              (SELECT count(*)::int FROM profiles WHERE user_id = {userId} AND status <> 'disconnected') AS profiles,
              (SELECT count(*)::int FROM profiles WHERE user_id = {userId} AND status = 'reauth_required') AS profiles_to_reconnect,
              (SELECT count(*)::int FROM api_keys WHERE user_id = {userId} AND revoked_at IS NULL) AS keys
            """).SingleAsync(ct);
    }
}
