using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Profiles;

/// <summary>Which profiles are asked for; several values of one filter widen it.</summary>
/// <param name="Status">Active ones when nothing is named.</param>
public sealed record ProfileQuery(
    IReadOnlyList<string>? Provider = null,
    IReadOnlyList<ProfileStatus>? Status = null,
    IReadOnlyList<Guid>? BrandId = null,
    IReadOnlyList<string>? ExternalId = null);

/// <summary>Reads profiles as far as the caller's scope reaches.</summary>
public sealed class ProfileReader(PostMantisDb db)
{
    private const string Sort = "createdAt";

    /// <exception cref="ProblemException">notFound: absent, or out of scope.</exception>
    public async Task<ProfileResource> GetAsync(Caller caller, Guid profileId, CancellationToken ct) =>
        ProfileResource.From(await db.Profiles.InScope(caller).AsNoTracking().SingleOrDefaultAsync(p => p.Id == profileId, ct)
            ?? throw ProblemException.NotFound("profile"));

    /// <summary>One slice of the profiles, in the order they were connected.</summary>
    public async Task<Page<ProfileResource>> ListAsync(
        Caller caller, ProfileQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(slice);
        var profiles = db.Profiles.InScope(caller).AsNoTracking();
        IReadOnlyList<ProfileStatus> status = query.Status is { Count: > 0 } asked ? asked : [ProfileStatus.Active];
        profiles = profiles.Where(p => status.Contains(p.Status));
        if (query.Provider is { Count: > 0 } providers) profiles = profiles.Where(p => providers.Contains(p.Provider));
        if (query.BrandId is { Count: > 0 } brands)
            profiles = profiles.Where(p => p.BrandId != null && brands.Contains(p.BrandId.Value));
        if (query.ExternalId is { Count: > 0 } externalIds)
            profiles = profiles.Where(p => p.ExternalId != null && externalIds.Contains(p.ExternalId));

        int? total = null;
        if (slice.IsNumbered) total = await profiles.Select(p => p.Id).Take(PageRequest.MostCounted + 1).CountAsync(ct);
        if (Cursor.Parse(slice.Cursor, Sort) is { } after)
            profiles = profiles.Where(p => p.CreatedAt > after.At || (p.CreatedAt == after.At && p.Id > after.Id));
        var found = await profiles.OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Skip(slice.Skip).Take(slice.Size + 1)
            .ToListAsync(ct);
        return Page<ProfileResource>.Of(found, slice, total, p => new Cursor(Sort, p.CreatedAt, p.Id), ProfileResource.From);
    }
}
