using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Profiles;

/// <summary>A brand as pages show it.</summary>
public sealed record BrandName(Guid Id, string Name);

/// <summary>What a person writes on a profile: its brand and their own id for it. Only in the dashboard.</summary>
public sealed class ProfileLabels(UnitOfWork unit, AuditLog audit, TimeProvider time)
{
    public const int MostBrandLength = 100;
    public const int MostExternalIdLength = 200;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>The person's brands by name.</summary>
    public async Task<IReadOnlyList<BrandName>> BrandsAsync(Caller caller, CancellationToken ct)
    {
        RequirePerson(caller);
        return await _db.Brands.AsNoTracking().Where(b => b.UserId == caller.UserId).OrderBy(b => b.Name)
            .Select(b => new BrandName(b.Id, b.Name)).ToListAsync(ct);
    }

    /// <summary>Labels one profile; a brand that is not there yet is made, blank clears.</summary>
    /// <exception cref="ProblemException">notFound; invalidRequest: pointers <c>/brand</c> and <c>/externalId</c>.</exception>
    public Task SetAsync(Caller caller, Guid profileId, string? brand, string? externalId, CancellationToken ct)
    {
        RequirePerson(caller);
        (brand, externalId) = (brand?.Trim() ?? "", externalId?.Trim() ?? "");
        List<Issue> issues = [];
        Check(brand, MostBrandLength, "/brand", issues);
        Check(externalId, MostExternalIdLength, "/externalId", issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        return unit.RunAsync(async token =>
        {
            var profile = (await _db.Profiles.FromSql($"""
                SELECT * FROM profiles WHERE id = {profileId} AND user_id = {caller.UserId} FOR UPDATE
                """).ToListAsync(token)).SingleOrDefault() ?? throw ProblemException.NotFound("profile");
            var now = time.GetUtcNow();
            profile.BrandId = brand.Length == 0 ? null : await BrandAsync(caller, brand, now, token);
            profile.ExternalId = externalId.Length == 0 ? null : externalId;
            profile.UpdatedAt = now;
            audit.Add(caller, "profile.labeled", ProfileResource.Kind, profileId,
                detail: new JsonObject { ["brandId"] = profile.BrandId, ["externalId"] = profile.ExternalId });
            await _db.SaveChangesAsync(token);
        }, ct);
    }

    // Of two who name a new brand at once, both get the one that was made.
    private async Task<Guid> BrandAsync(Caller caller, string name, DateTimeOffset now, CancellationToken ct) =>
        (await _db.Database.SqlQuery<Guid>($"""
            INSERT INTO brands (id, user_id, name, created_at) VALUES ({Ids.New(now)}, {caller.UserId}, {name}, {now})
            ON CONFLICT (user_id, name) DO UPDATE SET name = excluded.name RETURNING id AS "Value"
            """).ToListAsync(ct))[0];

    internal static void Check(string text, int most, string pointer, List<Issue> issues)
    {
        if (text.Length > most)
            issues.Add(new Issue(pointer, Rule.TooLong, $"At most {most} characters.", Limit: most, Actual: text.Length,
                Unit: "characters"));
        else if (!ObjectReader.IsStorable(text))
            issues.Add(new Issue(pointer, Rule.WrongFormat, "Must be valid Unicode text without NUL."));
    }

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
