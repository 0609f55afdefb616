using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Deliveries;

/// <summary>A profile with the consent it lives by and what depends on that.</summary>
public sealed record ProfileStanding
{
    public required ProfileResource Profile { get; init; }

    /// <summary>The account that consented, as the network names it.</summary>
    public required string AccountName { get; init; }

    /// <summary>What the account allowed, in the network's words.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>When a person has to consent again; null: never, as far as is known.</summary>
    public DateTimeOffset? EndsAt { get; init; }

    /// <summary>When the token in use ends; it is renewed before.</summary>
    public DateTimeOffset? TokenEndsAt { get; init; }
    public DateTimeOffset? RenewedAt { get; init; }

    /// <summary>Code of the last failed renewal.</summary>
    public string? RenewalError { get; init; }

    /// <summary>Accepted deliveries that wait, what a disconnect fails; exact to <see cref="ProfileStandings.MostCounted"/>.</summary>
    public int Waiting { get; init; }
    public DateTimeOffset? FirstWaiting { get; init; }

    /// <summary>Of those, how many are due when the consent is over.</summary>
    public int AtRisk { get; init; }

    /// <summary>Other profiles of the same account that are not disconnected.</summary>
    public int Siblings { get; init; }

    /// <summary>Nothing can be published until a person consents again.</summary>
    public bool IsOver => Profile.Status == ProfileStatus.ReauthRequired;
}

/// <summary>Reads profiles as the person they belong to looks at them.</summary>
public sealed class ProfileStandings(PostMantisDb db)
{
    /// <summary>Deliveries are counted up to here.</summary>
    public const int MostCounted = 1000;

    /// <summary>One profile.</summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<ProfileStanding> GetAsync(Caller caller, Guid profileId, CancellationToken ct) =>
        (await ReadAsync(Of(caller).Where(p => p.Id == profileId), ct)).SingleOrDefault() ?? throw ProblemException.NotFound("profile");

    /// <summary>The person's profiles, in the order they were connected.</summary>
    /// <param name="brandId">Only those of this brand.</param>
    public Task<IReadOnlyList<ProfileStanding>> ListAsync(Caller caller, Guid? brandId, int most, CancellationToken ct)
    {
        var profiles = Of(caller);
        if (brandId is { } brand) profiles = profiles.Where(p => p.BrandId == brand);
        return ReadAsync(profiles.OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Take(most), ct);
    }

    private IQueryable<Profile> Of(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
        return db.Profiles.AsNoTracking().Where(p => p.UserId == caller.UserId);
    }

    private async Task<IReadOnlyList<ProfileStanding>> ReadAsync(IQueryable<Profile> profiles, CancellationToken ct)
    {
        var rows = await profiles.Join(db.Connections, p => p.ConnectionId, c => c.Id, (p, c) => new
        {
            Profile = p,
            c.AccountName,
            c.Scopes,
            c.CanRenew,
            c.AccessTokenExpiresAt,
            c.RefreshTokenExpiresAt,
            c.RefreshedAt,
            c.LastRefreshError,
            Siblings = db.Profiles.Count(s => s.ConnectionId == c.Id && s.Id != p.Id && s.Status != ProfileStatus.Disconnected),
        }).OrderBy(r => r.Profile.CreatedAt).ThenBy(r => r.Profile.Id).ToListAsync(ct);
        var waiting = await WaitingAsync([.. rows.Select(r => r.Profile.Id)], ct);
        return rows.ConvertAll(r => new ProfileStanding
        {
            Profile = ProfileResource.From(r.Profile),
            AccountName = r.AccountName,
            Scopes = r.Scopes,
            EndsAt = r.CanRenew ? r.RefreshTokenExpiresAt : r.AccessTokenExpiresAt,
            TokenEndsAt = r.AccessTokenExpiresAt,
            RenewedAt = r.RefreshedAt,
            RenewalError = r.LastRefreshError,
            Waiting = waiting[r.Profile.Id].Count,
            FirstWaiting = waiting[r.Profile.Id].First,
            AtRisk = waiting[r.Profile.Id].AtRisk,
            Siblings = r.Siblings,
        });
    }

    // The latest are looked at: they hold all that are at risk, as far as they are counted. The three conditions on posts are
    // those of an index that has nothing else.
    private async Task<Dictionary<Guid, Depending>> WaitingAsync(Guid[] profiles, CancellationToken ct) =>
        await db.Database.SqlQuery<Depending>($"""
            SELECT p.id, w.count, w.at_risk, CASE WHEN w.count < {MostCounted} THEN w.first ELSE (
                SELECT d.scheduled_at FROM deliveries d JOIN posts o ON o.id = d.post_id
                WHERE d.profile_id = p.id AND d.status = 'pending' AND o.accepted_at IS NOT NULL AND o.completed_at IS NULL AND o.canceled_at IS NULL
                ORDER BY d.scheduled_at LIMIT 1) END AS first
            FROM profiles p JOIN connections c ON c.id = p.connection_id CROSS JOIN LATERAL (
                SELECT count(*)::int AS count, min(d.scheduled_at) AS first, (count(*) FILTER (WHERE p.status = 'reauth_required'
                    OR d.scheduled_at >= CASE WHEN c.can_renew THEN c.refresh_token_expires_at ELSE c.access_token_expires_at END))::int AS at_risk
                FROM (SELECT d.scheduled_at FROM deliveries d JOIN posts o ON o.id = d.post_id
                    WHERE d.profile_id = p.id AND d.status = 'pending' AND o.accepted_at IS NOT NULL AND o.completed_at IS NULL AND o.canceled_at IS NULL
                    ORDER BY d.scheduled_at DESC LIMIT {MostCounted}) d) w
            WHERE p.id = ANY({profiles})
            """).ToDictionaryAsync(d => d.Id, ct);

    private sealed record Depending(Guid Id, int Count, int AtRisk, DateTimeOffset? First);
}
