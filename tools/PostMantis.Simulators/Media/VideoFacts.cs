using System.Buffers.Binary;
using System.Text;

namespace PostMantis.Simulators.Media;

/// <summary>What the bytes of a video file say about it. A WebM file is only named, not measured.</summary>
/// <param name="MimeType">The type by content: video/mp4, video/quicktime or video/webm.</param>
/// <param name="Width">Pixels across; 0 when unknown.</param>
/// <param name="Height">Pixels down; 0 when unknown.</param>
/// <param name="Seconds">How long it plays; 0 when unknown.</param>
/// <param name="FramesPerSecond">Pictures a second; 0 when unknown.</param>
/// <param name="VideoCodec">The four letters of the picture track, as avc1; empty when unknown.</param>
/// <param name="AudioCodec">The four letters of the sound track, as mp4a; empty when silent.</param>
internal sealed record VideoFacts(
    string MimeType, int Width, int Height, double Seconds, double FramesPerSecond, string VideoCodec,
    string AudioCodec)
{
    /// <summary>Whether the length, the size and the codec are known.</summary>
    public bool Measured => Width > 0 && Height > 0 && Seconds > 0;

    /// <summary>Reads the boxes; null when the bytes are no video.</summary>
    public static VideoFacts? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]))
            return new VideoFacts("video/webm", 0, 0, 0, 0, "", "");
        if (bytes.Length < 12 || !bytes[4..8].SequenceEqual("ftyp"u8)) return null;
        var type = bytes[8..12].SequenceEqual("qt  "u8) ? "video/quicktime" : "video/mp4";
        var facts = new VideoFacts(type, 0, 0, 0, 0, "", "");
        if (!Find(bytes, "moov"u8, out var movie)) return facts;
        if (Find(movie, "mvhd"u8, out var header)) facts = facts with { Seconds = Duration(header) };
        while (Find(movie, "trak"u8, out var track, out var rest))
        {
            facts = WithTrack(facts, track);
            movie = rest;
        }
        return facts;
    }

    private static VideoFacts WithTrack(VideoFacts facts, ReadOnlySpan<byte> track)
    {
        if (!Find(track, "mdia"u8, out var media) || !Find(media, "hdlr"u8, out var handler) || handler.Length < 12
            || !Find(media, "minf"u8, out var information) || !Find(information, "stbl"u8, out var table)
            || !Find(table, "stsd"u8, out var samples) || samples.Length < 16)
            return facts;
        var codec = Encoding.ASCII.GetString(samples[12..16]);
        if (handler[8..12].SequenceEqual("soun"u8)) return facts with { AudioCodec = codec };
        if (!handler[8..12].SequenceEqual("vide"u8) || samples.Length < 44) return facts;
        var frames = 0L;
        if (Find(table, "stts"u8, out var times) && times.Length >= 8)
            for (var at = 8; at + 8 <= times.Length; at += 8)
                frames += BinaryPrimitives.ReadUInt32BigEndian(times[at..]);
        var seconds = Find(media, "mdhd"u8, out var header) ? Duration(header) : facts.Seconds;
        return facts with
        {
            VideoCodec = codec,
            Width = BinaryPrimitives.ReadUInt16BigEndian(samples[40..]),
            Height = BinaryPrimitives.ReadUInt16BigEndian(samples[42..]),
            FramesPerSecond = seconds > 0 ? frames / seconds : 0,
        };
    }

    private static double Duration(ReadOnlySpan<byte> header)
    {
        var (scaleAt, lengthAt) = header.Length > 0 && header[0] == 1 ? (20, 24) : (12, 16);
        if (header.Length < lengthAt + 8) return 0;
        var scale = BinaryPrimitives.ReadUInt32BigEndian(header[scaleAt..]);
        double length = header[0] == 1
            ? BinaryPrimitives.ReadUInt64BigEndian(header[lengthAt..])
            : BinaryPrimitives.ReadUInt32BigEndian(header[lengthAt..]);
        return scale == 0 ? 0 : length / scale;
    }

    private static bool Find(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> body) =>
        Find(boxes, name, out body, out _);

    private static bool Find(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> body,
        out ReadOnlySpan<byte> rest)
    {
        while (boxes.Length >= 8)
        {
            long size = BinaryPrimitives.ReadUInt32BigEndian(boxes);
            var head = 8;
            if (size == 1 && boxes.Length >= 16)
            {
                size = (long)BinaryPrimitives.ReadUInt64BigEndian(boxes[8..]);
                head = 16;
            }
            if (size == 0) size = boxes.Length;
            if (size < head || size > boxes.Length) break;
            if (boxes[4..8].SequenceEqual(name))
            {
                body = boxes[head..(int)size];
                rest = boxes[(int)size..];
                return true;
            }
            boxes = boxes[(int)size..];
        }
        body = [];
        rest = [];
        return false;
    }
}
