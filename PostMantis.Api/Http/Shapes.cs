using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>One object.</summary>
internal sealed record Single<T>(T Data);

/// <summary>One object, and what its author should know.</summary>
internal sealed record SingleWithWarnings<T>(T Data, IReadOnlyList<Issue> Warnings);

/// <summary>A slice of a list.</summary>
internal sealed record Several<T>(IReadOnlyList<T> Data, Pagination Pagination);

/// <summary>How to go on.</summary>
/// <param name="Total">Only when asked for by page; exact to 10,000.</param>
internal sealed record Pagination(string? NextCursor, bool HasMore, int? Total, bool? TotalIsCapped);

/// <summary>Problem details (RFC 9457).</summary>
/// <param name="Type">A page of this instance that explains it.</param>
/// <param name="Code">Stable; programs decide by it.</param>
/// <param name="TraceId">Finds the request in logs and traces; also the <c>X-Request-Id</c> header.</param>
/// <param name="Errors">Everything wrong with the request, at most 100.</param>
internal sealed record ProblemResponse(
    string Type, string Title, int Status, string Detail, ProblemCode Code, string TraceId, IReadOnlyList<Issue> Errors);
