using System.Text.RegularExpressions;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Posts;

/// <summary>The smaller rules of networks: tags, names and links in texts, and what is said about files.</summary>
internal static partial class DetailRules
{
    /// <summary>What the network has against the details of a post.</summary>
    /// <param name="facts">Of an artifact, or null while it is on its way.</param>
    public static IEnumerable<Issue> Check(string network, DeliveryContent sent, ProviderRules rules, string bodyAt,
        string mediaAt, Func<Guid, MediaFacts?>? facts)
    {
        foreach (var (at, text, link) in Texts(sent, bodyAt))
            foreach (var issue in CheckText(network, rules, at, text, link)) yield return issue;
        foreach (var (at, item) in Files(sent, mediaAt))
            foreach (var issue in CheckFile(network, rules, at, item, facts?.Invoke(item.ArtifactId)?.Kind)) yield return issue;
    }

    private static IEnumerable<Issue> CheckText(string network, ProviderRules rules, string at, string text, string? link)
    {
        var tags = Hashtags().Count(text);
        if (tags > rules.MaxHashtags)
            yield return TooMany(rules.MaxHashtags.Value, tags, "hashtags", Severity.Error);
        else if (tags > rules.AdvisedHashtags)
            yield return TooMany(rules.AdvisedHashtags.Value, tags, "hashtags", Severity.Warning);
        var names = Mentions().Count(text);
        if (names > rules.MaxMentions) yield return TooMany(rules.MaxMentions.Value, names, "mentions", Severity.Error);
        if (rules.MaxLinks is not { } most) yield break;
        var links = Links().Matches(text).Select(found => found.Value).Append(link).OfType<string>().Distinct().Count();
        if (links > most) yield return TooMany(most, links, "links", Severity.Error);

        Issue TooMany(int limit, int actual, string unit, Severity severity) => new(at, Rule.TooMany, severity == Severity.Error
            ? $"{network} takes at most {limit} {unit}."
            : $"{network} advises at most {limit} {unit}.", severity, Limit: limit, Actual: actual, Unit: unit);
    }

    private static IEnumerable<Issue> CheckFile(string network, ProviderRules rules, string at, MediaItem item, MediaKind? kind)
    {
        if (item.Alt is not null && kind is { } known && rules.Media?.Rules.Any(rule => rule.Kind == known && !rule.AltText) is true)
            yield return new Issue($"{at}/alt", Rule.Unsupported,
                $"{network} has no alternative text for {CamelCase.Of(known)} files.");
        if (item.CoverAtMs is not null && rules.Cover && kind is { } shown and not MediaKind.Video)
            yield return new Issue($"{at}/coverAtMs", Rule.Unsupported, $"Only a video has a cover, not {CamelCase.Of(shown)} files.");
    }

    private static IEnumerable<(string At, string Text, string? Link)> Texts(DeliveryContent sent, string bodyAt)
    {
        yield return (bodyAt, sent.Body ?? "", sent.Link?.Url);
        for (var i = 0; i < sent.Thread.Count; i++) yield return ($"/post/thread/{i}/body", sent.Thread[i].Body, null);
        if (sent.FirstComment is { } comment) yield return ("/post/firstComment/body", comment.Body, null);
    }

    private static IEnumerable<(string At, MediaItem Item)> Files(DeliveryContent sent, string mediaAt) =>
        sent.Media.Select((item, i) => ($"{mediaAt}/{i}", item))
            .Concat(sent.Thread.SelectMany((part, n) => part.Media.Select((item, i) => ($"/post/thread/{n}/media/{i}", item))));

    [GeneratedRegex(@"#[\p{L}\p{N}_]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Hashtags();

    [GeneratedRegex(@"(?<![\w.])@[\w.]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Mentions();

    [GeneratedRegex(@"https?://\S+", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Links();
}
