using System.Collections.Frozen;

namespace PostMantis.Core.Posts;

/// <summary>Endings of names that are registered with IANA; the list beside this file is of 2026, by the npm package tlds 1.261.0.</summary>
internal static class TopLevelDomains
{
    private static readonly Lazy<FrozenSet<string>> Known = new(Read);

    /// <summary>Whether a name may end so.</summary>
    public static bool Has(string ending) => Known.Value.Contains(ending);

    private static FrozenSet<string> Read()
    {
        using var stream = typeof(TopLevelDomains).Assembly.GetManifestResourceStream("PostMantis.Core.Posts.tlds.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }
}
