using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>Signs people in and out. Every refusal is the same, whatever its reason.</summary>
public sealed class SignIns(UnitOfWork unit, UserManager<User> users, PasswordGuard guard, SecondSteps steps,
    AuditLog audit, OriginLimits limits, IOptions<SignInOptions> options)
{
    /// <summary>Checks e-mail and password; who has an app for codes is asked for one next.</summary>
    /// <exception cref="ProblemException">
    /// unauthorized: unknown, wrong or locked, in the same words and after the same time; rateLimited.
    /// </exception>
    public async Task<SignInAnswer> SignInAsync(string? email, string? password, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        var started = TimeProvider.System.GetTimestamp();
        email = email?.Trim() ?? "";
        var user = email.Length is > 0 and <= Accounts.MostEmailLength && ObjectReader.IsStorable(email)
            ? await users.FindByEmailAsync(email)
            : null;
        if (await guard.IsRightAsync(user, password, origin, ct))
        {
            if (await steps.IsOnAsync(user!.Id, ct))
                return new SignInAnswer(null, new HalfSignedIn(user.Id, user.SecurityStamp!));
            await guard.SucceededAsync(user, ct);
            audit.Add(Caller.Person(user.Id, origin.Address) with { UserAgent = origin.UserAgent }, "user.signedIn",
                "user", user.Id);
            await unit.Db.SaveChangesAsync(ct);
            return new SignInAnswer(new SignedIn(user), null);
        }

        // By the machine's own clock: an answer's time is no business of a moved one.
        var left = options.Value.RefusalTakes - TimeProvider.System.GetElapsedTime(started);
        if (left > TimeSpan.Zero) await Task.Delay(left, TimeProvider.System, ct);
        throw new ProblemException(ProblemCode.Unauthorized,
            "E-mail and password do not match. After several wrong passwords an account is locked for a few minutes.");
    }

    /// <summary>The person leaves, and the session of their browser ends.</summary>
    public async Task SignOutAsync(Caller caller, Guid? sessionId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        await unit.Db.Sessions.Where(s => s.Id == sessionId && s.UserId == caller.UserId).ExecuteDeleteAsync(ct);
        audit.Add(caller, "user.signedOut", "user", caller.UserId);
        await unit.Db.SaveChangesAsync(ct);
    }

    /// <summary>Ends every session of the person at once; the answer starts a new one for who asked.</summary>
    public async Task<SignedIn> SignOutEverywhereAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return await unit.RunAsync(async cancel =>
        {
            var user = await unit.Db.Users.SingleOrDefaultAsync(u => u.Id == caller.UserId, cancel)
                ?? throw ProblemException.NotFound("user");
            audit.Add(caller, "user.signedOutEverywhere", "user", user.Id);
            await users.RestampAsync(user, unit.Db, cancel);
            return new SignedIn(user);
        }, ct);
    }
}

/// <summary>
/// Compares passwords, and locks an account after too many wrong ones. Each try is counted before the password is looked
/// at, so that many tries at once get no further than many in a row.
/// </summary>
public sealed class PasswordGuard(
    PostMantisDb db, IPasswordHasher<User> hasher, AuditLog audit, IOptions<SignInOptions> options, TimeProvider time)
{
    private static readonly User _nobody = new();
    private static string? _nobodysHash;

    /// <summary>Whether <paramref name="password"/> is the user's; takes as long for nobody and for a locked account.</summary>
    public async Task<bool> IsRightAsync(User? user, string? password, Origin origin, CancellationToken ct)
    {
        password ??= "";
        if (!PasswordRules.CouldBe(password)) (user, password) = (null, "x");
        var tries = user is null ? null : await CountTryAsync(user.Id, ct);
        var hash = tries is null ? null : user!.PasswordHash;
        hash ??= _nobodysHash ??= hasher.HashPassword(_nobody, Ids.New(time.GetUtcNow()).ToString());
        var isRight = hasher.VerifyHashedPassword(user ?? _nobody, hash, password) != PasswordVerificationResult.Failed;
        if (user is null || tries is null || user.PasswordHash is null) return false;
        if (isRight)
        {
            // Only this try is taken back: with the password known, each code that is guessed must still count.
            await db.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(u => u
                .SetProperty(x => x.AccessFailedCount, x => x.AccessFailedCount > 0 ? x.AccessFailedCount - 1 : 0)
                .SetProperty(x => x.LockoutEnd, (DateTimeOffset?)null), ct);
            return true;
        }
        await TellAsync(user, tries.Value, origin, ct);
        return false;
    }

    /// <summary>The signed-in person gives their password again, for what a session alone may not do.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/current</c>.</exception>
    public async Task<User> ConfirmAsync(Caller caller, string? password, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var user = await db.Users.SingleOrDefaultAsync(u => u.Id == caller.UserId, ct) ?? throw ProblemException.NotFound("user");
        if (!await IsRightAsync(user, password, new Origin(caller.Address, caller.UserAgent), ct))
            throw ProblemException.Invalid(new Issue("/current", Rule.NotFound,
                "This is not your password, or the account is locked for a few minutes."));
        await SucceededAsync(user, ct);
        return user;
    }

    /// <summary>Counts a try of a second step; false while the account is locked.</summary>
    internal async Task<bool> MayTryAsync(User user, CancellationToken ct) => await CountTryAsync(user.Id, ct) is not null;

    /// <summary>The try that was counted was wrong.</summary>
    internal async Task FailedAsync(User user, Origin origin, CancellationToken ct)
    {
        var tries = await db.Users.Where(u => u.Id == user.Id).Select(u => u.AccessFailedCount).SingleAsync(ct);
        await TellAsync(user, tries, origin, ct);
    }

    /// <summary>Whoever it was is signed in: what went wrong before counts no more.</summary>
    internal Task SucceededAsync(User user, CancellationToken ct) => db.Users.Where(u => u.Id == user.Id)
        .ExecuteUpdateAsync(u => u.SetProperty(x => x.AccessFailedCount, 0).SetProperty(x => x.LockoutEnd, (DateTimeOffset?)null), ct);

    private Task<int> TellAsync(User user, int tries, Origin origin, CancellationToken ct)
    {
        audit.AddStranger(user.Id, origin, "user.signInFailed", "user", user.Id,
            new JsonObject { ["failures"] = tries });
        if (tries >= options.Value.MostFailures) audit.AddStranger(user.Id, origin, "user.lockedOut", "user", user.Id);
        return db.SaveChangesAsync(ct);
    }

    // Null while the account is locked or disabled. The count starts anew when a lock has run out.
    private async Task<int?> CountTryAsync(Guid userId, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var (most, until) = (options.Value.MostFailures, now + options.Value.LockedFor);
        var counted = await db.Database.SqlQuery<int>($"""
            UPDATE users SET
                access_failed_count = CASE WHEN lockout_end IS NULL THEN access_failed_count ELSE 0 END + 1,
                lockout_end = CASE WHEN lockout_end IS NULL AND access_failed_count + 1 >= {most} THEN {until} END
            WHERE id = {userId} AND disabled_at IS NULL AND (lockout_end IS NULL OR lockout_end <= {now})
            RETURNING access_failed_count AS "Value"
            """).ToListAsync(ct);
        return counted.Count == 0 ? null : counted[0];
    }
}

/// <summary>Changes of the security stamp, which every session carries.</summary>
internal static class Stamps
{
    /// <summary>Saves the user under a new stamp: every session and link of before is over.</summary>
    public static async Task RestampAsync(this UserManager<User> users, User user, PostMantisDb db, CancellationToken ct)
    {
        await db.Sessions.Where(s => s.UserId == user.Id).ExecuteDeleteAsync(ct);
        var result = await users.UpdateSecurityStampAsync(user);
        if (!result.Succeeded)
            throw new ProblemException(ProblemCode.Conflict, "The account was changed at the same moment. Try again.");
    }
}
