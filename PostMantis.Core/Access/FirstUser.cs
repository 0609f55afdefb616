using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>Takes the instance into use: whoever shows the set-up token makes the first user, once.</summary>
public sealed class FirstUser(
    UnitOfWork unit, Accounts accounts, OriginLimits limits, IOptions<FirstUserOptions> options)
{
    // One first user at a time, whichever replica is asked.
    private const long Lock = 0x504d_0001;

    /// <summary>Whether nobody has an account yet.</summary>
    public async Task<bool> IsNeededAsync(CancellationToken ct) => !await unit.Db.Users.AnyAsync(ct);

    /// <summary>Makes the first user, who administers the instance.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest (pointers <c>/token</c>, <c>/email</c>, <c>/password</c>); conflict: there is a user already.
    /// </exception>
    public async Task<SignedIn> CreateAsync(
        string? token, string? email, string? password, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        if (!await IsNeededAsync(ct)) throw Taken();
        CheckToken(token);
        List<Issue> issues = [];
        email = Accounts.CheckEmail(email, issues);
        PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);

        return await unit.RunAsync(async cancel =>
        {
            await unit.Db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancel);
            if (!await IsNeededAsync(cancel)) throw Taken();
            var user = await accounts.CreateAsync(email!, password!, isAdministrator: true, origin, "setup", cancel)
                ?? throw Taken();
            return new SignedIn(user);
        }, ct);
    }

    private void CheckToken(string? token)
    {
        if (options.Value.SetupToken is not { } expected)
            throw ProblemException.Invalid(new Issue("/token", Rule.NotReady,
                "This instance was started without a set-up token.", Fix: "Start it with SetupToken set."));
        var isRight = CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(token?.Trim() ?? "")), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));
        if (!isRight) throw ProblemException.Invalid(new Issue("/token", Rule.NotFound, "This is not the set-up token.",
            Fix: "Copy it from where the instance was started."));
    }

    private static ProblemException Taken() =>
        ProblemException.Conflict("This instance has its first user already.", "taken", ["signIn"]);
}
