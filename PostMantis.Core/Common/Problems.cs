using System.Globalization;

namespace PostMantis.Core.Common;

/// <summary>The contract's error codes (contract §2), each with its HTTP status.</summary>
public enum ProblemCode
{
    InvalidRequest,
    Unauthorized,
    InsufficientPermission,
    NotFound,
    MethodNotAllowed,
    Conflict,
    DuplicatePost,
    IdempotencyInProgress,
    CursorExpired,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyMismatch,
    RateLimited,
    Internal,
    Unavailable,
}

/// <summary>The closed list of rules an issue can name.</summary>
public enum Rule
{
    Required,
    UnknownField,
    WrongType,
    WrongFormat,
    TooShort,
    TooLong,
    TooFew,
    TooMany,
    OutOfRange,
    NotFound,
    NotActive,
    NotReady,
    Duplicate,
    PastTime,
    Unsupported,
    Excluded,
    UseAction,
    Recommended,
    PriceChange,
}

/// <summary>Whether an issue stops the request.</summary>
public enum Severity
{
    Error,
    Warning,
}

/// <summary>One thing wrong with a request: <c>errors[]</c> of a problem, <c>issues[]</c> of a draft or a dry run.</summary>
/// <param name="Pointer">RFC 6901 pointer into the request body, or the query parameter's name.</param>
/// <param name="Fix">What to do about it.</param>
/// <param name="Limit">What is allowed, in <paramref name="Unit"/>.</param>
/// <param name="Actual">What was sent, in <paramref name="Unit"/>.</param>
public sealed record Issue(
    string Pointer,
    Rule Rule,
    string Message,
    Severity Severity = Severity.Error,
    string? Fix = null,
    double? Limit = null,
    double? Actual = null,
    string? Unit = null,
    Guid? ProfileId = null,
    string? Provider = null)
{
    /// <summary>What to do about it; where nothing better is known, what its rule asks for.</summary>
    public string? Fix { get; init; } = Fix ?? FixOf(Rule, Limit);

    private static string FixOf(Rule rule, double? limit) => rule switch
    {
        Rule.Required => "Fill it in.",
        Rule.UnknownField => "Leave it out.",
        Rule.WrongType or Rule.WrongFormat => "Write it as the message says.",
        Rule.TooShort => "Make it longer.",
        Rule.TooLong => "Shorten it.",
        Rule.TooFew => "Add more.",
        Rule.TooMany => limit is { } most ? string.Create(CultureInfo.InvariantCulture, $"Keep at most {most}.") : "Take some away.",
        Rule.OutOfRange => "Choose a value within the limit.",
        Rule.NotFound => "Choose one that is there and within reach.",
        Rule.NotActive => "Connect the account again in the dashboard.",
        Rule.NotReady => "Wait until it is ready.",
        Rule.Duplicate => "Choose each once.",
        Rule.PastTime => "Choose a later moment, or none for now.",
        Rule.Unsupported => "Leave it out for this network.",
        Rule.Excluded => "Use one without the other.",
        Rule.UseAction => "Use the action for it.",
        _ => "Read the message and decide.",
    };
}

/// <summary>
/// A request refused for a reason the caller can act on. The HTTP edge turns it into problem details; a page into words.
/// </summary>
public sealed class ProblemException : Exception
{
    /// <summary>At most this many issues are reported at once.</summary>
    public const int MostIssues = 100;

    public ProblemException(ProblemCode code, string detail, IEnumerable<Issue>? issues = null,
        IReadOnlyDictionary<string, object?>? extensions = null)
        : base(detail)
    {
        Code = code;
        Issues = [.. (issues ?? []).Take(MostIssues)];
        Extensions = extensions ?? new Dictionary<string, object?>();
    }

    public ProblemCode Code { get; }

    public IReadOnlyList<Issue> Issues { get; }

    /// <summary>Further members of the problem object, such as <c>currentStatus</c> and <c>actions</c>.</summary>
    public IReadOnlyDictionary<string, object?> Extensions { get; }

    public static ProblemException Invalid(params IEnumerable<Issue> issues) =>
        new(ProblemCode.InvalidRequest, "The request is not valid; see errors.", issues);

    public static ProblemException NotFound(string what) => new(ProblemCode.NotFound, $"There is no such {what}.");

    public static ProblemException Forbidden(string needed) => new(ProblemCode.InsufficientPermission,
        $"This needs {needed}.", extensions: new Dictionary<string, object?> { ["needed"] = needed });

    public static ProblemException Conflict(string detail, string currentStatus, IReadOnlyList<string> actions) =>
        new(ProblemCode.Conflict, detail, extensions: new Dictionary<string, object?>
        {
            ["currentStatus"] = currentStatus,
            ["actions"] = actions,
        });
}
