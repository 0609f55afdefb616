using System.Globalization;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>ETag, If-Match and If-None-Match (RFC 9110 §13): a post's tag is its revision.</summary>
internal static class Preconditions
{
    public static string Tag(int revision) => $"\"{revision.ToString(CultureInfo.InvariantCulture)}\"";

    /// <summary>The revision the caller insists on; null without If-Match or with <c>*</c>.</summary>
    /// <exception cref="ProblemException">invalidRequest: not one strong tag. preconditionFailed: no tag of ours.</exception>
    public static int? IfMatch(HttpRequest request)
    {
        var header = request.Headers.IfMatch;
        if (header.Count == 0) return null;
        var text = header.Count == 1 ? header[0]!.Trim() : "";
        if (text == "*") return null;
        if (text.Length >= 2 && text[0] == '"' && text[^1] == '"' && !text[1..^1].Contains('"', StringComparison.Ordinal))
        {
            return int.TryParse(text[1..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
                ? revision
                : throw new ProblemException(ProblemCode.PreconditionFailed, "That is no revision of this post.");
        }
        throw ProblemException.Invalid(new Issue("If-Match", Rule.WrongFormat, "Send one strong ETag as it came, or *."));
    }

    /// <summary>True when the caller has this revision already.</summary>
    public static bool IsKnown(HttpRequest request, int revision) => request.Headers.IfNoneMatch
        .SelectMany(value => value?.Split(',', StringSplitOptions.TrimEntries) ?? [])
        .Any(tag => tag == "*" || tag == Tag(revision) || tag == $"W/{Tag(revision)}");
}
