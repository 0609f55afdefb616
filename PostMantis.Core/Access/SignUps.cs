using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Mail;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>
/// New accounts after the first user. Invited or not, a person comes by a link: that of the administrator, or, where
/// sign-up is open, one mailed to the address they gave.
/// </summary>
public sealed class SignUps(UnitOfWork unit, UserManager<User> users, Accounts accounts, Invitations invitations,
    AuditLog audit, OriginLimits limits, MailQueue mail, IOptions<SignUpOptions> options,
    IOptions<InstanceOptions> instance, TimeProvider time)
{
    /// <summary>The page that asks for an address or, with the query parameter <c>token</c>, for a password.</summary>
    public const string Path = "/sign-up";

    private static readonly TimeSpan MailEvery = TimeSpan.FromMinutes(1);

    public SignUpMode Mode => options.Value.Mode;

    /// <summary>Mails a link to make an account, or a word that there is one. Answers at once and the same in any case.</summary>
    /// <exception cref="ProblemException">
    /// insufficientPermission: sign-up is not open; invalidRequest (pointer <c>/email</c>); rateLimited.
    /// </exception>
    public void Request(string? email, Origin origin)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        if (Mode != SignUpMode.Open) throw ProblemException.Forbidden("an invitation");
        List<Issue> issues = [];
        email = Accounts.CheckEmail(email, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        mail.Add((services, ct) => services.GetRequiredService<SignUps>().ComposeAsync(email!, ct));
    }

    /// <summary>The invitation of a link, while it works.</summary>
    public async Task<Invitation?> FindAsync(string? token, CancellationToken ct)
    {
        if (Mode == SignUpMode.Closed || LinkToken.Read(token) is not { } bytes) return null;
        var (hash, now) = (SHA256.HashData(bytes), time.GetUtcNow());
        return await unit.Db.Invitations.AsNoTracking()
            .SingleOrDefaultAsync(i => i.TokenHash == hash && i.AcceptedAt == null && i.ExpiresAt > now, ct);
    }

    /// <summary>Makes the account of a link, once.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest (pointer <c>/password</c>); notFound: the link is wrong, used, taken back or too old.
    /// </exception>
    public async Task<SignedIn> AcceptAsync(string? token, string? password, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        List<Issue> issues = [];
        PasswordRules.Check(password, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        return await unit.RunAsync(async cancel =>
        {
            var invitation = await FindAsync(token, cancel) ?? throw ProblemException.NotFound("invitation");
            var now = time.GetUtcNow();

            // Of two at once, one finds it still open.
            var used = await unit.Db.Invitations.Where(i => i.Id == invitation.Id && i.AcceptedAt == null)
                .ExecuteUpdateAsync(i => i.SetProperty(x => x.AcceptedAt, now), cancel);
            if (used == 0) throw ProblemException.NotFound("invitation");
            var how = invitation.InvitedBy is null ? "open" : "invitation";
            var user = await accounts.CreateAsync(invitation.Email, password!, isAdministrator: false, origin, how, cancel)
                ?? throw ProblemException.NotFound("invitation");
            if (invitation.InvitedBy is { } inviter)
            {
                audit.AddSystem(inviter, "invitation.accepted", "invitation", invitation.Id);
                await unit.Db.SaveChangesAsync(cancel);
            }
            return new SignedIn(user);
        }, ct);
    }

    private async Task<MailMessage?> ComposeAsync(string email, CancellationToken ct)
    {
        var since = time.GetUtcNow() - MailEvery;
        if (await unit.Db.Invitations.AnyAsync(i => i.Email == email && i.InvitedBy == null && i.CreatedAt > since, ct))
            return null;
        var hasAccount = await users.FindByEmailAsync(email) is not null;
        var created = invitations.Make(email, invitedBy: null);
        await unit.Db.SaveChangesAsync(ct);
        return hasAccount
            ? new MailMessage(email, "Your PostMantis account", $"""
                You have an account at {instance.Value.PublicUrl} already: sign in there, or ask there for a new password.

                If this was not you, do nothing.
                """)
            : invitations.Letter(created);
    }
}

/// <summary>Refuses open sign-up without a way to send mail: an answer on the spot would tell who has an account.</summary>
internal sealed class OpenSignUpNeedsMail(IOptions<SmtpOptions> smtp) : IValidateOptions<SignUpOptions>
{
    public ValidateOptionsResult Validate(string? name, SignUpOptions options) =>
        options.Mode != SignUpMode.Open || smtp.Value.IsConfigured
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("SignUp:Mode=open needs a mail server: set Smtp:Host and Smtp:From.");
}
