using System.Globalization;
using PostMantis.Core.Common;

namespace PostMantis.Core.Media;

/// <summary>What people may call a file: one name, without folders and without what cannot be seen.</summary>
internal static class FileNames
{
    /// <summary>Longest name in UTF-16 units.</summary>
    public const int Most = 255;

    /// <summary>Whether a name can stay as it is.</summary>
    public static bool Is(string name) => name.Trim().Length > 0 && name is not ("." or "..")
        && !name.Any(c => c is '/' or '\\' || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Control
            or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>A usable name out of any.</summary>
    public static string Clean(string name)
    {
        var last = name.Trim().Trim('/');
        if (last.Length > Most) last = last[^Most..];
        return Is(last) && ObjectReader.IsStorable(last) ? last : "file";
    }
}
