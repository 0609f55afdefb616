using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What is wrong with a submitted form, each message beside its field.</summary>
public sealed class FormErrors
{
    private readonly List<(string Field, string Message)> _messages = [];

    public static FormErrors None { get; } = new();

    /// <summary>Messages that belong to no field.</summary>
    public IReadOnlyList<string> General => For("");

    public bool Any => _messages.Count > 0;

    /// <summary>The first message, of whatever field.</summary>
    public string? First => _messages.Count > 0 ? _messages[0].Message : null;

    public FormErrors Add(string field, string message)
    {
        _messages.Add((field, message));
        return this;
    }

    /// <summary>The messages of one field, in the order they came.</summary>
    public IReadOnlyList<string> For(string field) =>
        [.. _messages.Where(entry => entry.Field == field).Select(entry => entry.Message).Distinct()];

    public bool Has(string field) => _messages.Exists(entry => entry.Field == field);

    /// <summary>
    /// Puts each issue of a refused operation beside the field its pointer begins with; what has no field is general.
    /// </summary>
    public static FormErrors From(ProblemException problem, params (string Pointer, string Field)[] fields)
    {
        var errors = new FormErrors();
        foreach (var issue in problem.Issues.Where(issue => issue.Severity == Severity.Error))
        {
            var field = fields.FirstOrDefault(entry =>
                issue.Pointer.StartsWith(entry.Pointer, StringComparison.Ordinal)).Field ?? "";
            errors.Add(field, IssueWords.Of(issue));
        }
        return errors.Any ? errors : errors.Add("", problem.Message);
    }
}
