using System.Diagnostics;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>One post of many that are made at once.</summary>
/// <param name="Body">As <c>POST /posts</c> takes it.</param>
/// <param name="Issues">What is wrong before any rule is asked.</param>
public sealed record ImportRow(JsonObject Body, IReadOnlyList<Issue> Issues);

/// <summary>What became of one row, or would.</summary>
/// <param name="Problem">Why it is refused; null: it is taken.</param>
/// <param name="Issues">Everything wrong with it; what a draft still lacks.</param>
/// <param name="Post">The post; null in a rehearsal, and where it is refused.</param>
public sealed record ImportResult(string? Problem, IReadOnlyList<Issue> Issues, PostResource? Post);

/// <summary>Makes many posts at once: each is taken or refused for itself, with the rules and the guard of single ones.</summary>
public sealed class PostImporter(PostAcceptor acceptor)
{
    /// <summary>Rows taken at once.</summary>
    public const int MostRows = 500;

    private const int MostPerTransaction = 50;

    /// <summary>Says of each row what importing it would come to, and changes nothing.</summary>
    public async Task<IReadOnlyList<ImportResult>> RehearseAsync(Caller caller, IReadOnlyList<ImportRow> rows, CancellationToken ct)
    {
        var creations = Read(caller, rows);
        await acceptor.RehearseAsync(creations, ct);
        return [.. creations.Select((creation, i) => Said(creation, rows[i]))];
    }

    /// <summary>Makes a post of each row that is right.</summary>
    public async Task<IReadOnlyList<ImportResult>> ImportAsync(Caller caller, IReadOnlyList<ImportRow> rows, CancellationToken ct)
    {
        var creations = Read(caller, rows);
        foreach (var some in creations.Where(c => c.Malformed is null).Chunk(MostPerTransaction))
            await acceptor.CreateAsync(some, limitsWaits: false, ct);
        foreach (var creation in creations.Where(c => c.Malformed is not null)) creation.Refused = creation.Malformed;
        return [.. creations.Select((creation, i) => Said(creation, rows[i]))];
    }

    private static List<Creation> Read(Caller caller, IReadOnlyList<ImportRow> rows)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(rows);
        caller.Require(Permission.Publish);
        if (rows.Count > MostRows)
            throw ProblemException.Invalid(new Issue("", Rule.TooMany, $"At most {MostRows} rows are taken at once.",
                Limit: MostRows, Actual: rows.Count, Unit: "rows"));
        return [.. rows.Select(row =>
        {
            List<Issue> issues = [.. row.Issues];
            var input = PostRequestReader.Read(row.Body, issues);
            return new Creation(caller, input, Activity.Current?.Id,
                Malformed: issues.Count > 0 ? ProblemException.Invalid(issues) : null);
        })];
    }

    private static ImportResult Said(Creation creation, ImportRow row) => creation.Refused is { } refused
        ? new ImportResult(refused.Issues.Count > 0 ? refused.Issues[0].Message : refused.Message, refused.Issues, null)
        : new ImportResult(null, [.. row.Issues, .. creation.Plan?.Issues ?? []], creation.Accepted?.Post);
}
