using System.Globalization;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;

namespace PostMantis.Core.Media;

/// <summary>What people may call a file: one name, without folders and without what cannot be seen.</summary>
public static class FileNames
{
    /// <summary>Longest name in UTF-16 units.</summary>
    public const int Most = 255;

    /// <summary>Whether a name can stay as it is.</summary>
    public static bool Is(string name) => name.Trim().Length > 0 && name is not ("." or "..")
        && !name.Any(c => c is '/' or '\\' || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Control
            or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>A name in plain letters with the extension of what the file is now; safe in any header.</summary>
    public static string Of(string name, string mimeType)
    {
        var stem = string.Concat(Path.GetFileNameWithoutExtension(name)
            .Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-')).Trim('-');
        return (stem.Length == 0 ? "file" : stem[..Math.Min(stem.Length, 80)]) + MediaSignature.ExtensionOf(mimeType);
    }

    /// <summary>A usable name out of any.</summary>
    public static string Clean(string name)
    {
        var last = name.Trim().Trim('/');
        if (last.Length > Most) last = last[^Most..];
        return Is(last) && ObjectReader.IsStorable(last) ? last : "file";
    }
}
