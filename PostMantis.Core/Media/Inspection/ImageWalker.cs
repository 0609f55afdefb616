using System.Buffers.Binary;

namespace PostMantis.Core.Media.Inspection;

/// <summary>
/// Walks an image file from its first byte to its last: every block is where its format says, nothing follows the end,
/// and the size of its pictures is known before any is decoded.
/// </summary>
internal static class ImageWalker
{
    // Chunks that change how a PNG looks; everything else in one is metadata.
    private static readonly HashSet<string> _pngKept =
    [
        "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "bKGD", "hIST", "pHYs", "sPLT",
        "acTL", "fcTL", "fdAT", "cICP", "mDCV", "cLLI",
    ];

    private static readonly uint[] _crc = [.. Enumerable.Range(0, 256).Select(n =>
    {
        var c = (uint)n;
        for (var k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
        return c;
    })];

    public static ImageShape Walk(Stream file, string type, int mostFrames)
    {
        file.Position = 0;
        var reader = new ByteReader(file, type.Split('/')[1].ToUpperInvariant());
        return type switch
        {
            MediaSignature.Jpeg => Jpeg(reader),
            MediaSignature.Png => Png(reader),
            MediaSignature.Gif => Gif(reader, mostFrames),
            MediaSignature.WebP => WebP(reader, mostFrames),
            MediaSignature.Bmp => Bmp(reader),
            MediaSignature.Avif or MediaSignature.Heic => Heif.Walk(reader),
            _ => new ImageShape { Clean = null, HasMetadata = true },
        };
    }

    private static ImageShape Jpeg(ByteReader file)
    {
        var shape = new ImageShape();
        file.Skip(2);
        shape.Keep(0, 2);
        var scans = 0;
        while (true)
        {
            var at = file.Position;
            if (file.Byte() != 0xFF) throw file.Corrupt();
            var marker = file.Byte();
            while (marker == 0xFF) marker = file.Byte();
            if (marker == 0xD9)
            {
                if (scans == 0 || shape.Width == 0) throw file.Corrupt();
                shape.Keep(at, file.Position - at);
                shape.HasMetadata |= HiddenContent.AfterEnd(file, cameras: true);
                return shape;
            }
            if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8)) throw file.Corrupt();
            var length = file.U16() - 2;
            if (length < 0) throw file.Corrupt();
            switch (marker)
            {
                case >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC):
                    var frame = file.Take(length);
                    if (frame.Length < 6 || shape.Width > 0) throw file.Corrupt();
                    shape.Height = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(1));
                    shape.Width = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(3));
                    shape.Keep(at, file.Position - at);
                    break;
                case 0xDA:
                    scans++;
                    file.Skip(length);
                    SkipScan(file);
                    shape.Keep(at, file.Position - at);
                    break;
                case (>= 0xE0 and <= 0xEF) or 0xFE:
                    var payload = file.Take(length).AsSpan();
                    if ((marker == 0xE0 && payload.StartsWith("JFIF\0"u8))
                        || (marker == 0xE2 && payload.StartsWith("ICC_PROFILE\0"u8))
                        || (marker == 0xEE && payload.StartsWith("Adobe"u8)))
                    {
                        shape.Keep(at, file.Position - at);
                        break;
                    }
                    HiddenContent.CheckMarkup(payload);
                    shape.HasMetadata = true;
                    if (marker != 0xE1 || !payload.StartsWith("Exif\0\0"u8)) break;
                    shape.Orientation = Exif.Orientation(payload);
                    if (shape.Orientation == 1) break;
                    var only = Exif.Only(shape.Orientation);
                    shape.HasMetadata = payload.Length > only.Length + 6;
                    shape.Write([0xFF, 0xE1, 0, (byte)(only.Length + 8), .. "Exif\0\0"u8, .. only]);
                    break;
                default:
                    file.Skip(length);
                    shape.Keep(at, file.Position - at);
                    break;
            }
        }
    }

    // To the next marker that is neither a stuffed byte nor a restart; at the file's end the picture is cut off.
    private static void SkipScan(ByteReader file)
    {
        while (true)
        {
            var part = file.Peek(64 * 1024);
            if (part.Length < 2) throw file.Truncated();
            var from = 0;
            while (from < part.Length)
            {
                var found = part.AsSpan(from).IndexOf((byte)0xFF);
                if (found < 0 || from + found + 1 >= part.Length) break;
                var at = from + found;
                if (part[at + 1] is not (0 or 0xFF) and not (>= 0xD0 and <= 0xD7))
                {
                    file.Skip(at);
                    return;
                }
                from = part[at + 1] == 0xFF ? at + 1 : at + 2;
            }
            file.Skip(Math.Max(1, part.Length - 1));
        }
    }

    private static ImageShape Png(ByteReader file)
    {
        var shape = new ImageShape();
        file.Skip(8);
        shape.Keep(0, 8);
        var pixels = false;
        while (true)
        {
            var at = file.Position;
            var length = file.U32();
            if (length > int.MaxValue) throw file.Corrupt();
            if (length + 8L > file.Left) throw file.Truncated();
            var name = file.Take(4);
            var crc = Crc(uint.MaxValue, name);
            byte[] payload = [];
            if (length <= ByteReader.MostHeld)
            {
                payload = file.Take(length);
                crc = Crc(crc, payload);
            }
            else
            {
                for (var left = (long)length; left > 0;)
                {
                    var part = file.Take(Math.Min(left, ByteReader.MostHeld));
                    crc = Crc(crc, part);
                    left -= part.Length;
                }
            }
            if (file.U32() != ~crc) throw file.Corrupt();
            var chunk = System.Text.Encoding.Latin1.GetString(name);
            if (at == 8 && chunk != "IHDR") throw file.Corrupt();
            if (chunk == "IHDR")
            {
                if (payload.Length != 13 || shape.Width > 0) throw file.Corrupt();
                shape.Width = BinaryPrimitives.ReadUInt32BigEndian(payload);
                shape.Height = BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(4));
            }
            if (chunk == "acTL" && payload.Length == 8)
                shape.Frames = (int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(payload), 1, int.MaxValue);
            pixels |= chunk == "IDAT";
            if (_pngKept.Contains(chunk)) shape.Keep(at, length + 12);
            else
            {
                HiddenContent.CheckMarkup(payload);
                shape.HasMetadata = true;
                if (chunk == "eXIf" && !pixels && Exif.Orientation(payload) is > 1 and var turned)
                {
                    shape.Orientation = turned;
                    var only = Exif.Only(turned);
                    shape.HasMetadata = payload.Length > only.Length;
                    byte[] body = [.. "eXIf"u8, .. only];
                    var block = new byte[only.Length + 12];
                    BinaryPrimitives.WriteUInt32BigEndian(block, (uint)only.Length);
                    body.CopyTo(block, 4);
                    BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(body.Length + 4), ~Crc(uint.MaxValue, body));
                    shape.Write(block);
                }
            }
            if (chunk != "IEND") continue;
            if (!pixels) throw file.Corrupt();
            shape.HasMetadata |= HiddenContent.AfterEnd(file, cameras: false);
            return shape;
        }
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes) crc = _crc[(crc ^ b) & 0xFF] ^ (crc >> 8);
        return crc;
    }

    private static ImageShape Gif(ByteReader file, int mostFrames)
    {
        var shape = new ImageShape { Frames = 0 };
        var head = file.Take(13).AsSpan();
        shape.Width = BinaryPrimitives.ReadUInt16LittleEndian(head[6..]);
        shape.Height = BinaryPrimitives.ReadUInt16LittleEndian(head[8..]);
        if ((head[10] & 0x80) != 0) file.Skip(3 << ((head[10] & 7) + 1));
        shape.Keep(0, file.Position);
        while (true)
        {
            var at = file.Position;
            switch (file.Byte())
            {
                case 0x3B:
                    if (shape.Frames == 0) throw file.Corrupt();
                    shape.Keep(at, 1);
                    shape.HasMetadata |= HiddenContent.AfterEnd(file, cameras: false);
                    return shape;
                case 0x2C:
                    var frame = file.Take(9);
                    if ((frame[8] & 0x80) != 0) file.Skip(3 << ((frame[8] & 7) + 1));
                    file.Skip(1);
                    SkipBlocks(file, check: false);
                    shape.Keep(at, file.Position - at);
                    if (++shape.Frames > mostFrames)
                        throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooManyFrames,
                            "The animation has too many pictures.", mostFrames, shape.Frames, "frames"));
                    break;
                case 0x21:
                    var label = file.Byte();
                    var first = file.Peek(12);
                    var looping = label == 0xFF && first.Length == 12
                        && (first.AsSpan(1).SequenceEqual("NETSCAPE2.0"u8) || first.AsSpan(1).SequenceEqual("ANIMEXTS1.0"u8));
                    var kept = label == 0xF9 || looping;
                    SkipBlocks(file, check: !kept);
                    if (kept) shape.Keep(at, file.Position - at);
                    else shape.HasMetadata = true;
                    break;
                default:
                    throw file.Corrupt();
            }
        }
    }

    private static void SkipBlocks(ByteReader file, bool check)
    {
        using var seen = new MemoryStream();
        while (file.Byte() is var size && size != 0)
        {
            if (check && seen.Length < ByteReader.MostHeld) seen.Write(file.Take(size));
            else file.Skip(size);
        }
        if (check) HiddenContent.CheckMarkup(seen.ToArray());
    }

    private static ImageShape WebP(ByteReader file, int mostFrames)
    {
        var shape = new ImageShape { Clean = [] };
        file.Skip(4);
        var end = file.U32Little() + 8L;
        if (end > file.Length + 1) throw file.Truncated();
        end = Math.Min(end, file.Length);
        file.Skip(4);
        byte[]? header = null;
        var frames = 0;
        var pictures = 0;
        while (file.Position + 8 <= end)
        {
            var at = file.Position;
            var name = System.Text.Encoding.Latin1.GetString(file.Take(4));
            var length = file.U32Little();
            var padded = Math.Min(length + (length & 1L), end - file.Position);
            if (length > end - file.Position) throw file.Truncated();
            var head = file.Peek((int)Math.Min(32, length)).AsSpan();
            switch (name)
            {
                case "VP8X" when length >= 10:
                    header = file.Peek(10);
                    shape.Width = 1 + (header[4] | (header[5] << 8) | (header[6] << 16));
                    shape.Height = 1 + (header[7] | (header[8] << 8) | (header[9] << 16));
                    break;
                case "VP8 " when length >= 10:
                    pictures++;
                    if (shape.Width == 0)
                        (shape.Width, shape.Height) = (BinaryPrimitives.ReadUInt16LittleEndian(head[6..]) & 0x3FFF,
                            BinaryPrimitives.ReadUInt16LittleEndian(head[8..]) & 0x3FFF);
                    break;
                case "VP8L" when length >= 5:
                    pictures++;
                    var bits = BinaryPrimitives.ReadUInt32LittleEndian(head[1..]);
                    if (shape.Width == 0)
                        (shape.Width, shape.Height) = ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1);
                    break;
                case "ANMF":
                    pictures++;
                    if (++frames > mostFrames)
                        throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooManyFrames,
                            "The animation has too many pictures.", mostFrames, frames, "frames"));
                    break;
                case "EXIF":
                    shape.Orientation = Exif.Orientation(file.Peek((int)Math.Min(length, ByteReader.MostHeld)));
                    break;
            }
            if (name is "VP8X") shape.Keep(at, 0);
            else if (name is "VP8 " or "VP8L" or "ALPH" or "ANIM" or "ANMF" or "ICCP") shape.Keep(at, 8 + padded);
            else
            {
                shape.HasMetadata |= name != "EXIF" || shape.Orientation == 1 || length > Exif.Only(1).Length;
                HiddenContent.CheckMarkup(file.Peek((int)Math.Min(length, ByteReader.MostHeld)));
            }
            file.Skip(padded);
        }
        if (pictures == 0 || shape.Width == 0) throw file.Corrupt();
        file.Position = end;
        shape.HasMetadata |= HiddenContent.AfterEnd(file, cameras: false);
        shape.Frames = Math.Max(1, frames);
        Frame(shape, header);
        return shape;
    }

    // The outer header is written anew: the length, and flags that promise no metadata but the orientation.
    private static void Frame(ImageShape shape, byte[]? header)
    {
        var chunks = shape.Clean!;
        if (header is not null)
        {
            header[0] = (byte)((header[0] & ~0x0C) | (shape.Orientation > 1 ? 0x08 : 0));
            chunks.Insert(0, new Piece(0, 18, [.. "VP8X"u8, 10, 0, 0, 0, .. header]));
            if (shape.Orientation > 1)
            {
                var only = Exif.Only(shape.Orientation);
                shape.Write([.. "EXIF"u8, (byte)only.Length, 0, 0, 0, .. only]);
            }
        }
        var outer = new byte[12];
        "RIFF"u8.CopyTo(outer);
        "WEBP"u8.CopyTo(outer.AsSpan(8));
        BinaryPrimitives.WriteUInt32LittleEndian(outer.AsSpan(4), (uint)(4 + chunks.Sum(c => c.Length)));
        chunks.Insert(0, new Piece(0, 12, outer));
    }

    private static ImageShape Bmp(ByteReader file)
    {
        var head = file.Take(26).AsSpan();
        var size = BinaryPrimitives.ReadUInt32LittleEndian(head[2..]);
        var shape = new ImageShape();
        (shape.Width, shape.Height) = BinaryPrimitives.ReadUInt32LittleEndian(head[14..]) == 12
            ? (BinaryPrimitives.ReadUInt16LittleEndian(head[18..]), BinaryPrimitives.ReadUInt16LittleEndian(head[20..]))
            : (BinaryPrimitives.ReadInt32LittleEndian(head[18..]),
                Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(head[22..])));
        if (size > file.Length) throw file.Truncated();
        file.Position = size > 26 ? size : file.Length;
        shape.Keep(0, file.Position);
        shape.HasMetadata = HiddenContent.AfterEnd(file, cameras: false);
        return shape;
    }
}
