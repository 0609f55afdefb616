using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Privacy;

/// <summary>A person asks that everything of theirs is erased, and may take that back until it is.</summary>
public sealed class Erasures(UnitOfWork unit, PasswordGuard guard, AuditLog audit, IOptions<PrivacyOptions> options, TimeProvider time)
{
    /// <summary>How long it may be taken back.</summary>
    public TimeSpan Grace => options.Value.EraseAfter;

    /// <summary>Asks for it; the answer is when it happens.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest: pointer <c>/current</c>. conflict: the administrator goes last.
    /// </exception>
    public async Task<DateTimeOffset> RequestAsync(Caller caller, string? password, CancellationToken ct)
    {
        var user = await guard.ConfirmAsync(caller, password, ct);
        if (user.IsAdministrator && await unit.Db.Users.AnyAsync(u => u.Id != user.Id, ct))
            throw ProblemException.Conflict("You administer this instance, and others have accounts on it: theirs go first.",
                "administers", []);
        return await unit.RunAsync(async cancel =>
        {
            var at = user.EraseAt ?? time.GetUtcNow() + options.Value.EraseAfter;
            await unit.Db.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(u => u.SetProperty(x => x.EraseAt, at), cancel);
            audit.Add(caller, "user.eraseAsked", "user", user.Id, detail: new JsonObject { ["at"] = UtcMillisecondsConverter.Format(at) });
            await unit.Db.SaveChangesAsync(cancel);
            return at;
        }, ct);
    }

    /// <summary>Takes it back.</summary>
    public Task CancelAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return unit.RunAsync(async cancel =>
        {
            var now = time.GetUtcNow();
            var kept = await unit.Db.Users.Where(u => u.Id == caller.UserId && u.EraseAt > now)
                .ExecuteUpdateAsync(u => u.SetProperty(x => x.EraseAt, (DateTimeOffset?)null), cancel);
            if (kept == 0) return;
            audit.Add(caller, "user.eraseTakenBack", "user", caller.UserId);
            await unit.Db.SaveChangesAsync(cancel);
        }, ct);
    }
}
