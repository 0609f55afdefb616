using Microsoft.Extensions.Options;
using Npgsql;

namespace PostMantis.Api.Operations;

/// <summary>How bad a finding is.</summary>
internal enum Finding
{
    Fine,

    /// <summary>It runs, and something is worse than it could be.</summary>
    Warning,

    /// <summary>It does not run, or not rightly.</summary>
    Wrong,
}

/// <summary>One line of what the doctor says.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Fix">What to do about it.</param>
internal sealed record Diagnosis(string Check, Finding Finding, string Words, string? Fix = null);

/// <summary>Looks at everything the instance needs; every check says what it found, whatever the others found.</summary>
internal sealed class DoctorVerb(OperatorTool tool)
{
    public async Task<int> RunAsync(CancellationToken ct)
    {
        List<Diagnosis> found = [];
        foreach (var (name, look) in new DoctorChecks(tool.Services).All)
        {
            try
            {
                found.AddRange((await look(ct)).Select(one => one with { Check = name }));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                found.Add(new Diagnosis(name, Finding.Wrong, WordsOf(e)));
            }
        }
        var wrong = found.Count(one => one.Finding == Finding.Wrong);
        await tool.SayAsync(new { IsWell = wrong == 0, Checks = found }, [
            .. found.Select(one => $"{Mark(one.Finding),-8} {one.Check,-14} {one.Words}{(one.Fix is { } fix ? $" {fix}" : "")}"),
            wrong == 0 ? "This instance has what it needs." : $"{wrong} of {found.Count} findings are wrong.",
        ]);
        return wrong == 0 ? 0 : OperatorCommands.Refused;
    }

    // Npgsql and the file system name what they could not do; values of settings are in none of these.
    private static string WordsOf(Exception e) => e switch
    {
        PostgresException error => $"{error.SqlState}: {error.MessageText}",
        NpgsqlException error => $"The database does not answer: {error.Message}",
        OptionsValidationException refusal => string.Join(" ", refusal.Failures),
        _ => e.Message,
    };

    private static string Mark(Finding finding) => finding switch
    {
        Finding.Fine => "ok",
        Finding.Warning => "warning",
        _ => "WRONG",
    };
}
