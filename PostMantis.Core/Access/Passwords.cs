using Microsoft.AspNetCore.Identity;
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
        var user = await guard.ConfirmAsync(caller, current, ct);
        return await unit.RunAsync(async cancel =>
        {
            user.PasswordHash = hasher.HashPassword(user, password!);
            (user.AccessFailedCount, user.LockoutEnd) = (0, null);
            audit.Add(caller, "user.passwordChanged", "user", user.Id);
            await users.RestampAsync(user, unit.Db, cancel);
            return new SignedIn(user);
        }, ct);
    }
}
