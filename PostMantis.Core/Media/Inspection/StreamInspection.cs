using System.Globalization;
using System.Text.Json;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Inspection;

/// <summary>Facts of video and audio: the container's structure by our own walk, the rest by ffprobe.</summary>
internal static class StreamInspection
{
    // The demuxer is named, so no playlist or script of another format is ever opened in its stead.
    private static readonly Dictionary<string, (string Demuxer, string Container)> _demuxers = new()
    {
        [MediaSignature.Mp4] = ("mov", "mp4"),
        [MediaSignature.QuickTime] = ("mov", "mov"),
        [MediaSignature.M4a] = ("mov", "mp4"),
        [MediaSignature.WebM] = ("matroska", "webm"),
        [MediaSignature.Matroska] = ("matroska", "matroska"),
        [MediaSignature.Mp3] = ("mp3", "mp3"),
        [MediaSignature.Wav] = ("wav", "wav"),
        [MediaSignature.Flac] = ("flac", "flac"),
        [MediaSignature.Ogg] = ("ogg", "ogg"),
    };

    public static string Demuxer(string type) => _demuxers[type].Demuxer;

    public static async Task<MediaFacts> ReadAsync(
        Stream file, string path, MediaFacts facts, InspectionOptions limits, CancellationToken ct)
    {
        HiddenContent.Check(file);
        var (demuxer, container) = _demuxers[facts.MimeType];
        facts = facts with { Container = container };
        file.Position = 0;
        var reader = new ByteReader(file, container.ToUpperInvariant());
        if (demuxer == "mov") facts = Movie(reader, facts);
        else if (demuxer == "wav")
        {
            file.Position = 4;
            if (reader.U32Little() is var stated and not uint.MaxValue && stated + 8L > file.Length) throw reader.Truncated();
        }
        else if (demuxer == "matroska") Segment(reader);

        ToolResult? probed;
        try
        {
            probed = await ToolProcess.RunAsync(limits.Ffprobe,
                ["-v", "error", "-protocol_whitelist", "file", "-f", demuxer, "-print_format", "json", "-show_format",
                    "-show_streams", "-i", "file:" + path], limits.Timeout, null, ct);
        }
        catch (Exception e) when (e is TimeoutException or InvalidDataException)
        {
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.Bomb, "Probing the file takes too long.",
                limits.Timeout.TotalSeconds, null, "seconds"));
        }
        if (probed is null)
            return facts with { NotVerified = "ffprobe is not installed on this server; only the outer structure was checked." };
        if (probed.ExitCode != 0) throw reader.Corrupt();
        return Read(probed.Output, facts, reader, limits);
    }

    private static MediaFacts Movie(ByteReader file, MediaFacts facts)
    {
        var boxes = Boxes.Between(file, 0, file.Length);
        var movie = boxes.FirstOrDefault(b => b.Type == "moov");
        if (movie.Type is null || !boxes.Any(b => b.Type is "mdat" or "moof")) throw file.Truncated();
        var header = Boxes.Between(file, movie.Body, movie.End).FirstOrDefault(b => b.Type == "mvhd");
        if (header.Type is null) throw file.Corrupt();
        file.Position = header.Body;
        var wide = file.Byte() == 1;
        file.Skip(3 + (wide ? 16 : 8));
        var scale = file.U32();
        var length = wide ? file.U64() : file.U32();
        return scale == 0 || length == 0 ? facts : facts with { DurationMs = (long)(length * 1000.0 / scale) };
    }

    // EBML head, then the segment: an end beyond the file's is a file cut off.
    private static void Segment(ByteReader file)
    {
        file.Skip(4);
        file.Skip(Size(file) ?? throw file.Corrupt());
        if (file.U32() != 0x18538067) throw file.Corrupt();
        if (Size(file) is { } length && length > file.Left) throw file.Truncated();
    }

    private static long? Size(ByteReader file)
    {
        var first = file.Byte();
        if (first == 0) throw file.Corrupt();
        var more = 0;
        while ((first & (0x80 >> more)) == 0) more++;
        long value = first & (0x7F >> more), unknown = (1L << (7 * (more + 1))) - 1;
        for (var i = 0; i < more; i++) value = (value << 8) | file.Byte();
        return value == unknown ? null : value;
    }

    private static MediaFacts Read(string json, MediaFacts facts, ByteReader file, InspectionOptions limits)
    {
        JsonElement root;
        try
        {
            root = JsonDocument.Parse(json).RootElement;
        }
        catch (JsonException)
        {
            throw file.Corrupt();
        }
        var streams = root.TryGetProperty("streams", out var list) ? list.EnumerateArray().ToArray() : [];
        // A cover picture in a song is no video.
        var video = streams.FirstOrDefault(s => Text(s, "codec_type") == "video" && !IsCover(s));
        var audio = streams.FirstOrDefault(s => Text(s, "codec_type") == "audio");
        var hasVideo = video.ValueKind == JsonValueKind.Object;
        var hasAudio = audio.ValueKind == JsonValueKind.Object;
        if (!hasVideo && !hasAudio)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.NoStreams, "The file has neither video nor sound."));
        var format = root.TryGetProperty("format", out var f) ? f : default;
        facts = facts with
        {
            Kind = hasVideo ? MediaKind.Video : MediaKind.Audio,
            MimeType = hasVideo ? facts.MimeType : facts.MimeType is MediaSignature.Mp4 ? MediaSignature.M4a : facts.MimeType,
            DurationMs = Number(format, "duration") is { } seconds ? (long)Math.Round(seconds * 1000) : facts.DurationMs,
            BitRate = (long?)Number(format, "bit_rate"),
            VideoCodec = hasVideo ? Text(video, "codec_name") : null,
            AudioCodec = hasAudio ? Text(audio, "codec_name") : null,
            HasMetadata = format.ValueKind == JsonValueKind.Object && format.TryGetProperty("tags", out _),
            NotVerified = null,
        };
        if (!hasVideo) return facts;
        var (width, height) = ((int)(Number(video, "width") ?? 0), (int)(Number(video, "height") ?? 0));
        if (width <= 0 || height <= 0) throw file.Corrupt();
        if (Math.Max(width, height) > limits.MaxSide)
            throw new MediaRefusedException(new MediaRefusal(RefusalCodes.TooLargeSide,
                "The video is too wide or too high.", limits.MaxSide, Math.Max(width, height), "pixels"));
        var turned = Rotation(video) is 90 or 270;
        return facts with
        {
            Width = turned ? height : width,
            Height = turned ? width : height,
            Orientation = Rotation(video) switch { 90 => 6, 180 => 3, 270 => 8, _ => 1 },
            Fps = Rate(Text(video, "avg_frame_rate")) ?? Rate(Text(video, "r_frame_rate")),
        };
    }

    private static bool IsCover(JsonElement stream) => stream.TryGetProperty("disposition", out var disposition)
        && Number(disposition, "attached_pic") == 1;

    private static int Rotation(JsonElement stream)
    {
        if (!stream.TryGetProperty("side_data_list", out var sides)) return 0;
        foreach (var side in sides.EnumerateArray())
            if (Number(side, "rotation") is { } turn) return (int)(((-turn % 360) + 360) % 360);
        return 0;
    }

    private static double? Rate(string? text)
    {
        var parts = text?.Split('/') ?? [];
        return parts.Length == 2 && double.TryParse(parts[0], CultureInfo.InvariantCulture, out var over)
            && double.TryParse(parts[1], CultureInfo.InvariantCulture, out var under) && under > 0 && over > 0
            ? Math.Round(over / under, 3)
            : null;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number) return value.GetDouble();
        return double.TryParse(value.GetString(), CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
