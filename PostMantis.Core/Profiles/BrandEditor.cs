using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Profiles;

/// <summary>A brand and what is held to it.</summary>
public sealed record BrandUse
{
    public Guid Id { get; init; }
    public string Name { get; init; } = "";
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Profiles that bear it, disconnected ones included.</summary>
    public int Profiles { get; init; }

    /// <summary>Keys in force that are held to it.</summary>
    public int Keys { get; init; }

    /// <summary>Webhook endpoints that are narrowed to it.</summary>
    public int Endpoints { get; init; }
}

/// <summary>A person's brands: made, named, filled and deleted in the dashboard.</summary>
public sealed class BrandEditor(UnitOfWork unit, AuditLog audit, TimeProvider time)
{
    public const string Kind = "brand";

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>The person's brands by name, in one query.</summary>
    public Task<List<BrandUse>> ListAsync(Caller caller, CancellationToken ct)
    {
        RequirePerson(caller);
        return Uses(caller.UserId).OrderBy(b => b.Name).ToListAsync(ct);
    }

    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<BrandUse> GetAsync(Caller caller, Guid brandId, CancellationToken ct)
    {
        RequirePerson(caller);
        return await Uses(caller.UserId).SingleOrDefaultAsync(b => b.Id == brandId, ct) ?? throw ProblemException.NotFound(Kind);
    }

    /// <summary>Makes a brand.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/name</c>.</exception>
    public async Task<Guid> CreateAsync(Caller caller, string? name, CancellationToken ct)
    {
        RequirePerson(caller);
        var wanted = Checked(name);
        var now = time.GetUtcNow();
        var brand = new Brand { Id = Ids.New(now), UserId = caller.UserId, Name = wanted, CreatedAt = now };
        await SaveAsync(() =>
        {
            _db.Brands.Add(brand);
            audit.Add(caller, "brand.created", Kind, brand.Id);
            return Task.CompletedTask;
        }, ct);
        return brand.Id;
    }

    /// <summary>Names a brand anew; what is held to it stays so.</summary>
    /// <exception cref="ProblemException">notFound; invalidRequest: pointer <c>/name</c>.</exception>
    public Task RenameAsync(Caller caller, Guid brandId, string? name, CancellationToken ct)
    {
        RequirePerson(caller);
        var wanted = Checked(name);
        return SaveAsync(async () =>
        {
            var brand = await FindAsync(caller, brandId, ct);
            if (brand.Name == wanted) return;
            brand.Name = wanted;
            audit.Add(caller, "brand.renamed", Kind, brandId);
        }, ct);
    }

    /// <summary>Says which profiles bear the brand: those that bore another one change over.</summary>
    /// <param name="profileIds">They do.</param>
    /// <param name="among">Of these, all others do not; profiles beyond stay as they are.</param>
    /// <exception cref="ProblemException">notFound; invalidRequest: pointer <c>/profiles</c>.</exception>
    public Task AssignAsync(Caller caller, Guid brandId, IReadOnlyCollection<Guid> profileIds,
        IReadOnlyCollection<Guid> among, CancellationToken ct)
    {
        RequirePerson(caller);
        ArgumentNullException.ThrowIfNull(profileIds);
        ArgumentNullException.ThrowIfNull(among);
        return SaveAsync(async () =>
        {
            await FindAsync(caller, brandId, ct);
            var (userId, ids, others, now) = (caller.UserId, profileIds.Distinct().ToArray(), among.Except(profileIds).ToArray(), time.GetUtcNow());
            if (await _db.Profiles.CountAsync(p => p.UserId == userId && ids.Contains(p.Id), ct) != ids.Length)
                throw ProblemException.Invalid(new Issue("/profiles", Rule.NotFound, "There is no such profile."));
            var changed = await _db.Database.SqlQuery<Guid>($"""
                UPDATE profiles SET brand_id = CASE WHEN id = ANY({ids}) THEN {brandId} END, updated_at = {now}
                WHERE id IN (SELECT id FROM profiles WHERE user_id = {userId}
                    AND ((id = ANY({ids}) AND brand_id IS DISTINCT FROM {brandId}) OR (brand_id = {brandId} AND id = ANY({others})))
                    ORDER BY id FOR UPDATE)
                RETURNING id AS "Value"
                """).ToListAsync(ct);
            foreach (var id in changed)
                audit.Add(caller, "profile.labeled", ProfileResource.Kind, id,
                    detail: new JsonObject { ["brandId"] = ids.Contains(id) ? brandId : null });
        }, ct);
    }

    /// <summary>
    /// Deletes a brand. Its profiles stay, without one. What was held to it is never widened by that: a key or an endpoint
    /// that names this brand alone reaches nothing any more.
    /// </summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public Task DeleteAsync(Caller caller, Guid brandId, CancellationToken ct)
    {
        RequirePerson(caller);
        return SaveAsync(async () =>
        {
            _db.Brands.Remove(await FindAsync(caller, brandId, ct));
            audit.Add(caller, "brand.deleted", Kind, brandId);
        }, ct);
    }

    private IQueryable<BrandUse> Uses(Guid userId) => _db.Database.SqlQuery<BrandUse>($"""
        SELECT b.id, b.name, b.created_at,
            (SELECT count(*)::int FROM profiles p WHERE p.brand_id = b.id) AS profiles,
            (SELECT count(*)::int FROM api_keys k WHERE k.user_id = b.user_id AND k.revoked_at IS NULL
                AND b.id = ANY(k.brand_ids)) AS keys,
            (SELECT count(*)::int FROM webhook_endpoints w WHERE w.user_id = b.user_id AND w.deleted_at IS NULL
                AND b.id = ANY(w.brand_ids)) AS endpoints
        FROM brands b WHERE b.user_id = {userId}
        """);

    private async Task<Brand> FindAsync(Caller caller, Guid brandId, CancellationToken ct) =>
        await _db.Brands.SingleOrDefaultAsync(b => b.Id == brandId && b.UserId == caller.UserId, ct)
            ?? throw ProblemException.NotFound(Kind);

    private async Task SaveAsync(Func<Task> change, CancellationToken ct)
    {
        try
        {
            await unit.RunAsync(async token =>
            {
                await change();
                await _db.SaveChangesAsync(token);
            }, ct);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw ProblemException.Invalid(new Issue("/name", Rule.Duplicate, "There is a brand of this name already."));
        }
    }

    private static string Checked(string? name)
    {
        name = name?.Trim() ?? "";
        List<Issue> issues = [];
        if (name.Length == 0) issues.Add(new Issue("/name", Rule.Required, "Give the brand a name."));
        else ProfileLabels.Check(name, ProfileLabels.MostBrandLength, "/name", issues);
        return issues.Count == 0 ? name : throw ProblemException.Invalid([.. issues]);
    }

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
