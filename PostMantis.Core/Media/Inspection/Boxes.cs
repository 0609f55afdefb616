namespace PostMantis.Core.Media.Inspection;

/// <summary>One box of an ISO base media file.</summary>
/// <param name="Start">Of its header.</param>
/// <param name="Body">Of its content.</param>
internal readonly record struct Box(string Type, long Start, long Body, long End);

/// <summary>Walks the boxes of MP4, MOV, M4A, HEIC and AVIF files.</summary>
internal static class Boxes
{
    private const int Most = 10_000;

    /// <summary>The boxes between two places, which they must fill.</summary>
    public static List<Box> Between(ByteReader file, long start, long end)
    {
        List<Box> boxes = [];
        for (var at = start; at < end;)
        {
            if (boxes.Count == Most) throw file.Corrupt();
            file.Position = at;
            if (end - at < 8) throw file.Truncated();
            long size = file.U32();
            var type = System.Text.Encoding.Latin1.GetString(file.Take(4));
            if (type.Any(c => c is < ' ' or (> '~' and not '\u00A9'))) throw file.Corrupt();
            if (size == 1) size = (long)Math.Min(file.U64(), long.MaxValue);
            else if (size == 0) size = end - at;
            if (size < file.Position - at) throw file.Corrupt();
            if (size > end - at) throw file.Truncated();
            boxes.Add(new Box(type, at, file.Position, at + size));
            at += size;
        }
        return boxes;
    }
}

/// <summary>Walks HEIC and AVIF: sizes before decoding, and where their metadata lies.</summary>
internal static class Heif
{
    private const int MostItems = 10_000;

    public static ImageShape Walk(ByteReader file)
    {
        var shape = new ImageShape();
        var boxes = Boxes.Between(file, 0, file.Length);
        var meta = boxes.FirstOrDefault(b => b.Type == "meta");
        if (meta.Type is null) throw file.Corrupt();
        var inside = Boxes.Between(file, meta.Body + 4, meta.End);
        foreach (var properties in inside.Where(b => b.Type == "iprp"))
            foreach (var container in Boxes.Between(file, properties.Body, properties.End).Where(b => b.Type == "ipco"))
                foreach (var size in Boxes.Between(file, container.Body, container.End).Where(b => b.Type == "ispe"))
                {
                    file.Position = size.Body + 4;
                    long width = file.U32(), height = file.U32();
                    if (width * height > shape.Width * shape.Height) (shape.Width, shape.Height) = (width, height);
                }
        if (shape.Width == 0) throw file.Corrupt();

        var blank = Metadata(file, inside);
        foreach (var box in boxes.Where(b => b.Type is "free" or "skip" or "uuid" or "udta"))
            if (box.End > box.Body) blank.Add((box.Body, box.End - box.Body));
        blank.Sort();
        long at = 0;
        foreach (var (offset, length) in blank)
        {
            if (offset < at || offset + length > file.Length) throw file.Corrupt();
            shape.Keep(at, offset - at);
            file.Position = offset;
            var payload = file.Peek((int)Math.Min(length, ByteReader.MostHeld));
            HiddenContent.CheckMarkup(payload);
            // Blanked in place, so that no offset in the file changes.
            shape.HasMetadata |= payload.AsSpan().ContainsAnyExcept((byte)0);
            for (var left = length; left > 0; left -= ByteReader.MostHeld)
                shape.Write(new byte[Math.Min(left, ByteReader.MostHeld)]);
            at = offset + length;
        }
        shape.Keep(at, file.Length - at);
        return shape;
    }

    private static List<(long Offset, long Length)> Metadata(ByteReader file, List<Box> meta)
    {
        HashSet<uint> hidden = [];
        foreach (var info in meta.Where(b => b.Type == "iinf"))
        {
            file.Position = info.Body;
            var version = file.Byte();
            file.Skip(3);
            if ((version == 0 ? file.U16() : file.U32()) > MostItems) throw file.Corrupt();
            foreach (var entry in Boxes.Between(file, file.Position, info.End).Where(b => b.Type == "infe"))
            {
                file.Position = entry.Body;
                var kind = file.Byte();
                file.Skip(3);
                if (kind < 2) continue;
                var id = kind == 2 ? file.U16() : file.U32();
                file.Skip(2);
                if (System.Text.Encoding.Latin1.GetString(file.Take(4)) is "Exif" or "mime") hidden.Add(id);
            }
        }
        List<(long, long)> found = [];
        foreach (var places in meta.Where(b => b.Type == "iloc"))
        {
            file.Position = places.Body;
            var version = file.Byte();
            file.Skip(3);
            int sizes = file.Byte(), more = file.Byte();
            var items = version < 2 ? file.U16() : file.U32();
            if (items > MostItems) throw file.Corrupt();
            for (var i = 0; i < items; i++)
            {
                var id = version < 2 ? file.U16() : file.U32();
                var method = version is 1 or 2 ? file.U16() & 15 : 0;
                file.Skip(2);
                var start = Number(file, more >> 4);
                var extents = file.U16();
                for (var e = 0; e < extents; e++)
                {
                    if (version is 1 or 2) file.Skip(more & 15);
                    var offset = Number(file, sizes >> 4);
                    var length = Number(file, sizes & 15);
                    if (hidden.Contains(id) && method == 0) found.Add((start + offset, length));
                }
            }
        }
        return found;
    }

    private static long Number(ByteReader file, int bytes) => bytes switch
    {
        0 => 0,
        4 => file.U32(),
        8 => (long)Math.Min(file.U64(), long.MaxValue / 4),
        _ => throw file.Corrupt(),
    };
}
