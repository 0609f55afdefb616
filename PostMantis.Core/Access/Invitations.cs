using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Mail;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>An invitation with its link, which is never shown again.</summary>
public sealed record CreatedInvitation(Invitation Invitation, Uri Link)
{
    public override string ToString() => $"invitation {Invitation.Id}";
}

/// <summary>Invitations of the administrator: made, listed and taken back.</summary>
public sealed class Invitations(UnitOfWork unit, AuditLog audit, MailQueue mail, IOptions<SignUpOptions> options,
    IOptions<InstanceOptions> instance, TimeProvider time)
{
    /// <summary>Whether the person may invite, and invitations are taken at all.</summary>
    public async Task<bool> MayInviteAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return caller.ActorType == ActorType.User && options.Value.Mode != SignUpMode.Closed
            && await unit.Db.Users.AnyAsync(u => u.Id == caller.UserId && u.IsAdministrator, ct);
    }

    /// <summary>Invites one address; mails the link where SMTP is configured, and answers it once in any case.</summary>
    /// <exception cref="ProblemException">insufficientPermission; invalidRequest: pointer <c>/email</c>.</exception>
    public async Task<CreatedInvitation> CreateAsync(Caller caller, string? email, CancellationToken ct)
    {
        await RequireAsync(caller, ct);
        List<Issue> issues = [];
        email = Accounts.CheckEmail(email, issues);
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        var created = await unit.RunAsync(async cancel =>
        {
            var made = Make(email!, caller.UserId);
            audit.Add(caller, "invitation.created", "invitation", made.Invitation.Id,
                detail: new JsonObject { ["email"] = email });
            await unit.Db.SaveChangesAsync(cancel);
            return made;
        }, ct);
        var letter = Letter(created);
        if (mail.IsConfigured) mail.Add((_, _) => Task.FromResult<MailMessage?>(letter));
        return created;
    }

    /// <summary>Invitations nobody has accepted yet, newest first, those that ran out included.</summary>
    public async Task<IReadOnlyList<Invitation>> ListAsync(Caller caller, CancellationToken ct)
    {
        await RequireAsync(caller, ct);
        return await unit.Db.Invitations.AsNoTracking().Where(i => i.InvitedBy != null && i.AcceptedAt == null)
            .OrderByDescending(i => i.CreatedAt).ThenByDescending(i => i.Id).ToListAsync(ct);
    }

    /// <summary>Takes an invitation back that was not accepted; its link stops working at once.</summary>
    public async Task RevokeAsync(Caller caller, Guid invitationId, CancellationToken ct)
    {
        await RequireAsync(caller, ct);
        await unit.RunAsync(async cancel =>
        {
            var gone = await unit.Db.Invitations.Where(i => i.Id == invitationId && i.AcceptedAt == null)
                .ExecuteDeleteAsync(cancel);
            if (gone == 0) throw ProblemException.NotFound("invitation");
            audit.Add(caller, "invitation.revoked", "invitation", invitationId);
            await unit.Db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Adds an invitation to the context; <paramref name="invitedBy"/> null: the person asked themselves.</summary>
    internal CreatedInvitation Make(string email, Guid? invitedBy)
    {
        var now = time.GetUtcNow();
        var (text, hash) = LinkToken.Create();
        var invitation = new Invitation
        {
            Id = Ids.New(now),
            Email = email,
            TokenHash = hash,
            InvitedBy = invitedBy,
            CreatedAt = now,
            ExpiresAt = now + options.Value.InvitationLifetime,
        };
        unit.Db.Invitations.Add(invitation);
        return new CreatedInvitation(invitation, instance.Value.Address($"{SignUps.Path}?token={text}"));
    }

    /// <summary>The mail that carries the link.</summary>
    internal MailMessage Letter(CreatedInvitation created) => new(created.Invitation.Email, "Your PostMantis account", $"""
        You are welcome at {instance.Value.PublicUrl}.

        Choose a password here before {created.Invitation.ExpiresAt:yyyy-MM-dd HH:mm} UTC:
        {created.Link}

        If you did not expect this, do nothing.
        """);

    private async Task RequireAsync(Caller caller, CancellationToken ct)
    {
        if (!await MayInviteAsync(caller, ct))
            throw ProblemException.Forbidden("the administrator, and sign-up by invitation");
    }
}
