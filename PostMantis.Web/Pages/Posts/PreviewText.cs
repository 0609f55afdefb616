using System.Text.RegularExpressions;

namespace PostMantis.Web.Pages.Posts;

/// <summary>A text as readers see it: addresses, hashtags and names stand out.</summary>
internal static partial class PreviewText
{
    /// <summary>The text in pieces, each with whether it stands out.</summary>
    public static IEnumerable<(string Text, bool IsLink)> Of(string text)
    {
        var from = 0;
        foreach (Match found in Links().Matches(text))
        {
            if (found.Index > from) yield return (text[from..found.Index], false);
            yield return (found.Value, true);
            from = found.Index + found.Length;
        }
        if (from < text.Length) yield return (text[from..], false);
    }

    /// <summary>The first address in a text.</summary>
    public static string? FirstAddress(string? text) =>
        text is not null && Addresses().Match(text) is { Success: true } found ? found.Value : null;

    /// <summary>The host of an address, without www.</summary>
    public static string Host(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri)) return address;
        return uri.Host.StartsWith("www.", StringComparison.Ordinal) ? uri.Host[4..] : uri.Host;
    }

    [GeneratedRegex(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]]|(?<![\w/])[#@]\w[\w.-]*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Links();

    [GeneratedRegex(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Addresses();
}
