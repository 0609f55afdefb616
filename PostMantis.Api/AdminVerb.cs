using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Api;

/// <summary>What an operator does with the database at hand: no sign-in, no vault key, nothing listens.</summary>
internal static class AdminVerb
{
    private const string Usage = """
        PostMantis.Api admin list-users
            Lists the accounts.
        PostMantis.Api admin reset-password <e-mail>
            Prints a link that sets a new password once, and ends every session of the account.
        PostMantis.Api admin reset-password <e-mail> --password-stdin
            Sets the password read from the first line of standard input, and ends every session of the account.
        PostMantis.Api admin queue status
            Says whether this instance publishes, and what waits.
        PostMantis.Api admin queue pause | resume
            Stops publishing on every replica, or goes on. What is being sent finishes; what is accepted waits.
        Configuration comes from the environment (ConnectionStrings__postmantis, PublicUrl) or as --Name=value.
        """;

    private const string FromStandardInput = "--password-stdin";
    private const int Refused = 1;
    private const int Misused = 2;

    public static async Task<int> RunAsync(string[] args, TextReader input, TextWriter output, TextWriter errors)
    {
        string[] configuration = [.. args.Where(a => a.StartsWith("--", StringComparison.Ordinal) && a.Contains('='))];
        string[] words = [.. args.Except(configuration)];
        await using var app = PostMantisApp.Build(configuration, builder => builder.Logging.ClearProviders(), serves: false);
        await using var scope = app.Services.CreateAsyncScope();
        switch (words)
        {
            case ["list-users"]:
                await ListAsync(scope.ServiceProvider, output);
                return 0;
            case ["reset-password", var email]:
                return await MakeLinkAsync(scope.ServiceProvider, email, output, errors);
            case ["reset-password", var email, FromStandardInput]:
                return await SetAsync(scope.ServiceProvider, email, await input.ReadLineAsync(), output, errors);
            case ["queue", "status"]:
                await ShowQueueAsync(scope.ServiceProvider, output);
                return 0;
            case ["queue", "pause"]:
                await scope.ServiceProvider.GetRequiredService<InstancePause>().PauseAsync(CancellationToken.None);
                await ShowQueueAsync(scope.ServiceProvider, output);
                return 0;
            case ["queue", "resume"]:
                await scope.ServiceProvider.GetRequiredService<InstancePause>().ResumeAsync(CancellationToken.None);
                await ShowQueueAsync(scope.ServiceProvider, output);
                return 0;
            default:
                await errors.WriteLineAsync(Usage);
                return Misused;
        }
    }

    private static async Task ListAsync(IServiceProvider services, TextWriter output)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var users = await services.GetRequiredService<PostMantisDb>().Users.AsNoTracking()
            .OrderBy(u => u.CreatedAt).ThenBy(u => u.Id).ToListAsync();
        foreach (var user in users)
        {
            var notes = string.Join(", ", ((string?[])
                [user.IsAdministrator ? "administrator" : null, user.LockoutEnd > now ? "locked" : null]).OfType<string>());
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{user.Id}  {user.CreatedAt:yyyy-MM-dd HH:mm}  {user.Email}  {notes}").TrimEnd());
        }
    }

    private static async Task ShowQueueAsync(IServiceProvider services, TextWriter output)
    {
        var status = await services.GetRequiredService<InstancePause>().ReadAsync(CancellationToken.None);
        await output.WriteLineAsync(status switch
        {
            { PausedAt: { } paused } => string.Create(CultureInfo.InvariantCulture, $"paused since {paused:yyyy-MM-dd HH:mm:ss} UTC"),
            { HeldAt: { } held } => string.Create(CultureInfo.InvariantCulture, $"held since {held:yyyy-MM-dd HH:mm:ss} UTC"),
            _ => "publishing",
        });
        foreach (var depth in await services.GetRequiredService<WorkQueue>().DepthsAsync(CancellationToken.None))
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{depth.Kind}: {depth.Due} due, {depth.Leased} in flight"));
    }

    private static async Task<int> MakeLinkAsync(
        IServiceProvider services, string email, TextWriter output, TextWriter errors)
    {
        var link = await services.GetRequiredService<PasswordResets>().LinkByOperatorAsync(email, CancellationToken.None);
        if (link is null) return await NoSuchUserAsync(email, errors);
        await output.WriteLineAsync(link.ToString());
        await errors.WriteLineAsync("The link works once, within an hour. Every session of the account has ended.");
        return 0;
    }

    private static async Task<int> SetAsync(
        IServiceProvider services, string email, string? password, TextWriter output, TextWriter errors)
    {
        try
        {
            if (!await services.GetRequiredService<PasswordResets>()
                .SetByOperatorAsync(email, password, CancellationToken.None)) return await NoSuchUserAsync(email, errors);
        }
        catch (ProblemException problem)
        {
            foreach (var issue in problem.Issues) await errors.WriteLineAsync($"The password: {issue.Message}");
            return Refused;
        }
        await output.WriteLineAsync("The password is set. Every session of the account has ended.");
        return 0;
    }

    private static async Task<int> NoSuchUserAsync(string email, TextWriter errors)
    {
        await errors.WriteLineAsync($"There is no account for {email}; 'admin list-users' lists them.");
        return Refused;
    }
}
