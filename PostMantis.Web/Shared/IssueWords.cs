using System.Globalization;
using System.Text.RegularExpressions;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What is wrong with a post, in words for somebody at a page: programs are told names of fields and calls.</summary>
internal static partial class IssueWords
{
    /// <summary>What is wrong; moments as <paramref name="zone"/> has them.</summary>
    public static string Message(Issue issue, string zone = "UTC") => Local(issue.Message, zone);

    /// <summary>What a person does about it.</summary>
    public static string Remedy(Issue issue, string zone = "UTC") => issue.Rule switch
    {
        Rule.Duplicate when issue.Pointer == "/post" => "Change what it says, or publish it again if that is meant.",
        Rule.NotActive => "Connect the account again.",
        Rule.NotReady => "Wait until the file is here, or upload it again.",
        Rule.NotFound => "It may have been removed meanwhile: choose another.",
        Rule.UseAction => "Use the button for it.",
        Rule.PriceChange or Rule.Recommended when issue.Fix?.StartsWith("Read the message", StringComparison.Ordinal) == true => "",
        _ => Local(issue.Fix ?? "", zone),
    };

    /// <summary>Both in a row.</summary>
    public static string Of(Issue issue, string zone = "UTC") => $"{Message(issue, zone)} {Remedy(issue, zone)}".TrimEnd();

    private static string Local(string text, string zone) => Moments().Replace(text, found =>
        DateTimeOffset.TryParse(found.Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? LocalMoment.Words(at, zone)
            : found.Value);

    [GeneratedRegex(@"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", RegexOptions.ExplicitCapture)]
    private static partial Regex Moments();
}
