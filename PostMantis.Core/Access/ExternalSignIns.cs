using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>
/// Accounts at an OpenID Connect provider that a person tied to theirs. An e-mail address that looks the same ties nothing:
/// who signs in there signs in here only after having said so here.
/// </summary>
public sealed class ExternalSignIns(UnitOfWork unit, SecondSteps steps, AuditLog audit, OriginLimits limits)
{
    private const int MostSubjectLength = 255;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>The name of the caller's account at the provider; null: none is tied.</summary>
    public Task<string?> FindAsync(Caller caller, string issuer, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return _db.UserLogins.Where(l => l.UserId == caller.UserId && l.LoginProvider == issuer)
            .Select(l => l.ProviderDisplayName).SingleOrDefaultAsync(ct);
    }

    /// <summary>Ties an account at the provider to the caller, in place of another.</summary>
    /// <exception cref="ProblemException">conflict: it is tied to somebody else's account.</exception>
    public Task TieAsync(Caller caller, string issuer, string subject, string? name, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        Check(subject);
        return unit.RunAsync(async cancel =>
        {
            var owner = await OwnerAsync(issuer, subject, cancel);
            if (owner is not null && owner != caller.UserId)
                throw ProblemException.Conflict("That account is tied to another one here.", "tied", []);
            await _db.UserLogins.Where(l => l.UserId == caller.UserId && l.LoginProvider == issuer).ExecuteDeleteAsync(cancel);
            _db.UserLogins.Add(new IdentityUserLogin<Guid>
            {
                UserId = caller.UserId,
                LoginProvider = issuer,
                ProviderKey = subject,
                ProviderDisplayName = name is { Length: > 0 and <= MostSubjectLength } && ObjectReader.IsStorable(name) ? name : subject,
            });
            audit.Add(caller, "user.externalTied", "user", caller.UserId);
            await _db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Unties it.</summary>
    public Task UntieAsync(Caller caller, string issuer, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return unit.RunAsync(async cancel =>
        {
            if (await _db.UserLogins.Where(l => l.UserId == caller.UserId && l.LoginProvider == issuer).ExecuteDeleteAsync(cancel) == 0)
                return;
            audit.Add(caller, "user.externalUntied", "user", caller.UserId);
            await _db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Signs in who the provider says it is; a code is asked for as after a password.</summary>
    /// <exception cref="ProblemException">unauthorized: nobody tied that account; rateLimited.</exception>
    public async Task<SignInAnswer> SignInAsync(string issuer, string subject, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        Check(subject);
        var owner = await OwnerAsync(issuer, subject, ct);
        if (await unit.Db.Users.SingleOrDefaultAsync(u => u.Id == owner && u.DisabledAt == null, ct) is not { } user)
            throw new ProblemException(ProblemCode.Unauthorized,
                "No account here is tied to that one. Sign in with your password and tie it on the account page.");
        if (await steps.IsOnAsync(user.Id, ct)) return new SignInAnswer(null, new HalfSignedIn(user.Id, user.SecurityStamp!));
        audit.Add(Caller.Person(user.Id, origin.Address) with { UserAgent = origin.UserAgent }, "user.signedIn", "user", user.Id,
            detail: new System.Text.Json.Nodes.JsonObject { ["how"] = "openIdConnect" });
        await _db.SaveChangesAsync(ct);
        return new SignInAnswer(new SignedIn(user), null);
    }

    private Task<Guid?> OwnerAsync(string issuer, string subject, CancellationToken ct) => _db.UserLogins
        .Where(l => l.LoginProvider == issuer && l.ProviderKey == subject).Select(l => (Guid?)l.UserId).SingleOrDefaultAsync(ct);

    private static void Check(string subject)
    {
        if (subject is not { Length: > 0 and <= MostSubjectLength } || !ObjectReader.IsStorable(subject))
            throw new ProblemException(ProblemCode.Unauthorized, "The provider named nobody.");
    }
}
