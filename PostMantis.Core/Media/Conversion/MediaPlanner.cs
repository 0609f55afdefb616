using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Media.Conversion;

/// <summary>What becomes of one file for one network.</summary>
public enum MediaVerdict
{
    /// <summary>It is sent as it is.</summary>
    Keep,

    /// <summary>It is converted by its recipe first.</summary>
    Convert,

    /// <summary>The network would refuse it, and no conversion changes that.</summary>
    Refuse,
}

/// <summary>The plan for one file of a post.</summary>
/// <param name="Recipe">Set for <see cref="MediaVerdict.Convert"/> alone.</param>
/// <param name="Issues">Why it is refused; their pointers begin with its place in the list, such as <c>/0</c>.</param>
public sealed record MediaPlanItem(MediaVerdict Verdict, MediaRecipe? Recipe, IReadOnlyList<Issue> Issues);

/// <summary>The plan for the media of one post on one network.</summary>
/// <param name="Items">In the post's order.</param>
/// <param name="Issues">Of every file, and of the files together (pointer empty).</param>
public sealed record MediaPlan(IReadOnlyList<MediaPlanItem> Items, IReadOnlyList<Issue> Issues);

/// <summary>What this server can convert.</summary>
/// <param name="Video">Whether ffmpeg is installed.</param>
public sealed record MediaTools(bool Video)
{
    /// <summary>Nothing but pictures.</summary>
    public static MediaTools None { get; } = new(Video: false);
}

/// <summary>
/// Says for each file of a post whether a network takes it, takes it converted, or refuses it: by facts and rules alone,
/// without looking at any file.
/// </summary>
public static class MediaPlanner
{
    // Encoders that convert to these are part of this program.
    private static readonly string[] _writable =
        [MediaSignature.Jpeg, MediaSignature.Png, MediaSignature.WebP, MediaSignature.Gif];

    /// <summary>Plans <paramref name="items"/> for a network.</summary>
    /// <param name="network">Its name in messages.</param>
    /// <param name="fits">What the author asked for where a picture's shape is not taken, item by item.</param>
    public static MediaPlan Plan(IReadOnlyList<MediaFacts> items, MediaRules rules, MediaTools tools, string network,
        IReadOnlyList<MediaFit?>? fits = null)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(tools);
        var planned = items.Select((facts, i) => new Draft(facts, $"/{i}", network, tools, fits?[i] == MediaFit.Pad)
            .Decide(rules.Rules.FirstOrDefault(r => r.Kind == facts.Kind && r.Animated == facts.IsAnimated))).ToArray();
        List<Issue> issues = [.. planned.SelectMany(p => p.Issues)];
        issues.AddRange(Together(items, rules, network));
        return new MediaPlan(planned, issues);
    }

    private static IEnumerable<Issue> Together(IReadOnlyList<MediaFacts> items, MediaRules rules, string network)
    {
        if (rules.Required && items.Count == 0)
            yield return new Issue("", Rule.Required, $"{network} needs media.");
        foreach (var rule in rules.Rules)
        {
            var count = items.Count(f => f.Kind == rule.Kind && f.IsAnimated == rule.Animated);
            var what = rule.Animated ? "animated images" : $"{CamelCase.Of(rule.Kind)} files";
            if (count < rule.MinCount)
                yield return new Issue("", Rule.TooFew, $"{network} needs {what}.", Limit: rule.MinCount, Actual: count,
                    Unit: "items");
            if (count == 0) continue;
            if (count > rule.MaxCount)
                yield return new Issue("", Rule.TooMany, $"{network} takes at most {rule.MaxCount} {what}.",
                    Limit: rule.MaxCount, Actual: count, Unit: "items");
            if (rule.Alone && count < items.Count)
                yield return new Issue("", Rule.Excluded, $"{network} takes {what} only by themselves.",
                    Fix: "Make two posts.");
        }
        if (rules.SameSize && items.Where(f => f.Kind == MediaKind.Image).Select(f => (f.Width, f.Height)).Distinct().Count() > 1)
            yield return new Issue("", Rule.OutOfRange, $"{network} takes several pictures only of one size.",
                Fix: "Crop them to the same width and height.");
        if (!rules.MixedKinds && items.Select(f => f.Kind).Distinct().Count() > 1)
            yield return new Issue("", Rule.Excluded, $"{network} does not mix kinds of media in a post.",
                Fix: "Make two posts.");
    }

    private sealed class Draft(MediaFacts facts, string at, string network, MediaTools tools, bool pad)
    {
        private readonly List<Issue> _issues = [];

        public MediaPlanItem Decide(MediaRule? rule)
        {
            if (rule is null)
            {
                Refuse(Rule.Unsupported, facts.IsAnimated
                    ? $"{network} takes no animated images."
                    : $"{network} takes no {CamelCase.Of(facts.Kind)}.");
                return new MediaPlanItem(MediaVerdict.Refuse, null, _issues);
            }
            if (facts.SizeBytes < rule.MinBytes)
                Refuse(Rule.TooShort, "The file is too small.", rule.MinBytes, facts.SizeBytes, "bytes");
            var recipe = facts.Kind switch
            {
                MediaKind.Image => Image(rule),
                MediaKind.Video => Video(rule),
                MediaKind.Audio => Audio(rule),
                _ => Document(rule),
            };
            return _issues.Any(i => i.Severity == Severity.Error)
                ? new MediaPlanItem(MediaVerdict.Refuse, null, _issues)
                : new MediaPlanItem(recipe is null ? MediaVerdict.Keep : MediaVerdict.Convert, recipe, _issues);
        }

        private MediaRecipe? Image(MediaRule rule)
        {
            if (facts.Frames > rule.MaxFrames)
                Refuse(Rule.TooMany, "The animation has too many pictures.", rule.MaxFrames, facts.Frames, "frames");
            var (width, height, padWidth, padHeight) = Shape(rule);
            var resized = width != facts.Width || height != facts.Height || padWidth is not null;
            var typed = Takes(rule.Types, facts.MimeType);
            var sized = !(facts.SizeBytes > rule.MaxBytes);
            var turned = rule.Upright && facts.Orientation != 1;
            var coloured = rule.RgbOnly && facts.Colour == ColourModel.Cmyk;
            if (typed && sized && !resized && !turned && !coloured) return null;
            if (Target(rule, typed) is not { } target)
            {
                Refuse(Rule.Unsupported, $"{network} does not take {facts.MimeType}, and it cannot be converted.");
                return null;
            }
            return new MediaRecipe(target)
            {
                MaxBytes = rule.MaxBytes,
                Width = resized ? width : null,
                Height = resized ? height : null,
                PadWidth = padWidth,
                PadHeight = padHeight,
                // Scaling down to reach the size keeps the shape, so the smaller side decides for both.
                MinWidth = padWidth is null ? rule.MinWidth ?? 1 : width,
                MinHeight = padHeight is null ? rule.MinHeight ?? 1 : height,
            };
        }

        // A format that is taken stays where we can write it; then one that keeps transparency, then JPEG.
        private string? Target(MediaRule rule, bool typed)
        {
            if (facts.IsAnimated)
                return new[] { facts.MimeType, MediaSignature.Gif, MediaSignature.WebP }
                    .FirstOrDefault(t => Takes(rule.Types, t) && t is MediaSignature.Gif or MediaSignature.WebP);
            var lossless = facts.MimeType is MediaSignature.Png && typed && !(facts.SizeBytes > rule.MaxBytes);
            var wanted = facts.HasAlpha || lossless
                ? new[] { MediaSignature.Png, MediaSignature.WebP, MediaSignature.Jpeg }
                : [MediaSignature.Jpeg, MediaSignature.WebP, MediaSignature.Png, MediaSignature.Gif];
            return wanted.FirstOrDefault(t => _writable.Contains(t) && Takes(rule.Types, t));
        }

        // The largest size the rule takes, in the picture's own proportions; no picture is ever enlarged.
        private (int Width, int Height, int? PadWidth, int? PadHeight) Shape(MediaRule rule)
        {
            if (facts.Width is not { } width || facts.Height is not { } height) return (0, 0, null, null);
            var aspect = (double)width / height;
            int? padWidth = null, padHeight = null;
            var scale = Math.Min(1, Math.Min((double?)rule.MaxWidth / width ?? 1, (double?)rule.MaxHeight / height ?? 1));
            if (rule.MaxShortSide is { } side) scale = Math.Min(scale, (double)side / Math.Min(width, height));
            if (rule.MaxPixels is { } pixels) scale = Math.Min(scale, Math.Sqrt((double)pixels / ((long)width * height)));
            if (rule.MaxFramePixels is { } all)
                scale = Math.Min(scale, Math.Sqrt((double)all / ((long)width * height * facts.Frames)));
            var (low, high) = (rule.MinAspect ?? 0, rule.MaxAspect ?? double.MaxValue);
            if (aspect < low || aspect > high)
            {
                if (!pad || facts.IsAnimated || facts.Kind != MediaKind.Image)
                    Refuse(Rule.OutOfRange, $"{network} does not take this shape (width ÷ height).",
                        aspect < low ? low : high, Math.Round(aspect, 4), "ratio",
                        facts.Kind == MediaKind.Image ? "Crop it, or ask for white borders with fit: pad." : "Crop it.");
                else if (aspect < low)
                {
                    (padWidth, padHeight) = ((int)Math.Ceiling(height * low), height);
                    scale = Math.Min(scale, (double?)rule.MaxWidth / padWidth ?? 1);
                }
                else
                {
                    (padWidth, padHeight) = (width, (int)Math.Ceiling(width / high));
                    scale = Math.Min(scale, (double?)rule.MaxHeight / padHeight ?? 1);
                }
            }
            if ((padWidth, padHeight) is ({ } wide, { } tall))
                (padWidth, padHeight) = ((int)(wide * scale), (int)(tall * scale));
            var (newWidth, newHeight) = scale < 1
                ? (Math.Max(1, (int)(width * scale)), Math.Max(1, (int)(height * scale)))
                : (width, height);
            if ((padWidth ?? newWidth) < rule.MinWidth)
                Refuse(Rule.OutOfRange, $"{network} needs wider media.", rule.MinWidth, padWidth ?? newWidth, "pixels");
            if ((padHeight ?? newHeight) < rule.MinHeight)
                Refuse(Rule.OutOfRange, $"{network} needs higher media.", rule.MinHeight, padHeight ?? newHeight, "pixels");
            return (newWidth, newHeight, padWidth, padHeight);
        }

        private MediaRecipe? Video(MediaRule rule)
        {
            Duration(rule);
            var (width, height, _, _) = Shape(rule);
            var resized = facts.Width is not null && (width != facts.Width || height != facts.Height);
            var typed = Takes(rule.Types, facts.MimeType);
            var coded = (facts.VideoCodec is null || Takes(rule.VideoCodecs, facts.VideoCodec))
                && (facts.AudioCodec is null || Takes(rule.AudioCodecs, facts.AudioCodec));
            var paced = !(facts.Fps < rule.MinFps) && !(facts.Fps > rule.MaxFps);
            var sized = !(facts.SizeBytes > rule.MaxBytes) && !(facts.BitRate > rule.MaxBitRate);
            if (!facts.IsVerified)
                _issues.Add(new Issue(at, Rule.Recommended, $"The video was not verified: {facts.NotVerified}",
                    Severity.Warning, "Install ffmpeg on the server."));
            if (typed && coded && paced && sized && !resized) return null;
            if (!tools.Video || !facts.IsVerified || !Takes(rule.Types, MediaSignature.Mp4)
                || !Takes(rule.VideoCodecs, "h264") || !Takes(rule.AudioCodecs, "aac"))
            {
                if (!typed) Refuse(Rule.Unsupported, $"{network} does not take {facts.MimeType}.", fix: NeedsTool());
                if (!coded)
                    Refuse(Rule.Unsupported, $"{network} does not take {facts.VideoCodec} with {facts.AudioCodec ?? "no sound"}.",
                        fix: NeedsTool());
                if (facts.SizeBytes > rule.MaxBytes)
                    Refuse(Rule.OutOfRange, "The file is too large.", rule.MaxBytes, facts.SizeBytes, "bytes", NeedsTool());
                if (facts.BitRate > rule.MaxBitRate)
                    Refuse(Rule.OutOfRange, "The bit rate is too high.", rule.MaxBitRate, facts.BitRate, "bits", NeedsTool());
                if (!paced)
                    Refuse(Rule.OutOfRange, "The frame rate does not fit.",
                        facts.Fps < rule.MinFps ? rule.MinFps : rule.MaxFps, facts.Fps, "fps", NeedsTool());
                if (resized)
                    Refuse(Rule.OutOfRange, "The video has too many pixels.", rule.MaxWidth ?? rule.MaxHeight ?? rule.MaxPixels,
                        facts.Width, "pixels", NeedsTool());
                return null;
            }
            var seconds = Math.Max(0.1, (facts.DurationMs ?? 1000) / 1000.0);
            long? fitting = rule.MaxBytes is { } most && facts.SizeBytes > most ? (long)(most * 8 * 0.9 / seconds) : null;
            var bits = (fitting, rule.MaxBitRate) switch
            {
                ({ } f, { } m) => Math.Min(f, m * 9 / 10),
                ({ } f, null) => f,
                (null, { } m) when facts.BitRate > m => m * 9 / 10,
                _ => (long?)null,
            };
            if (bits < 100_000)
            {
                Refuse(Rule.OutOfRange, "The video is too long for this size.", rule.MaxBytes, facts.SizeBytes, "bytes");
                return null;
            }
            // H.264 in 4:2:0 has even sides.
            return new MediaRecipe(MediaSignature.Mp4)
            {
                MaxBytes = rule.MaxBytes,
                Width = width - (width % 2),
                Height = height - (height % 2),
                VideoCodec = "h264",
                AudioCodec = facts.AudioCodec is null ? null : "aac",
                Fps = facts.Fps > rule.MaxFps ? rule.MaxFps : facts.Fps < rule.MinFps ? rule.MinFps : null,
                BitRate = bits ?? rule.MaxBitRate * 9 / 10,
            };
        }

        private MediaRecipe? Audio(MediaRule rule)
        {
            Duration(rule);
            Plain(rule);
            return null;
        }

        private MediaRecipe? Document(MediaRule rule)
        {
            Plain(rule);
            if (facts.Pages > rule.MaxPages)
                Refuse(Rule.TooMany, "The document has too many pages.", rule.MaxPages, facts.Pages, "pages");
            return null;
        }

        private void Plain(MediaRule rule)
        {
            if (!Takes(rule.Types, facts.MimeType))
                Refuse(Rule.Unsupported, $"{network} does not take {facts.MimeType}.");
            if (facts.SizeBytes > rule.MaxBytes)
                Refuse(Rule.OutOfRange, "The file is too large.", rule.MaxBytes, facts.SizeBytes, "bytes");
        }

        private void Duration(MediaRule rule)
        {
            if (facts.DurationMs < rule.MinDurationMs)
                Refuse(Rule.OutOfRange, "It is too short.", rule.MinDurationMs, facts.DurationMs, "milliseconds");
            if (facts.DurationMs > rule.MaxDurationMs)
                Refuse(Rule.OutOfRange, "It is too long.", rule.MaxDurationMs, facts.DurationMs, "milliseconds", "Cut it.");
        }

        private string? NeedsTool() => tools.Video ? null : "Install ffmpeg on the server, or convert it yourself.";

        private void Refuse(Rule rule, string message, double? limit = null, double? actual = null, string? unit = null,
            string? fix = null) =>
            _issues.Add(new Issue(at, rule, message, Severity.Error, fix, limit, actual, unit));

        private static bool Takes(IReadOnlyList<string> list, string one) => list.Count == 0 || list.Contains(one);
    }
}
