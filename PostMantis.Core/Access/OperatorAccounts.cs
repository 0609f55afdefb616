using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>What the operator does with accounts at the command line, without signing in.</summary>
public sealed class OperatorAccounts(
    UnitOfWork unit, UserManager<User> users, Accounts accounts, AuditLog audit, TimeProvider time)
{
    /// <summary>Every account, oldest first.</summary>
    public async Task<IReadOnlyList<User>> ListAsync(CancellationToken ct) => await unit.Db.Users.AsNoTracking()
        .OrderBy(u => u.CreatedAt).ThenBy(u => u.Id).ToListAsync(ct);

    /// <summary>Makes an account.</summary>
    /// <param name="password">Null: a link sets it.</param>
    /// <exception cref="ProblemException">
    /// invalidRequest (pointers <c>/email</c>, <c>/password</c>); conflict: the address has an account, or there is an
    /// administrator already.
    /// </exception>
    public async Task<User> CreateAsync(string? email, string? password, bool isAdministrator, CancellationToken ct)
    {
        List<Issue> issues = [];
        email = Accounts.CheckEmail(email, issues);
        if (password is not null) PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        if (isAdministrator && await unit.Db.Users.AnyAsync(u => u.IsAdministrator, ct))
            throw ProblemException.Conflict("This instance has its administrator already.", "taken", []);
        return await accounts.CreateAsync(email!, password, isAdministrator, Origin.Nowhere, "operator", ct)
            ?? throw ProblemException.Conflict($"There is an account for {email} already.", "taken", []);
    }

    /// <summary>
    /// Closes an account: its sessions end, its keys are refused within a second, and its profiles are paused, so that what
    /// is scheduled waits. A second time changes nothing.
    /// </summary>
    /// <returns>How many profiles were paused; null: no such user.</returns>
    public async Task<int?> DisableAsync(string email, CancellationToken ct)
    {
        if (await users.FindByEmailAsync(email) is not { } user) return null;
        if (user.DisabledAt is not null) return 0;
        return await unit.RunAsync(async cancel =>
        {
            var now = time.GetUtcNow();
            var paused = await unit.Db.Profiles.Where(p => p.UserId == user.Id && p.PausedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(p => p.PausedAt, now).SetProperty(p => p.UpdatedAt, now), cancel);
            user.DisabledAt = now;
            audit.AddSystem(user.Id, "user.disabled", "user", user.Id,
                detail: new JsonObject { ["by"] = "operator", ["profilesPaused"] = paused });
            await users.RestampAsync(user, unit.Db, cancel);
            return paused;
        }, ct);
    }

    /// <summary>Opens an account again; its profiles stay paused until a person resumes them. False: no such user.</summary>
    public async Task<bool> EnableAsync(string email, CancellationToken ct)
    {
        if (await users.FindByEmailAsync(email) is not { } user) return false;
        if (user.DisabledAt is null) return true;
        await unit.RunAsync(async cancel =>
        {
            user.DisabledAt = null;
            audit.AddSystem(user.Id, "user.enabled", "user", user.Id, detail: new JsonObject { ["by"] = "operator" });
            await users.RestampAsync(user, unit.Db, cancel);
        }, ct);
        return true;
    }
}
