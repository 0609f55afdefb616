using System.Net.Mail;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>What every way to an account has in common: the rules for e-mail and password, and making the user.</summary>
public sealed class Accounts(
    UserManager<User> users, IPasswordHasher<User> hasher, PostMantisDb db, AuditLog audit, TimeProvider time)
{
    public const int MostEmailLength = 254;

    /// <summary>The e-mail as it is kept; null with an issue when it is none.</summary>
    public static string? CheckEmail(string? email, ICollection<Issue> issues)
    {
        email = email?.Trim();
        if (string.IsNullOrEmpty(email)) issues.Add(new Issue("/email", Rule.Required, "Give an e-mail address."));
        else if (email.Length > MostEmailLength)
            issues.Add(new Issue("/email", Rule.TooLong, $"At most {MostEmailLength} characters.", Limit: MostEmailLength,
                Actual: email.Length, Unit: "characters"));
        else if (!IsEmail(email)) issues.Add(new Issue("/email", Rule.WrongFormat, "This is not an e-mail address."));
        else return email;
        return null;
    }

    public static bool IsEmail(string email) => ObjectReader.IsStorable(email)
        && !email.Any(c => char.IsControl(c) || char.IsWhiteSpace(c))
        && MailAddress.TryCreate(email, out var address) && address.Address == email;

    /// <summary>Makes a user; null when the e-mail has an account already.</summary>
    /// <param name="password">Null: nobody signs in until one is set by a link.</param>
    public async Task<User?> CreateAsync(
        string email, string? password, bool isAdministrator, Origin origin, string how, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var user = new User
        {
            Id = Ids.New(now),
            UserName = email,
            Email = email,
            IsAdministrator = isAdministrator,
            CreatedAt = now,
        };
        if (password is not null) user.PasswordHash = hasher.HashPassword(user, password);
        audit.Add(Caller.Person(user.Id, origin.Address) with { UserAgent = origin.UserAgent }, "user.created", "user",
            user.Id, detail: new JsonObject { ["how"] = how });
        IdentityResult result;
        try
        {
            result = await users.CreateAsync(user);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            db.ChangeTracker.Clear();
            return null;
        }
        if (result.Succeeded) return user;
        db.ChangeTracker.Clear();
        if (result.Errors.All(e => e.Code is nameof(IdentityErrorDescriber.DuplicateEmail)
                or nameof(IdentityErrorDescriber.DuplicateUserName)))
            return null;
        throw ProblemException.Invalid(result.Errors.Select(e => new Issue("/email", Rule.WrongFormat, e.Description)));
    }
}
