using System.Globalization;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Api.Operations;

/// <summary>Accounts of people, without signing in.</summary>
internal sealed class UserVerb(OperatorTool tool)
{
    private readonly OperatorAccounts _accounts = tool.Get<OperatorAccounts>();

    public async Task<int> ListAsync(CancellationToken ct)
    {
        var now = tool.Get<TimeProvider>().GetUtcNow();
        var users = await _accounts.ListAsync(ct);
        await tool.SayAsync(users.Select(u => new { u.Id, u.Email, u.CreatedAt, u.IsAdministrator, u.DisabledAt, IsLocked = u.LockoutEnd > now }),
            users.Select(user =>
            {
                var notes = string.Join(", ", ((string?[])[user.IsAdministrator ? "administrator" : null,
                    user.LockoutEnd > now ? "locked" : null, user.DisabledAt is null ? null : "disabled"]).OfType<string>());
                return string.Create(CultureInfo.InvariantCulture,
                    $"{user.Id}  {user.CreatedAt:yyyy-MM-dd HH:mm}  {user.Email}  {notes}").TrimEnd();
            }));
        return 0;
    }

    public async Task<int> CreateAsync(string email, bool passwordFromInput, bool isAdministrator, CancellationToken ct)
    {
        var password = passwordFromInput ? await tool.Input.ReadLineAsync(ct) ?? "" : null;
        try
        {
            var user = await _accounts.CreateAsync(email, password, isAdministrator, ct);
            if (password is not null) await tool.Output.WriteLineAsync($"{user.Email} has an account.");
            else await tool.Output.WriteLineAsync((await tool.Get<PasswordResets>().LinkByOperatorAsync(user.Email!, ct))!.ToString());
        }
        catch (ProblemException problem)
        {
            return await RefuseAsync(problem);
        }
        if (password is null) await tool.Errors.WriteLineAsync("The account is made. The link sets its password once, within an hour.");
        return 0;
    }

    public async Task<int> DisableAsync(string email, CancellationToken ct)
    {
        if (await _accounts.DisableAsync(email, ct) is not { } paused) return await NoSuchUserAsync(email);
        await tool.Output.WriteLineAsync($"{email} is closed: its sessions have ended, its keys are refused, {paused} profiles were paused.");
        return 0;
    }

    public async Task<int> EnableAsync(string email, CancellationToken ct)
    {
        if (!await _accounts.EnableAsync(email, ct)) return await NoSuchUserAsync(email);
        await tool.Output.WriteLineAsync($"{email} is open. Its profiles stay paused until a person resumes them.");
        return 0;
    }

    public async Task<int> ResetPasswordAsync(string email, bool passwordFromInput, CancellationToken ct)
    {
        var resets = tool.Get<PasswordResets>();
        if (!passwordFromInput)
        {
            if (await resets.LinkByOperatorAsync(email, ct) is not { } link) return await NoSuchUserAsync(email);
            await tool.Output.WriteLineAsync(link.ToString());
            await tool.Errors.WriteLineAsync("The link works once, within an hour. Every session of the account has ended.");
            return 0;
        }
        try
        {
            if (!await resets.SetByOperatorAsync(email, await tool.Input.ReadLineAsync(ct), ct)) return await NoSuchUserAsync(email);
        }
        catch (ProblemException problem)
        {
            return await RefuseAsync(problem);
        }
        await tool.Output.WriteLineAsync("The password is set. Every session of the account has ended.");
        return 0;
    }

    private async Task<int> RefuseAsync(ProblemException problem)
    {
        foreach (var issue in problem.Issues)
            await tool.Errors.WriteLineAsync($"The {(issue.Pointer == "/password" ? "password" : "e-mail address")}: {issue.Message}");
        return problem.Issues.Count > 0 ? OperatorCommands.Refused : await tool.RefuseAsync(problem.Message);
    }

    private Task<int> NoSuchUserAsync(string email) =>
        tool.RefuseAsync($"There is no account for {email}; 'user list' lists them.");
}
