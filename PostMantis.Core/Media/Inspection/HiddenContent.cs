using System.Buffers.Binary;
using System.Text;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Finds a second file inside the first: what another program would open it as.</summary>
internal static class HiddenContent
{
    private const int ZipEndBytes = 22;
    private const int MostZipComment = 65_535;

    private static readonly string[] _markup = ["<script", "<html", "<!doctype html", "<?php", "<iframe", "<svg"];

    /// <summary>Refuses what carries a zip directory at its end or a PDF header near its start.</summary>
    public static void Check(Stream file)
    {
        var head = new byte[Math.Min(1024, file.Length)];
        file.Position = 0;
        file.ReadExactly(head);
        if (head.AsSpan().IndexOf("%PDF-"u8) >= 0) throw MediaRefusedException.Hidden("a PDF");
        CheckMarkup(head);

        var tail = new byte[Math.Min(ZipEndBytes + MostZipComment, file.Length)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        for (var at = tail.Length - ZipEndBytes; at >= 0; at--)
        {
            // A true end record's comment reaches exactly to the file's end; chance bytes do not.
            if (tail.AsSpan(at).StartsWith("PK\x05\x06"u8)
                && at + ZipEndBytes + BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(at + 20)) == tail.Length)
                throw MediaRefusedException.Hidden("a zip archive");
        }
    }

    /// <summary>Refuses text that a browser would run.</summary>
    public static void CheckMarkup(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        if (_markup.Any(word => text.Contains(word, StringComparison.OrdinalIgnoreCase)))
            throw MediaRefusedException.Hidden("markup");
    }

    /// <summary>Refuses bytes after a picture's end unless they are padding or what cameras append.</summary>
    /// <returns>Whether anything follows.</returns>
    public static bool AfterEnd(ByteReader file, bool cameras)
    {
        if (file.Left == 0) return false;
        var next = file.Peek(64 * 1024);
        var padding = next.AsSpan().IndexOfAnyExcept((byte)0, (byte)0xFF, (byte)'\n');
        if (padding < 0 && next.Length == file.Left) return true;
        if (cameras && padding >= 0)
        {
            var start = next.AsSpan();
            var at = file.Position;
            file.Position = Math.Max(at, file.Length - 4);
            var ends = file.Peek(4);
            file.Position = at;
            // More pictures (MPF), a short film (motion photo), Samsung's own trailer.
            if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) || start[padding..].StartsWith("SEF"u8)
                || (start.Length > 8 && start[4..].StartsWith("ftyp"u8)) || ends.AsSpan().SequenceEqual("SEFT"u8))
            {
                CheckMarkup(next);
                return true;
            }
        }
        throw MediaRefusedException.Hidden("bytes after its end");
    }
}
