using System.Buffers.Binary;
using System.Text;
using ImageMagick;
using Microsoft.Extensions.Options;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Media.Inspection;

/// <summary>The exact verdict on every file of the corpus.</summary>
public sealed class MediaInspectionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-inspect-").FullName;
    private readonly InspectionOptions _options = new() { MaxPixels = 40_000_000, MaxSide = 12_000, MaxFrames = 50 };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private MediaInspector Inspector => new(Options.Create(_options));

    private MetadataStripper Stripper => new(Options.Create(_options));

    private async Task<MediaInspection> InspectAsync(byte[] bytes, MediaClaim? claim = null)
    {
        var path = Path.Combine(_folder, "file");
        await File.WriteAllBytesAsync(path, bytes);
        return await Inspector.InspectAsync(path, claim ?? MediaClaim.None, TestContext.Current.CancellationToken);
    }

    private async Task<MediaFacts> FactsAsync(byte[] bytes)
    {
        var verdict = await InspectAsync(bytes);
        Assert.Null(verdict.Refusal);
        return verdict.Facts!;
    }

    private async Task RefusedAsync(string code, byte[] bytes, MediaClaim? claim = null)
    {
        var verdict = await InspectAsync(bytes, claim);
        Assert.Equal(code, verdict.Refusal?.Code ?? $"taken as {verdict.Facts?.MimeType}");
        Assert.Null(verdict.Facts);
    }

    [Theory]
    [InlineData(MagickFormat.Jpeg, "image/jpeg")]
    [InlineData(MagickFormat.Png, "image/png")]
    [InlineData(MagickFormat.Gif, "image/gif")]
    [InlineData(MagickFormat.WebP, "image/webp")]
    [InlineData(MagickFormat.Bmp, "image/bmp")]
    [InlineData(MagickFormat.Tiff, "image/tiff")]
    [InlineData(MagickFormat.Avif, "image/avif")]
    public async Task A_picture_of_each_format_is_known_by_its_content(MagickFormat format, string type)
    {
        var bytes = MediaCorpus.Image(format);
        var facts = await FactsAsync(bytes);
        Assert.Equal((MediaKind.Image, type, 640, 480, 1, false), (facts.Kind, facts.MimeType, facts.Width, facts.Height,
            facts.Frames, facts.IsAnimated));
        Assert.Equal((bytes.Length, true, false), (facts.SizeBytes, facts.IsVerified, facts.HasAlpha));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)), facts.Sha256);
    }

    [Theory]
    [InlineData(MagickFormat.Png)]
    [InlineData(MagickFormat.WebP)]
    [InlineData(MagickFormat.Avif)]
    public async Task Transparency_is_seen(MagickFormat format) =>
        Assert.True((await FactsAsync(MediaCorpus.Image(format, alpha: true))).HasAlpha);

    [Fact]
    public async Task A_picture_of_a_phone_is_known_and_one_that_is_cut_off_is_refused()
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var heic = await MediaCorpus.HeicAsync();
        var facts = await FactsAsync(heic);
        Assert.Equal((MediaKind.Image, "image/heic", 320, 240), (facts.Kind, facts.MimeType, facts.Width, facts.Height));
        await RefusedAsync(RefusalCodes.Truncated, heic[..^200]);
    }

    [Fact]
    public async Task Cmyk_and_gray_are_told_from_rgb()
    {
        Assert.Equal(ColourModel.Cmyk, (await FactsAsync(MediaCorpus.Cmyk())).Colour);
        Assert.Equal(ColourModel.Rgb, (await FactsAsync(MediaCorpus.Image(MagickFormat.Jpeg))).Colour);
        using var gray = MediaCorpus.Picture(64, 64);
        gray.Grayscale();
        gray.Format = MagickFormat.Jpeg;
        Assert.Equal(ColourModel.Gray, (await FactsAsync(gray.ToByteArray())).Colour);
    }

    [Theory]
    [InlineData(MagickFormat.Gif)]
    [InlineData(MagickFormat.WebP)]
    public async Task Animations_are_counted(MagickFormat format)
    {
        var facts = await FactsAsync(MediaCorpus.Animated(format));
        Assert.Equal((true, 5, 320, 240), (facts.IsAnimated, facts.Frames, facts.Width, facts.Height));
    }

    [Theory]
    [InlineData(1, 640, 480)]
    [InlineData(2, 640, 480)]
    [InlineData(3, 640, 480)]
    [InlineData(4, 640, 480)]
    [InlineData(5, 480, 640)]
    [InlineData(6, 480, 640)]
    [InlineData(7, 480, 640)]
    [InlineData(8, 480, 640)]
    public async Task Each_orientation_gives_the_size_as_shown(int orientation, int width, int height)
    {
        var facts = await FactsAsync(MediaCorpus.Oriented(orientation));
        Assert.Equal((orientation, width, height), (facts.Orientation, facts.Width, facts.Height));
    }

    [Fact]
    public async Task An_empty_file_is_refused() => await RefusedAsync(RefusalCodes.Empty, []);

    [Fact]
    public async Task One_byte_over_the_limit_is_refused_with_limit_and_actual()
    {
        var bytes = MediaCorpus.Image(MagickFormat.Png);
        _options.MaxBytes = bytes.Length;
        await FactsAsync(bytes);
        _options.MaxBytes = bytes.Length - 1;
        var refusal = (await InspectAsync(bytes)).Refusal!;
        Assert.Equal((RefusalCodes.TooLarge, (double?)bytes.Length - 1, (double?)bytes.Length, "bytes"),
            (refusal.Code, refusal.Limit, refusal.Actual, refusal.Unit));
    }

    [Theory]
    [InlineData("image/png", null)]
    [InlineData(null, "photo.png")]
    [InlineData("video/mp4", null)]
    [InlineData(null, "page.html")]
    [InlineData("image/svg+xml", null)]
    public async Task A_file_that_is_not_what_was_said_is_refused(string? mimeType, string? fileName) =>
        await RefusedAsync(RefusalCodes.TypeMismatch, MediaCorpus.Image(MagickFormat.Jpeg), new MediaClaim(mimeType, fileName));

    [Theory]
    [InlineData("image/jpg", "PHOTO.JPEG")]
    [InlineData("application/octet-stream", "photo")]
    [InlineData(null, "photo.v2.jpg")]
    public async Task Other_words_for_the_same_are_no_lie(string? mimeType, string? fileName) => Assert.NotNull(
        (await InspectAsync(MediaCorpus.Image(MagickFormat.Jpeg), new MediaClaim(mimeType, fileName))).Facts);

    [Theory]
    [InlineData("<html><body>hello</body></html>")]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>")]
    [InlineData("#EXTM3U\nfile:///etc/passwd")]
    [InlineData("push graphic-context\nimage over 0,0 0,0 'msl:/etc/passwd'\npop graphic-context")]
    [InlineData("MZ this program cannot be run")]
    public async Task Text_and_programs_are_no_media(string content) =>
        await RefusedAsync(RefusalCodes.Unsupported, Encoding.ASCII.GetBytes(content.PadRight(200)));

    [Theory]
    [InlineData(MagickFormat.Jpeg)]
    [InlineData(MagickFormat.Png)]
    [InlineData(MagickFormat.Gif)]
    [InlineData(MagickFormat.WebP)]
    [InlineData(MagickFormat.Bmp)]
    [InlineData(MagickFormat.Avif)]
    public async Task A_picture_cut_off_is_refused(MagickFormat format)
    {
        var whole = MediaCorpus.Noise(format, 200, 150);
        foreach (var left in (int[])[whole.Length / 3, whole.Length / 2, whole.Length - 3])
            await RefusedAsync(RefusalCodes.Truncated, whole[..left]);
    }

    [Fact]
    public async Task A_tiff_cut_off_is_refused() =>
        await RefusedAsync(RefusalCodes.Corrupt, MediaCorpus.Noise(MagickFormat.Tiff, 200, 150)[..30_000]);

    [Fact]
    public async Task A_damaged_png_is_refused()
    {
        var bytes = MediaCorpus.Noise(MagickFormat.Png, 100, 100);
        bytes[bytes.Length / 2] ^= 0x10;
        await RefusedAsync(RefusalCodes.Corrupt, bytes);
    }

    [Fact]
    public async Task Bombs_are_refused_by_their_header()
    {
        await RefusedAsync(RefusalCodes.TooLargeSide, MediaCorpus.PngBomb(60_000, 60_000));
        await RefusedAsync(RefusalCodes.TooManyPixels, MediaCorpus.PngBomb(12_000, 12_000));
        await RefusedAsync(RefusalCodes.TooManyFrames, MediaCorpus.Animated(MagickFormat.Gif, frames: 51, 16, 16));
        _options.MaxPixels = 320 * 240 * 4;
        await RefusedAsync(RefusalCodes.TooManyPixels, MediaCorpus.Animated(MagickFormat.Gif, frames: 5));
    }

    [Fact]
    public async Task A_jpeg_that_promises_more_than_it_holds_costs_nothing()
    {
        var bytes = MediaCorpus.Image(MagickFormat.Jpeg, 64, 64);
        var frame = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 5), 65_000);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 7), 65_000);
        await RefusedAsync(RefusalCodes.TooLargeSide, bytes);
    }

    [Theory]
    [InlineData(MagickFormat.Jpeg)]
    [InlineData(MagickFormat.Png)]
    [InlineData(MagickFormat.Gif)]
    [InlineData(MagickFormat.WebP)]
    public async Task A_second_file_inside_the_first_is_refused(MagickFormat format)
    {
        var picture = MediaCorpus.Image(format, 64, 64);
        byte[][] hidden =
        [
            MediaCorpus.Zip(("evil.class", "x")), Encoding.ASCII.GetBytes("<script>alert(1)</script>"),
            Encoding.ASCII.GetBytes("<html><body></body></html>"), MediaCorpus.Pdf(),
        ];
        foreach (var second in hidden) await RefusedAsync(RefusalCodes.Polyglot, [.. picture, .. second]);
    }

    [Fact]
    public async Task Markup_in_comments_is_refused()
    {
        var jpeg = MediaCorpus.Image(MagickFormat.Jpeg, 64, 64);
        var script = Encoding.ASCII.GetBytes("<script>alert(1)</script>");
        await RefusedAsync(RefusalCodes.Polyglot,
            [.. jpeg[..2], 0xFF, 0xFE, 0, (byte)(script.Length + 2), .. script, .. jpeg[2..]]);
        var png = MediaCorpus.Image(MagickFormat.Png, 64, 64);
        var text = MediaCorpus.Chunk("tEXt", [.. "Comment\0"u8, .. script]);
        await RefusedAsync(RefusalCodes.Polyglot, [.. png[..33], .. text, .. png[33..]]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(8)]
    public async Task Position_and_camera_leave_a_jpeg_and_nothing_else_does(int orientation)
    {
        var bytes = MediaCorpus.Oriented(orientation, gps: true);
        Assert.True(bytes.AsSpan().IndexOf("SecretCamera"u8) > 0);
        var facts = await FactsAsync(bytes);
        Assert.True(facts.HasMetadata);

        var clean = await StripAsync(bytes, facts);
        Assert.Equal(-1, clean.AsSpan().IndexOf("SecretCamera"u8));
        using var before = new MagickImage(bytes);
        using var after = new MagickImage(clean);
        Assert.Null(after.GetExifProfile()?.GetValue(ExifTag.GPSLatitude));
        Assert.Equal(0, before.Compare(after, ErrorMetric.Absolute));
        var again = await FactsAsync(clean);
        Assert.Equal((orientation, facts.Width, facts.Height, false),
            (again.Orientation, again.Width, again.Height, again.HasMetadata));
    }

    [Theory]
    [InlineData(MagickFormat.Png)]
    [InlineData(MagickFormat.WebP)]
    [InlineData(MagickFormat.Tiff)]
    [InlineData(MagickFormat.Avif)]
    public async Task Metadata_leaves_other_formats_and_pixels_stay(MagickFormat format)
    {
        using var image = MediaCorpus.Picture(128, 96, alpha: format is MagickFormat.Png or MagickFormat.WebP);
        var exif = new ExifProfile();
        exif.SetValue(ExifTag.Make, "SecretCamera");
        exif.SetValue(ExifTag.Orientation, (ushort)6);
        if (format == MagickFormat.Tiff) image.SetProfile(new XmpProfile("<x:xmpmeta>SecretCamera</x:xmpmeta>"u8.ToArray()));
        else image.SetProfile(exif);
        image.Format = format;
        var bytes = image.ToByteArray();
        Assert.True(bytes.AsSpan().IndexOf("SecretCamera"u8) > 0);
        var facts = await FactsAsync(bytes);
        Assert.True(facts.HasMetadata);
        var clean = await StripAsync(bytes, facts);
        Assert.Equal(-1, clean.AsSpan().IndexOf("SecretCamera"u8));
        using var before = new MagickImage(bytes);
        using var after = new MagickImage(clean);
        Assert.Equal(0, before.Compare(after, ErrorMetric.Absolute));
        var again = await FactsAsync(clean);
        Assert.Equal((facts.Orientation, facts.Width, facts.Height), (again.Orientation, again.Width, again.Height));
        Assert.False(again.HasMetadata);
    }

    [Fact]
    public async Task An_animation_still_moves_without_its_comment()
    {
        using var images = new MagickImageCollection(MediaCorpus.Animated(MagickFormat.Gif));
        images[0].Comment = "SecretCamera";
        var bytes = images.ToByteArray(MagickFormat.Gif);
        var facts = await FactsAsync(bytes);
        var clean = await StripAsync(bytes, facts);
        Assert.Equal(-1, clean.AsSpan().IndexOf("SecretCamera"u8));
        Assert.Equal(5, (await FactsAsync(clean)).Frames);
    }

    [Fact]
    public async Task A_pdf_is_taken_with_its_pages_and_refused_when_it_runs_is_locked_or_cut_off()
    {
        var facts = await FactsAsync(MediaCorpus.Pdf());
        Assert.Equal((MediaKind.Document, "application/pdf", 2), (facts.Kind, facts.MimeType, facts.Pages));
        await RefusedAsync(RefusalCodes.ActiveContent, MediaCorpus.Pdf("/OpenAction << /S /JavaScript /JS (app.alert(1)) >> "));
        await RefusedAsync(RefusalCodes.ActiveContent, MediaCorpus.Pdf("/AA << /S /Launch >> "));
        await RefusedAsync(RefusalCodes.Encrypted, MediaCorpus.Pdf("/Encrypt 9 0 R "));
        await RefusedAsync(RefusalCodes.Truncated, MediaCorpus.Pdf()[..^20]);
        await RefusedAsync(RefusalCodes.Polyglot, [.. MediaCorpus.Pdf(), .. MediaCorpus.Zip(("a", "b"))]);
    }

    [Fact]
    public async Task Word_and_powerpoint_are_taken_and_archives_and_macros_are_not()
    {
        var word = await FactsAsync(MediaCorpus.Zip(("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<w/>")));
        Assert.Equal((MediaKind.Document, true), (word.Kind, word.MimeType.EndsWith("wordprocessingml.document", StringComparison.Ordinal)));
        var slides = await FactsAsync(MediaCorpus.Zip(("[Content_Types].xml", "<Types/>"), ("ppt/presentation.xml", "<p/>"),
            ("ppt/slides/slide1.xml", "<s/>"), ("ppt/slides/slide2.xml", "<s/>")));
        Assert.Equal(2, slides.Pages);
        await RefusedAsync(RefusalCodes.Unsupported, MediaCorpus.Zip(("readme.txt", "hello")));
        await RefusedAsync(RefusalCodes.ActiveContent, MediaCorpus.Zip(("[Content_Types].xml", "<Types/>"),
            ("word/document.xml", "<w/>"), ("word/vbaProject.bin", "x")));
    }

    [Fact]
    public async Task Without_ffprobe_sound_is_taken_and_said_to_be_unverified()
    {
        _options.Ffprobe = Path.Combine(_folder, "none");
        var facts = await FactsAsync(MediaCorpus.Wav());
        Assert.Equal((MediaKind.Audio, "audio/wav", false), (facts.Kind, facts.MimeType, facts.IsVerified));
        Assert.Contains("ffprobe", facts.NotVerified);
        await RefusedAsync(RefusalCodes.Truncated, MediaCorpus.Wav()[..9000]);
    }

    [Theory]
    [InlineData("a.mp4", "video/mp4", "h264", "aac", "-c:v libx264 -pix_fmt yuv420p -c:a aac")]
    [InlineData("a.mov", "video/quicktime", "h264", "aac", "-c:v libx264 -pix_fmt yuv420p -c:a aac")]
    [InlineData("a.webm", "video/webm", "vp8", "vorbis", "-c:v libvpx -c:a libvorbis")]
    [InlineData("a.mkv", "video/x-matroska", "h264", "aac", "-c:v libx264 -c:a aac")]
    public async Task Video_is_probed(string name, string type, string video, string audio, string codecs)
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var bytes = await File.ReadAllBytesAsync(await MediaCorpus.VideoAsync(_folder, name, codecs.Split(' ')),
            TestContext.Current.CancellationToken);
        var facts = await FactsAsync(bytes);
        Assert.Equal((MediaKind.Video, type, video, audio, 320, 240, true), (facts.Kind, facts.MimeType, facts.VideoCodec,
            facts.AudioCodec, facts.Width, facts.Height, facts.IsVerified));
        Assert.InRange(facts.DurationMs!.Value, 1900, 2200);
        Assert.Equal(25, facts.Fps);
        Assert.True(facts.BitRate > 0);
        await RefusedAsync(RefusalCodes.Truncated, bytes[..(bytes.Length * 2 / 3)]);
        await RefusedAsync(RefusalCodes.Polyglot, [.. bytes, .. MediaCorpus.Zip(("a", "b"))]);

        _options.Ffprobe = Path.Combine(_folder, "none");
        var blind = await FactsAsync(bytes);
        Assert.Equal((type, false), (blind.MimeType, blind.IsVerified));
    }

    [Theory]
    [InlineData("a.mp3", "audio/mpeg", "mp3")]
    [InlineData("a.m4a", "audio/mp4", "aac")]
    [InlineData("a.flac", "audio/flac", "flac")]
    [InlineData("a.ogg", "audio/ogg", "vorbis")]
    public async Task Sound_is_probed(string name, string type, string codec)
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var facts = await FactsAsync(await File.ReadAllBytesAsync(await MediaCorpus.VideoAsync(_folder, name, "-vn"),
            TestContext.Current.CancellationToken));
        Assert.Equal((MediaKind.Audio, type, codec, true), (facts.Kind, facts.MimeType, facts.AudioCodec, facts.IsVerified));
    }

    private async Task<byte[]> StripAsync(byte[] bytes, MediaFacts facts)
    {
        var (from, to) = (Path.Combine(_folder, "from"), Path.Combine(_folder, "to"));
        await File.WriteAllBytesAsync(from, bytes);
        var written = await Stripper.StripAsync(from, to, facts, TestContext.Current.CancellationToken);
        var clean = await File.ReadAllBytesAsync(to);
        Assert.Equal((clean.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(clean))),
            (written.SizeBytes, written.Sha256));
        return clean;
    }
}
