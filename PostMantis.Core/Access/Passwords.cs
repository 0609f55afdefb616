using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>Changes the password of a signed-in person.</summary>
public sealed class Passwords(
    UnitOfWork unit, UserManager<User> users, IPasswordHasher<User> hasher, PasswordGuard guard, AuditLog audit)
{
    /// <summary>Changes the password and ends every session; the answer starts a new one for who asked.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointers <c>/current</c> and <c>/password</c>.</exception>
    public async Task<SignedIn> ChangeAsync(Caller caller, string? current, string? password, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        List<Issue> issues = [];
        PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        var user = await unit.Db.Users.SingleOrDefaultAsync(u => u.Id == caller.UserId, ct)
            ?? throw ProblemException.NotFound("user");
        if (!await guard.IsRightAsync(user, current, new Origin(caller.Address, caller.UserAgent), ct))
            throw ProblemException.Invalid(new Issue("/current", Rule.NotFound,
                "This is not your password, or the account is locked for a few minutes."));
        return await unit.RunAsync(async _ =>
        {
            user.PasswordHash = hasher.HashPassword(user, password!);
            (user.AccessFailedCount, user.LockoutEnd) = (0, null);
            audit.Add(caller, "user.passwordChanged", "user", user.Id);
            await users.RestampAsync(user);
            return new SignedIn(user);
        }, ct);
    }
}
