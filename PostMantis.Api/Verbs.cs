using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Api.Sandbox;
using PostMantis.Core.Persistence;

namespace PostMantis.Api;

/// <summary>What the executable can do besides serving, by its first argument.</summary>
internal static class Verbs
{
    private const string Usage = """
        PostMantis.Api            serve the API, the dashboard and the workers
        PostMantis.Api migrate    bring the database to this version and stop
        PostMantis.Api sandbox    run the sandbox network alone, on Sandbox:Url
        PostMantis.Api admin …    list users, reset a password, pause publishing ('admin' alone says more)
        """;

    /// <summary>Runs the verb; what is wrong with the configuration or the database is said in words, without a stack.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            return await RunVerbAsync(args);
        }
        catch (OptionsValidationException refusal)
        {
            return await RefuseAsync(refusal.Failures);
        }
        catch (AggregateException refusals) when (refusals.InnerExceptions.All(e => e is OptionsValidationException))
        {
            return await RefuseAsync(refusals.InnerExceptions.Cast<OptionsValidationException>().SelectMany(e => e.Failures));
        }
        catch (NpgsqlException error) when (error is not PostgresException)
        {
            await Console.Error.WriteLineAsync($"The database does not answer: {error.Message}");
            return 1;
        }
    }

    private static async Task<int> RefuseAsync(IEnumerable<string> failures)
    {
        foreach (var failure in failures.Distinct())
            await Console.Error.WriteLineAsync($"PostMantis does not start: {failure}");
        return 1;
    }

    private static async Task<int> RunVerbAsync(string[] args)
    {
        var verb = args.FirstOrDefault(arg => !arg.StartsWith('-'));
        switch (verb)
        {
            case null:
            case "serve":
                await using (var app = PostMantisApp.Build(Rest(args, verb)))
                {
                    await app.MigrateIfAskedAsync();
                    await app.RunAsync();
                }
                return 0;
            case "migrate":
                await using (var app = PostMantisApp.Build(Rest(args, verb), serves: false))
                await using (var scope = app.Services.CreateAsyncScope())
                    await scope.ServiceProvider.GetRequiredService<PostMantisDb>().Database.MigrateAsync();
                return 0;
            case "sandbox":
                await using (var network = SandboxApp.Build(Rest(args, verb)))
                {
                    await network.StartSandboxAsync(CancellationToken.None);
                    await Console.Out.WriteLineAsync($"The sandbox network listens at {string.Join(", ", network.Urls)}.");
                    await network.WaitForShutdownAsync();
                }
                return 0;
            case "admin":
                return await AdminVerb.RunAsync([.. args.SkipWhile(arg => arg != verb).Skip(1)],
                    Console.In, Console.Out, Console.Error);
            default:
                await Console.Error.WriteLineAsync($"Unknown verb '{verb}'.\n{Usage}");
                return 2;
        }
    }

    private static string[] Rest(string[] args, string? verb) => [.. args.Where(arg => arg != verb)];
}
