using System.IO.Compression;
using System.Text;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Facts of PDF, Word and PowerPoint files: their structure, and that nothing in them runs.</summary>
internal static class DocumentInspection
{
    private const int MostEntries = 10_000;
    private const long MostUnpacked = 2L << 30;
    private const int WindowBytes = 256 * 1024;

    private static readonly string[] _active = ["/JavaScript", "/JS", "/Launch", "/EmbeddedFile", "/RichMedia"];

    public static async Task<MediaFacts> ReadAsync(FileStream file, MediaFacts facts, CancellationToken ct) =>
        facts.MimeType == MediaSignature.Pdf ? await PdfAsync(file, facts, ct) : Office(file, facts);

    private static async Task<MediaFacts> PdfAsync(FileStream file, MediaFacts facts, CancellationToken ct)
    {
        file.Position = Math.Max(0, file.Length - 2048);
        var tail = new byte[file.Length - file.Position];
        await file.ReadExactlyAsync(tail, ct);
        var text = Encoding.Latin1.GetString(tail);
        var end = text.LastIndexOf("%%EOF", StringComparison.Ordinal);
        var start = text.LastIndexOf("startxref", StringComparison.Ordinal);
        if (end < 0 || start < 0) throw MediaRefusedException.Truncated("PDF");
        if (text[(end + 5)..].Trim('\r', '\n', ' ', '\0').Length > 0) throw MediaRefusedException.Hidden("bytes after its end");
        var digits = new string([.. text[(start + 9)..].TrimStart().TakeWhile(char.IsAsciiDigit)]);
        if (!long.TryParse(digits, out var at) || at >= file.Length) throw MediaRefusedException.Corrupt("PDF");
        file.Position = at;
        var there = new byte[Math.Min(32, file.Length - at)];
        await file.ReadExactlyAsync(there, ct);
        var table = Encoding.Latin1.GetString(there).TrimStart();
        if (!table.StartsWith("xref", StringComparison.Ordinal) && !table.Contains(" obj", StringComparison.Ordinal))
            throw MediaRefusedException.Corrupt("PDF");

        // Windows overlap, so that no word is cut in two.
        file.Position = 0;
        var window = new byte[WindowBytes];
        int kept = 0, pages = 0, read;
        while ((read = await file.ReadAsync(window.AsMemory(kept), ct)) > 0)
        {
            var part = Encoding.Latin1.GetString(window, 0, kept + read);
            if (HasName(part, "/Encrypt"))
                throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Encrypted, "The PDF is encrypted."));
            if (_active.Any(word => HasName(part, word)))
                throw new MediaRefusedException(new MediaRefusal(RefusalCodes.ActiveContent,
                    "The PDF holds scripts, programs or other files."));
            HiddenPhp(part);
            var next = Math.Min(32, kept + read);
            pages += Pages(part[..^next]);
            window.AsSpan(kept + read - next, next).CopyTo(window);
            kept = next;
        }
        pages += Pages(Encoding.Latin1.GetString(window, 0, kept));
        return facts with { Container = "pdf", Pages = pages == 0 ? null : pages, NotVerified = null };
    }

    private static void HiddenPhp(string part)
    {
        if (part.Contains("<script", StringComparison.OrdinalIgnoreCase)
            || part.Contains("<?php", StringComparison.OrdinalIgnoreCase)) throw MediaRefusedException.Hidden("markup");
    }

    private static bool HasName(string text, string name)
    {
        for (var at = text.IndexOf(name, StringComparison.Ordinal); at >= 0;
            at = text.IndexOf(name, at + 1, StringComparison.Ordinal))
        {
            var after = at + name.Length;
            if (after >= text.Length || !char.IsAsciiLetterOrDigit(text[after])) return true;
        }
        return false;
    }

    private static int Pages(string text)
    {
        var count = 0;
        foreach (var word in (string[])["/Type /Page", "/Type/Page"])
            for (var at = text.IndexOf(word, StringComparison.Ordinal); at >= 0;
                at = text.IndexOf(word, at + 1, StringComparison.Ordinal))
                if (at + word.Length >= text.Length || !char.IsAsciiLetterOrDigit(text[at + word.Length])) count++;
        return count;
    }

    private static MediaFacts Office(FileStream file, MediaFacts facts)
    {
        file.Position = 0;
        ZipArchive zip;
        try
        {
            zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
        }
        catch (InvalidDataException)
        {
            throw MediaRefusedException.Truncated("Office");
        }
        using (zip)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            long unpacked = 0;
            try
            {
                foreach (var entry in zip.Entries)
                {
                    unpacked += entry.Length;
                    if (names.Count >= MostEntries || unpacked > MostUnpacked)
                        throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Bomb,
                            "The document unpacks to too much.", MostUnpacked, unpacked, "bytes"));
                    if (!names.Add(entry.FullName)) throw MediaRefusedException.Corrupt("Office");
                }
            }
            catch (InvalidDataException)
            {
                throw MediaRefusedException.Corrupt("Office");
            }
            if (names.Any(n => n.EndsWith("vbaProject.bin", StringComparison.OrdinalIgnoreCase)
                || n.Contains("/activeX/", StringComparison.OrdinalIgnoreCase)
                || n.Contains("/embeddings/", StringComparison.OrdinalIgnoreCase)))
                throw new MediaRefusedException(new MediaRefusal(RefusalCodes.ActiveContent,
                    "The document holds macros or other files."));
            var type = !names.Contains("[Content_Types].xml") ? null
                : names.Contains("word/document.xml") ? MediaSignature.Docx
                : names.Contains("ppt/presentation.xml") ? MediaSignature.Pptx
                : null;
            if (type is null)
                throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Unsupported,
                    "This archive is no Word or PowerPoint document."));
            var slides = names.Count(n => n.StartsWith("ppt/slides/slide", StringComparison.Ordinal));
            return facts with
            {
                MimeType = type,
                Container = "zip",
                Pages = type == MediaSignature.Pptx && slides > 0 ? slides : null,
                NotVerified = null,
            };
        }
    }
}
