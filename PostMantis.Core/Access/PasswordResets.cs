using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Mail;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>New passwords for people who forgot theirs: by mail where SMTP is configured, else by the operator.</summary>
public sealed class PasswordResets(UnitOfWork unit, UserManager<User> users, IPasswordHasher<User> hasher,
    AuditLog audit, OriginLimits limits, MailQueue mail, IOptions<SignInOptions> options,
    IOptions<InstanceOptions> instance, TimeProvider time)
{
    /// <summary>The page that takes a token (query parameter <c>token</c>) and a new password.</summary>
    public const string Path = "/reset-password";

    private const string TokenProvider = "PostMantis";
    private const string TokenName = "passwordReset";
    private const int UserIdLength = 16;
    private static readonly TimeSpan MailEvery = TimeSpan.FromMinutes(1);

    /// <summary>Whether a link can be mailed; otherwise the operator runs <c>PostMantis.Api user reset-password</c>.</summary>
    public bool IsByMail => mail.IsConfigured;

    /// <summary>
    /// Mails a link if the address has an account. Answers at once and the same in any case; looking the address up is
    /// part of the mail's work.
    /// </summary>
    /// <exception cref="ProblemException">unavailable: no SMTP server is configured; rateLimited.</exception>
    public void Request(string? email, Origin origin)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        if (!IsByMail) throw new ProblemException(ProblemCode.Unavailable, "This instance sends no mail.");
        List<Issue> issues = [];
        email = Accounts.CheckEmail(email, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        mail.Add((services, ct) => services.GetRequiredService<PasswordResets>().ComposeAsync(email!, origin, ct));
    }

    /// <summary>A link for the operator to hand over; every session of the person ends now. Null: no such user.</summary>
    public async Task<Uri?> LinkByOperatorAsync(string email, CancellationToken ct)
    {
        if (await users.FindByEmailAsync(email) is not { } user) return null;
        return await unit.RunAsync(async cancel =>
        {
            var link = await MakeLinkAsync(user.Id, cancel);
            audit.AddSystem(user.Id, "user.resetLinkMade", "user", user.Id, detail: new JsonObject { ["by"] = "operator" });
            await users.RestampAsync(user, unit.Db, cancel);
            return link;
        }, ct);
    }

    /// <summary>Sets a password given by the operator; every session of the person ends now. False: no such user.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/password</c>.</exception>
    public async Task<bool> SetByOperatorAsync(string email, string? password, CancellationToken ct)
    {
        List<Issue> issues = [];
        PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        if (await users.FindByEmailAsync(email) is not { } user) return false;
        await unit.RunAsync(async cancel =>
        {
            audit.AddSystem(user.Id, "user.passwordReset", "user", user.Id, detail: new JsonObject { ["by"] = "operator" });
            await SetAsync(user, password!, cancel);
        }, ct);
        return true;
    }

    /// <summary>Whether a link still works.</summary>
    public async Task<bool> IsGoodAsync(string? token, CancellationToken ct) => await FindAsync(token, ct) is not null;

    /// <summary>Sets a new password by a link, once; every session of the person ends.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest (pointer <c>/password</c>); notFound: the link is wrong, used or too old.
    /// </exception>
    public async Task ResetAsync(string? token, string? password, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        List<Issue> issues = [];
        PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        await unit.RunAsync(async cancel =>
        {
            var (userId, value) = await FindAsync(token, cancel) ?? throw ProblemException.NotFound("link");

            // Of two at once, one deletes the row.
            var used = await Tokens(userId).Where(t => t.Value == value).ExecuteDeleteAsync(cancel);
            if (used == 0) throw ProblemException.NotFound("link");
            var user = await unit.Db.Users.SingleAsync(u => u.Id == userId, cancel);
            audit.AddStranger(user.Id, origin, "user.passwordReset", "user", user.Id);
            await SetAsync(user, password!, cancel);
        }, ct);
    }

    private Task SetAsync(User user, string password, CancellationToken ct)
    {
        user.PasswordHash = hasher.HashPassword(user, password);
        (user.AccessFailedCount, user.LockoutEnd) = (0, null);
        return users.RestampAsync(user, unit.Db, ct);
    }

    private async Task<MailMessage?> ComposeAsync(string email, Origin origin, CancellationToken ct)
    {
        if (await users.FindByEmailAsync(email) is not { } user) return null;
        var last = await Tokens(user.Id).Select(t => t.Value).SingleOrDefaultAsync(ct);
        if (last is not null && ExpiryOf(last) - options.Value.ResetLinkLifetime > time.GetUtcNow() - MailEvery) return null;
        var link = await unit.RunAsync(async cancel =>
        {
            audit.AddStranger(user.Id, origin, "user.resetLinkMade", "user", user.Id);
            var made = await MakeLinkAsync(user.Id, cancel);
            await unit.Db.SaveChangesAsync(cancel);
            return made;
        }, ct);
        var minutes = options.Value.ResetLinkLifetime.TotalMinutes.ToString("0", CultureInfo.InvariantCulture);
        return new MailMessage(user.Email!, "Your new PostMantis password", $"""
            Someone, hopefully you, asked for a new password at {instance.Value.PublicUrl}.

            Choose it here within {minutes} minutes:
            {link}

            If it was not you, do nothing: your password stays as it is.
            """);
    }

    private async Task<Uri> MakeLinkAsync(Guid userId, CancellationToken ct)
    {
        var (text, hash) = LinkToken.Create(userId.ToByteArray(bigEndian: true));
        var expiresAt = (time.GetUtcNow() + options.Value.ResetLinkLifetime).ToUnixTimeSeconds();
        var value = string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(hash)}:{expiresAt}");
        await unit.Db.Database.ExecuteSqlAsync($"""
            INSERT INTO user_tokens (user_id, login_provider, name, value)
            VALUES ({userId}, {TokenProvider}, {TokenName}, {value})
            ON CONFLICT (user_id, login_provider, name) DO UPDATE SET value = EXCLUDED.value
            """, ct);
        return instance.Value.Address($"{Path}?token={text}");
    }

    private async Task<(Guid UserId, string Value)?> FindAsync(string? token, CancellationToken ct)
    {
        if (LinkToken.Read(token, UserIdLength) is not { } bytes) return null;
        var userId = new Guid(bytes.AsSpan(0, UserIdLength), bigEndian: true);
        if (await Tokens(userId).Select(t => t.Value).SingleOrDefaultAsync(ct) is not { } value) return null;
        var hash = Convert.FromHexString(value[..value.IndexOf(':', StringComparison.Ordinal)]);
        var isGood = CryptographicOperations.FixedTimeEquals(hash, SHA256.HashData(bytes))
            && ExpiryOf(value) > time.GetUtcNow();
        return isGood ? (userId, value) : null;
    }

    private IQueryable<IdentityUserToken<Guid>> Tokens(Guid userId) => unit.Db.UserTokens.AsNoTracking()
        .Where(t => t.UserId == userId && t.LoginProvider == TokenProvider && t.Name == TokenName);

    private static DateTimeOffset ExpiryOf(string value) => DateTimeOffset.FromUnixTimeSeconds(
        long.Parse(value.AsSpan(value.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture));
}
