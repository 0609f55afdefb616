using ImageMagick;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Sandbox;
using PostMantis.Tests.Media.Inspection;

namespace PostMantis.Tests.Media.Conversion;

/// <summary>The plan for the corpus against rule sets, and what its recipes really make.</summary>
public sealed class MediaPlanTests : IDisposable
{
    private static readonly MediaTools _tools = new(Video: true);

    private static readonly MediaRules _jpegOnly = new(
    [
        new MediaRule(MediaKind.Image, ["image/jpeg"])
        {
            MaxBytes = 8_000_000, MinAspect = 0.8, MaxAspect = 1.91, Upright = true, RgbOnly = true,
        },
    ]);

    private static readonly MediaRules _twoMegabytes = new(
    [
        new MediaRule(MediaKind.Image, []) { MaxBytes = 2_000_000 },
        new MediaRule(MediaKind.Image, []) { Animated = true, MaxBytes = 2_000_000 },
    ]);

    private static readonly MediaRules _sandbox = SandboxMedia.Rules;

    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-plan-").FullName;
    private readonly MediaInspector _inspector;
    private readonly MediaConverter _converter;

    public MediaPlanTests()
    {
        var options = Options.Create(new InspectionOptions());
        _inspector = new MediaInspector(options);
        _converter = new MediaConverter(options, _inspector);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string, string, string, string> Corpus() => new()
    {
        // name, JPEG only, any image up to 2 MB, sandbox
        { "jpeg", "Keep", "Keep", "Keep" },
        { "png", "Convert", "Keep", "Keep" },
        { "alphaPng", "Convert", "Keep", "Keep" },
        { "webp", "Convert", "Keep", "Keep" },
        { "alphaWebp", "Convert", "Keep", "Keep" },
        { "avif", "Convert", "Keep", "Convert" },
        { "heic", "Convert", "Keep", "Convert" },
        { "bmp", "Convert", "Keep", "Convert" },
        { "tiff", "Convert", "Keep", "Convert" },
        { "gif", "Convert", "Keep", "Keep" },
        { "cmyk", "Convert", "Keep", "Keep" },
        { "turned", "Convert", "Keep", "Keep" },
        { "turnedTall", "Refuse outOfRange", "Keep", "Keep" },
        { "animatedGif", "Refuse unsupported", "Keep", "Keep" },
        { "animatedWebp", "Refuse unsupported", "Keep", "Convert" },
        { "heavyJpeg", "Keep", "Convert", "Keep" },
        { "heavyPng", "Convert", "Convert", "Convert" },
        { "tooTall", "Refuse outOfRange", "Keep", "Keep" },
        { "tooWide", "Refuse outOfRange", "Keep", "Keep" },
        { "pdf", "Refuse unsupported", "Refuse unsupported", "Keep" },
        { "wav", "Refuse unsupported", "Refuse unsupported", "Refuse unsupported" },
        { "mp4", "Refuse unsupported", "Refuse unsupported", "Keep" },
        { "webm", "Refuse unsupported", "Refuse unsupported", "Convert" },
    };

    [Theory]
    [MemberData(nameof(Corpus))]
    public async Task What_is_kept_or_converted_fits_and_what_is_refused_could_not(
        string name, string jpegOnly, string twoMegabytes, string sandbox)
    {
        Assert.SkipWhen(name is "heic" or "mp4" or "webm" && MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var path = await MediaCorpus.MakeAsync(_folder, name);
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        await HoldsAsync(path, facts, _jpegOnly, jpegOnly);
        await HoldsAsync(path, facts, _twoMegabytes, twoMegabytes);
        await HoldsAsync(path, facts, _sandbox, sandbox);
    }

    private async Task HoldsAsync(string path, MediaFacts facts, MediaRules rules, string expected)
    {
        var plan = MediaPlanner.Plan([facts], rules, _tools, "Network");
        var item = Assert.Single(plan.Items);
        var said = string.Join(' ', ((string[])[item.Verdict.ToString(),
            string.Join(',', item.Issues.Select(i => CamelCase.Of(i.Rule)))]).Where(s => s.Length > 0));
        Assert.Equal(expected, said);
        Assert.Equal(item.Verdict == MediaVerdict.Refuse, plan.Issues.Count > 0);
        if (item.Verdict == MediaVerdict.Refuse)
        {
            Assert.All(item.Issues, i => Assert.Equal("/0", i.Pointer));
            return;
        }
        var sent = facts;
        if (item.Recipe is { } recipe)
        {
            var made = await _converter.ConvertAsync(path, facts, recipe, path + ".made", null,
                TestContext.Current.CancellationToken);
            Assert.Null(made.Refusal);
            sent = made.Facts!;
            Assert.False(sent.HasMetadata && sent.Kind == MediaKind.Image);
        }
        Satisfies(sent, rules);
    }

    /// <summary>The rules read once more, by other words than the planner's.</summary>
    private static void Satisfies(MediaFacts sent, MediaRules rules)
    {
        var rule = Assert.Single(rules.Rules, r => r.Kind == sent.Kind && r.Animated == sent.IsAnimated);
        if (rule.Types.Count > 0) Assert.Contains(sent.MimeType, rule.Types);
        Assert.True(sent.SizeBytes <= (rule.MaxBytes ?? long.MaxValue), $"{sent.SizeBytes} bytes");
        if (sent.Width is not { } width || sent.Height is not { } height) return;
        Assert.InRange((double)width / height, (rule.MinAspect ?? 0) - 0.001, (rule.MaxAspect ?? 1e9) + 0.001);
        Assert.InRange(width, rule.MinWidth ?? 1, rule.MaxWidth ?? int.MaxValue);
        Assert.InRange(height, rule.MinHeight ?? 1, rule.MaxHeight ?? int.MaxValue);
        if (rule.Upright) Assert.Equal(1, sent.Orientation);
        if (rule.RgbOnly) Assert.NotEqual(ColourModel.Cmyk, sent.Colour);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task A_converted_picture_lies_as_it_was_shown(int orientation)
    {
        var path = await WriteAsync("turned", MediaCorpus.Oriented(orientation, gps: true));
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        var made = await _converter.ConvertAsync(path, facts, new MediaRecipe("image/png"), path + ".png", null,
            TestContext.Current.CancellationToken);
        Assert.Equal((facts.Width, facts.Height, 1), (made.Facts!.Width, made.Facts.Height, made.Facts.Orientation));
        using var shown = new MagickImage(path + ".png");
        // Red lies on top in the file; where the eye sees it depends on the orientation alone.
        var (x, y) = orientation switch
        {
            1 or 2 => (320, 20),
            3 or 4 => (320, 460),
            5 or 8 => (20, 320),
            _ => (460, 320),
        };
        Assert.Equal("red", Near(shown, x, y));
        Assert.Equal("blue", Near(shown, (int)shown.Width - x - 1, (int)shown.Height - y - 1));
    }

    [Fact]
    public async Task Transparency_becomes_white_in_a_jpeg()
    {
        var path = await WriteAsync("alpha", MediaCorpus.Image(MagickFormat.Png, 64, 64, alpha: true));
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        await _converter.ConvertAsync(path, facts, new MediaRecipe("image/jpeg"), path + ".jpg", null,
            TestContext.Current.CancellationToken);
        using var shown = new MagickImage(path + ".jpg");
        using var pixels = shown.GetPixels();
        var pixel = pixels.GetPixel(32, 8).ToColor()!;
        Assert.InRange(pixel.R, 245, 255);
        Assert.InRange(pixel.G, 115, 140);
    }

    [Fact]
    public async Task Borders_are_added_only_when_asked_for()
    {
        var path = await WriteAsync("tall", MediaCorpus.Image(MagickFormat.Jpeg, 300, 900));
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        var refused = MediaPlanner.Plan([facts], _jpegOnly, _tools, "Network").Issues.Single();
        Assert.Equal((Rule.OutOfRange, (double?)0.8, (double?)0.3333, "ratio"),
            (refused.Rule, refused.Limit, refused.Actual, refused.Unit));
        var asked = MediaPlanner.Plan([facts], _jpegOnly, _tools, "Network", [MediaFit.Pad]);
        Assert.Empty(asked.Issues);
        var made = await _converter.ConvertAsync(path, facts, asked.Items[0].Recipe!, path + ".padded", null,
            TestContext.Current.CancellationToken);
        Assert.Equal((720, 900), (made.Facts!.Width, made.Facts.Height));
    }

    [Fact]
    public void One_byte_over_is_converted_and_the_limit_itself_is_kept()
    {
        var fits = Facts(MediaKind.Image, "image/jpeg") with { SizeBytes = 2_000_000, Width = 1000, Height = 1000 };
        Assert.Equal(MediaVerdict.Keep, MediaPlanner.Plan([fits], _twoMegabytes, _tools, "N").Items[0].Verdict);
        Assert.Equal(MediaVerdict.Convert,
            MediaPlanner.Plan([fits with { SizeBytes = 2_000_001 }], _twoMegabytes, _tools, "N").Items[0].Verdict);
    }

    [Fact]
    public void Counts_and_mixing_are_judged_together()
    {
        var rules = new MediaRules(
        [
            new MediaRule(MediaKind.Image, []) { MaxCount = 4 },
            new MediaRule(MediaKind.Image, []) { Animated = true, MaxCount = 1, Alone = true },
            new MediaRule(MediaKind.Video, []) { MaxCount = 1 },
        ], MixedKinds: false);
        var image = Facts(MediaKind.Image, "image/jpeg");
        var moving = image with { IsAnimated = true, Frames = 3 };
        var video = Facts(MediaKind.Video, "video/mp4");
        string Said(params MediaFacts[] items) => string.Join(',',
            MediaPlanner.Plan(items, rules, _tools, "N").Issues.Select(i => $"{i.Pointer}{CamelCase.Of(i.Rule)}"));
        Assert.Equal("", Said(image, image, image, image));
        Assert.Equal("tooMany", Said(image, image, image, image, image));
        Assert.Equal("excluded", Said(image, moving));
        Assert.Equal("excluded", Said(image, video));
        Assert.Equal("", Said(moving));
        Assert.Equal("/0unsupported", Said(Facts(MediaKind.Audio, "audio/wav")));
        Assert.Equal("required", CamelCase.Of(
            MediaPlanner.Plan([], rules with { Required = true }, _tools, "N").Issues.Single().Rule));
    }

    [Fact]
    public void A_network_may_need_a_film_and_want_all_pictures_of_one_size()
    {
        var rules = new MediaRules(
        [
            new MediaRule(MediaKind.Video, []) { MinCount = 1 },
            new MediaRule(MediaKind.Image, ["image/jpeg"]) { MaxWidth = 1920, MaxHeight = 1920, MaxShortSide = 1080 },
        ])
        {
            SameSize = true,
        };
        var (image, video) = (Facts(MediaKind.Image, "image/jpeg"), Facts(MediaKind.Video, "video/mp4"));
        string Said(params MediaFacts[] items) => string.Join(',',
            MediaPlanner.Plan(items, rules, _tools, "N").Issues.Select(i => $"{i.Pointer}{CamelCase.Of(i.Rule)}"));
        Assert.Equal("", Said(video, image, image));
        Assert.Equal("tooFew", Said(image));
        Assert.Equal("outOfRange", Said(video, image, image with { Width = 641 }));

        // The shorter side decides, either way up.
        foreach (var (width, height, wide, tall) in new[] { (1500, 1300, 1246, 1080), (1300, 1500, 1080, 1246) })
        {
            var recipe = MediaPlanner.Plan([video, image with { Width = width, Height = height }], rules, _tools, "N").Items[1].Recipe!;
            Assert.Equal((wide, tall), (recipe.Width, recipe.Height));
        }
        Assert.Equal(MediaVerdict.Keep, MediaPlanner.Plan([video, image with { Width = 1080, Height = 1920 }], rules, _tools, "N").Items[1].Verdict);
    }

    [Fact]
    public void Video_that_needs_ffmpeg_is_refused_where_it_is_missing()
    {
        var rules = new MediaRules([new MediaRule(MediaKind.Video, ["video/mp4"])
        {
            VideoCodecs = ["h264"], AudioCodecs = ["aac"], MaxWidth = 1280, MaxFps = 30, MaxBytes = 10_000_000,
            MinDurationMs = 3_000, MaxDurationMs = 60_000, MaxBitRate = 5_000_000,
        }]);
        var film = Facts(MediaKind.Video, "video/quicktime") with
        {
            Width = 1920, Height = 1080, DurationMs = 10_000, Fps = 60, VideoCodec = "hevc", AudioCodec = "opus",
            SizeBytes = 20_000_000, BitRate = 16_000_000,
        };
        var recipe = MediaPlanner.Plan([film], rules, _tools, "N").Items[0].Recipe!;
        Assert.Equal(("video/mp4", "h264", "aac", 1280, 720, 30.0), (recipe.MimeType, recipe.VideoCodec, recipe.AudioCodec,
            recipe.Width, recipe.Height, recipe.Fps));
        Assert.Equal(4_500_000, recipe.BitRate);

        var without = MediaPlanner.Plan([film], rules, new MediaTools(false), "N");
        Assert.Equal(MediaVerdict.Refuse, without.Items[0].Verdict);
        Assert.Contains(without.Issues, i => i is { Rule: Rule.OutOfRange, Limit: 10_000_000, Actual: 20_000_000 });

        // No tool makes a film longer, and none of ours cuts it.
        Assert.Equal((Rule.OutOfRange, (double?)3_000, (double?)2_999), Single(film with { DurationMs = 2_999 }));
        Assert.Equal((Rule.OutOfRange, (double?)60_000, (double?)60_001), Single(film with { DurationMs = 60_001 }));

        (Rule, double?, double?) Single(MediaFacts facts)
        {
            var issue = Assert.Single(MediaPlanner.Plan([facts], rules, _tools, "N").Issues);
            return (issue.Rule, issue.Limit, issue.Actual);
        }
    }

    [Fact]
    public void A_picture_too_small_or_too_long_to_scale_is_refused()
    {
        var rules = new MediaRules([new MediaRule(MediaKind.Image, []) { MinWidth = 320, MinHeight = 100, MaxWidth = 1440 }]);
        var image = Facts(MediaKind.Image, "image/jpeg");
        MediaPlanItem Of(int width, int height) =>
            MediaPlanner.Plan([image with { Width = width, Height = height }], rules, _tools, "N").Items[0];
        Assert.Equal(MediaVerdict.Keep, Of(320, 200).Verdict);
        Assert.Equal(MediaVerdict.Refuse, Of(319, 200).Verdict);
        Assert.Equal((1440, 720), (Of(2880, 1440).Recipe!.Width, Of(2880, 1440).Recipe!.Height));
        Assert.Equal(MediaVerdict.Refuse, Of(14_400, 200).Verdict);
    }

    [Fact]
    public async Task A_size_that_no_scale_reaches_is_refused_with_limit_and_actual()
    {
        var path = await WriteAsync("noise", MediaCorpus.Noise(MagickFormat.Png, 300, 300));
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        var made = await _converter.ConvertAsync(path, facts,
            new MediaRecipe("image/jpeg") { MaxBytes = 500, MinWidth = 200, MinHeight = 200 }, path + ".made", null,
            TestContext.Current.CancellationToken);
        Assert.Equal((MediaConverter.CannotFit, (double?)500, "bytes"),
            (made.Refusal?.Code, made.Refusal?.Limit, made.Refusal?.Unit));
        Assert.True(made.Refusal!.Actual > 500);
    }

    [Fact]
    public async Task Video_is_made_smaller_and_says_how_far_it_is()
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var path = await MediaCorpus.VideoAsync(_folder, "a.webm", "-c:v", "libvpx", "-c:a", "libvorbis");
        var facts = (await _inspector.InspectAsync(path, TestContext.Current.CancellationToken)).Facts!;
        var rules = new MediaRules([new MediaRule(MediaKind.Video, ["video/mp4"])
        {
            VideoCodecs = ["h264"], AudioCodecs = ["aac"], MaxWidth = 161, MaxFps = 15,
        }]);
        var seen = new Seen();
        var made = await _converter.ConvertAsync(path, facts, MediaPlanner.Plan([facts], rules, _tools, "N").Items[0].Recipe!,
            path + ".mp4", seen, TestContext.Current.CancellationToken);
        Assert.Null(made.Refusal);
        Assert.Equal(("video/mp4", "h264", "aac", 160, 120, 15.0), (made.Facts!.MimeType, made.Facts.VideoCodec,
            made.Facts.AudioCodec, made.Facts.Width, made.Facts.Height, made.Facts.Fps));
        Assert.InRange(seen.Last, 0.9, 1);
    }

    [Fact]
    public void The_rule_engine_says_what_the_plan_says_where_the_request_said_it()
    {
        var (missing, first, second) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        Dictionary<Guid, MediaFacts> facts = new()
        {
            [first] = Facts(MediaKind.Image, "image/jpeg"),
            [second] = Facts(MediaKind.Audio, "audio/wav"),
        };
        var issues = ContentRules.CheckMedia([new MediaItem(first), new MediaItem(second)], _sandbox, facts.GetValueOrDefault,
            _tools, "Sandbox").ToArray();
        var issue = Assert.Single(issues, i => i.Pointer.Length > 0);
        Assert.Equal(("/1", Rule.Unsupported), (issue.Pointer, issue.Rule));
        // What is still on its way is judged when it has come.
        Assert.Empty(ContentRules.CheckMedia([new MediaItem(missing)], _sandbox, facts.GetValueOrDefault, _tools, "Sandbox"));
    }

    [Fact]
    public void Equal_recipes_have_one_key()
    {
        var recipe = new MediaRecipe("image/jpeg") { MaxBytes = 2_000_000 };
        Assert.Equal(recipe.Key(), new MediaRecipe("image/jpeg") { MaxBytes = 2_000_000 }.Key());
        Assert.NotEqual(recipe.Key(), (recipe with { MaxBytes = 1_999_999 }).Key());
        Assert.Equal(32, recipe.Key().Length);
    }

    private sealed class Seen : IProgress<double>
    {
        public double Last { get; private set; }

        public void Report(double value) => Last = value;
    }

    private static MediaFacts Facts(MediaKind kind, string type) =>
        new(kind, type, 1_000, new string('0', 64)) { Width = 640, Height = 480 };

    private static string Near(MagickImage image, int x, int y)
    {
        using var pixels = image.GetPixels();
        var colour = pixels.GetPixel(x, y).ToColor()!;
        return colour switch { { R: > 200, B: < 60 } => "red", { B: > 200, R: < 60 } => "blue", _ => colour.ToString() };
    }

    private async Task<string> WriteAsync(string name, byte[] bytes)
    {
        var path = Path.Combine(_folder, name);
        await File.WriteAllBytesAsync(path, bytes);
        return path;
    }
}
