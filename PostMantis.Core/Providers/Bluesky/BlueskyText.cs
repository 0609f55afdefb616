using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>Finds what can be clicked in a text, by byte offsets into its UTF-8.</summary>
internal static partial class BlueskyText
{
    private const int MostTag = 64;
    private const int TidLength = 13;
    private const int ClockBits = 10;
    private const int LetterBits = 5;
    private const string Letters = "234567abcdefghijklmnopqrstuvwxyz";

    /// <summary>The handles a text mentions.</summary>
    public static IEnumerable<string> Handles(string text) =>
        Mention().Matches(text).Select(found => found.Groups["handle"].Value).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <summary>Links, mentions of known people, and hashtags; a handle nobody has stays plain text.</summary>
    public static JsonArray Facets(string text, IReadOnlyDictionary<string, string> didByHandle)
    {
        List<(int Start, int End, JsonObject Feature)> found = [];
        foreach (Match link in Link().Matches(text))
            if (Uri.TryCreate(link.Value, UriKind.Absolute, out _))
                found.Add((link.Index, link.Index + link.Length, Feature("link", "uri", link.Value)));
        foreach (Match mention in Mention().Matches(text))
            if (didByHandle.TryGetValue(mention.Groups["handle"].Value, out var did))
                found.Add((mention.Index, mention.Index + mention.Length, Feature("mention", "did", did)));
        foreach (Match tag in Tag().Matches(text))
            if (new StringInfo(tag.Groups["tag"].Value).LengthInTextElements <= MostTag)
                found.Add((tag.Index, tag.Index + tag.Length, Feature("tag", "tag", tag.Groups["tag"].Value)));
        var facets = new JsonArray();
        var taken = 0;
        foreach (var (start, end, feature) in found.OrderBy(f => f.Start).ThenByDescending(f => f.End))
        {
            // A hashtag inside an address is none.
            if (start < taken) continue;
            taken = end;
            facets.Add(new JsonObject
            {
                ["index"] = new JsonObject { ["byteStart"] = Bytes(text, start), ["byteEnd"] = Bytes(text, end) },
                ["features"] = new JsonArray(feature),
            });
        }
        return facets;
    }

    /// <summary>A record's key made of time: 53 bits of microseconds and 10 of a clock's number.</summary>
    public static string Tid(DateTimeOffset at, int clock) => Write(((at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond << ClockBits)
        | (uint)(clock & ((1 << ClockBits) - 1)));

    /// <summary>
    /// The key of a part that follows a record, and its moment: the same whenever it is asked for, so that a part whose answer
    /// was lost is put again under its own key.
    /// </summary>
    public static (string Key, DateTimeOffset At) Following(string tid, int index)
    {
        var bits = tid.Aggregate(0L, (sum, letter) => (sum << LetterBits) | (uint)Letters.IndexOf(letter, StringComparison.Ordinal));
        bits += (long)index << ClockBits;
        return (Write(bits), DateTimeOffset.UnixEpoch.AddTicks((bits >> ClockBits) * TimeSpan.TicksPerMicrosecond));
    }

    private static string Write(long bits) => string.Create(TidLength, bits, static (text, left) =>
    {
        for (var i = text.Length - 1; i >= 0; i--, left >>= LetterBits) text[i] = Letters[(int)(left & 31)];
    });

    private static int Bytes(string text, int index) => Encoding.UTF8.GetByteCount(text.AsSpan(0, index));

    private static JsonObject Feature(string kind, string name, string value) =>
        new() { ["$type"] = $"app.bsky.richtext.facet#{kind}", [name] = value };

    // Punctuation at the end belongs to the sentence.
    [GeneratedRegex(@"(?<![\w/@])https?://[^\s<>""]*[^\s<>"".,;:!?)\]'”’]", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<![\w/@.])@(?<handle>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?![\w@])", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Mention();

    [GeneratedRegex(@"(?<![^\s(\[""'“‘])[#＃](?<tag>(?!\p{N}+(?:\P{L}|$))[\p{L}\p{N}\p{M}_][^\s#＃<>""]*?)(?=[\p{P}-[_]]*(?:\s|$|[#＃<>""]))", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tag();
}
