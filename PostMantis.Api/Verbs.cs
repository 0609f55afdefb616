using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Api.Operations;
using PostMantis.Core.Persistence;

namespace PostMantis.Api;

/// <summary>
/// What the executable does, by its first argument: without one it serves. Exit codes: 0 done, 1 refused or failed, 2
/// misused.
/// </summary>
internal static class Verbs
{
    /// <summary>Runs the verb; what is wrong with the configuration or the database is said in words, without a stack.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            if (args is [] or ["serve", ..] || (args[0].StartsWith('-') && !OperatorCommands.AsksForHelp(args[0])))
                return await ServeAsync(args is ["serve", ..] ? args[1..] : args);
            return await new OperatorCommands(Console.In, Console.Out, Console.Error).RunAsync(args);
        }
        catch (OptionsValidationException refusal)
        {
            return await RefuseAsync(refusal.Failures);
        }
        catch (AggregateException refusals) when (refusals.InnerExceptions.All(e => e is OptionsValidationException))
        {
            return await RefuseAsync(refusals.InnerExceptions.Cast<OptionsValidationException>().SelectMany(e => e.Failures));
        }
        catch (SchemaTooNewException refusal)
        {
            return await RefuseAsync([refusal.Message]);
        }
        catch (NpgsqlException error) when (error is not PostgresException)
        {
            await Console.Error.WriteLineAsync($"The database does not answer: {error.Message}");
            return OperatorCommands.Refused;
        }
    }

    private static async Task<int> ServeAsync(string[] configuration)
    {
        await using var app = PostMantisApp.Build(configuration);
        await app.PrepareSchemaAsync();
        await app.ServeAsync();
        return 0;
    }

    private static async Task<int> RefuseAsync(IEnumerable<string> failures)
    {
        foreach (var failure in failures.Distinct())
            await Console.Error.WriteLineAsync($"PostMantis does not start: {failure}");
        return OperatorCommands.Refused;
    }
}
