using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>A passkey as its owner sees it.</summary>
public sealed record PasskeyShown(string Id, string Name, DateTimeOffset CreatedAt);

/// <summary>A person's passkeys. What a browser sends is judged by ASP.NET Core Identity before it comes here.</summary>
public sealed class Passkeys(UnitOfWork unit, UserManager<User> users, PasswordGuard guard, AuditLog audit, TimeProvider time)
{
    public const int MostNameLength = 60;
    public const int MostOfOne = 20;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>The caller's passkeys, oldest first.</summary>
    public async Task<IReadOnlyList<PasskeyShown>> ListAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var found = await _db.Set<IdentityUserPasskey<Guid>>().AsNoTracking().Where(p => p.UserId == caller.UserId).ToListAsync(ct);
        return [.. found.OrderBy(p => p.Data.CreatedAt).Select(p =>
            new PasskeyShown(Convert.ToHexStringLower(p.CredentialId), p.Data.Name ?? "Passkey", p.Data.CreatedAt))];
    }

    /// <summary>Says who a new passkey is for, once the password was given again.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointers <c>/current</c> and <c>/name</c>; conflict: there are enough.</exception>
    public async Task<(Guid UserId, string Email)> StartAsync(Caller caller, string? name, string? password, CancellationToken ct)
    {
        CheckName(name);
        var user = await guard.ConfirmAsync(caller, password, ct);
        if (await _db.Set<IdentityUserPasskey<Guid>>().CountAsync(p => p.UserId == user.Id, ct) >= MostOfOne)
            throw ProblemException.Conflict($"At most {MostOfOne} passkeys.", "full", ["remove"]);
        return (user.Id, user.Email!);
    }

    /// <summary>Adds a passkey that was made for the caller.</summary>
    public Task AddAsync(Caller caller, UserPasskeyInfo passkey, string? name, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(passkey);
        passkey.Name = CheckName(name);
        return unit.RunAsync(async cancel =>
        {
            var user = await _db.Users.SingleOrDefaultAsync(u => u.Id == caller.UserId, cancel)
                ?? throw ProblemException.NotFound("user");
            var dated = new UserPasskeyInfo(passkey.CredentialId, passkey.PublicKey, time.GetUtcNow(), passkey.SignCount,
                passkey.Transports, passkey.IsUserVerified, passkey.IsBackupEligible, passkey.IsBackedUp,
                passkey.AttestationObject, passkey.ClientDataJson)
            {
                Name = passkey.Name,
            };
            audit.Add(caller, "user.passkeyAdded", "user", user.Id, detail: new JsonObject { ["name"] = passkey.Name });
            var saved = await users.AddOrUpdatePasskeyAsync(user, dated);
            if (!saved.Succeeded) throw new ProblemException(ProblemCode.Conflict, "The passkey could not be saved. Try again.");
        }, ct);
    }

    /// <summary>Removes a passkey.</summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public Task RemoveAsync(Caller caller, string? id, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return unit.RunAsync(async cancel =>
        {
            if (id is null || id.Length % 2 != 0 || !id.All(char.IsAsciiHexDigit)) throw ProblemException.NotFound("passkey");
            var credential = Convert.FromHexString(id);
            var removed = await _db.Set<IdentityUserPasskey<Guid>>()
                .Where(p => p.UserId == caller.UserId && p.CredentialId == credential).ExecuteDeleteAsync(cancel);
            if (removed == 0) throw ProblemException.NotFound("passkey");
            audit.Add(caller, "user.passkeyRemoved", "user", caller.UserId);
            await _db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Signs in whose passkey was right; it proves possession and the person, so no code is asked for.</summary>
    public Task<SignedIn> SignInAsync(User user, UserPasskeyInfo passkey, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentNullException.ThrowIfNull(origin);
        if (user.DisabledAt is not null) throw new ProblemException(ProblemCode.Unauthorized, "The passkey was not accepted.");
        return unit.RunAsync(async cancel =>
        {
            audit.Add(Caller.Person(user.Id, origin.Address) with { UserAgent = origin.UserAgent }, "user.signedIn", "user", user.Id,
                detail: new JsonObject { ["how"] = "passkey" });
            await users.AddOrUpdatePasskeyAsync(user, passkey);
            await _db.SaveChangesAsync(cancel);
            return new SignedIn(user);
        }, ct);
    }

    private static string CheckName(string? name)
    {
        name = name?.Trim() ?? "";
        if (name.Length is > 0 and <= MostNameLength && ObjectReader.IsStorable(name)) return name;
        throw ProblemException.Invalid(new Issue("/name", name.Length == 0 ? Rule.Required : Rule.TooLong,
            $"Give it a name of at most {MostNameLength} characters.", Limit: MostNameLength));
    }
}
