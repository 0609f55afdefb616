namespace PostMantis.Web.Pages.Posts;

/// <summary>How a network arranges several files.</summary>
internal enum PreviewMedia
{
    /// <summary>Side by side, cut to fit.</summary>
    Grid,

    /// <summary>One after another, to be swiped.</summary>
    Carousel,
}

/// <summary>How a network shows a post, as far as a reader's first look goes. What only its own pages can tell is left out.</summary>
/// <param name="FoldAfter">Characters that are shown before a reader asks for more; null: everything is.</param>
/// <param name="MaxCells">Files shown at once; the last says how many more there are.</param>
/// <param name="MinAspect">Width by height of the tallest picture that is shown whole; taller ones are cut.</param>
internal sealed record PreviewLook(int? FoldAfter, string More, PreviewMedia Media, int MaxCells, double MinAspect, double MaxAspect)
{
    /// <summary>Whether a title of its own stands above the text.</summary>
    public bool HasTitle { get; init; }

    /// <summary>Whether files stand above the text.</summary>
    public bool FilesFirst { get; init; }

    /// <summary>Whether the first address in a text becomes a card although none was asked for.</summary>
    public bool CardsOfText { get; init; }

    private static readonly PreviewLook _plain = new(null, "", PreviewMedia.Grid, 4, .5, 3);

    private static readonly Dictionary<string, PreviewLook> _looks = new()
    {
        ["x"] = new(280, "Show more", PreviewMedia.Grid, 4, .75, 5) { CardsOfText = true },
        ["bluesky"] = _plain,
        ["mastodon"] = _plain with { CardsOfText = true },
        ["facebook"] = new(477, "See more", PreviewMedia.Grid, 5, .8, 1.91) { CardsOfText = true },
        ["instagram"] = new(125, "more", PreviewMedia.Carousel, 1, .75, 1.91) { FilesFirst = true },
        ["threads"] = new(null, "", PreviewMedia.Carousel, 2, .5, 2),
        ["linkedin"] = new(210, "…more", PreviewMedia.Grid, 5, .5, 1.91),
        ["pinterest"] = new(50, "more", PreviewMedia.Carousel, 1, .476, 1.5) { HasTitle = true, FilesFirst = true },
        ["tiktok"] = new(90, "more", PreviewMedia.Carousel, 1, .5625, .5625) { FilesFirst = true },
        ["youtube"] = new(157, "...more", PreviewMedia.Carousel, 1, 16 / 9d, 16 / 9d) { HasTitle = true, FilesFirst = true },
        ["discord"] = _plain with { CardsOfText = true },
    };

    public static PreviewLook Of(string provider) => _looks.GetValueOrDefault(provider, _plain);

    /// <summary>Width by height of a cell, where <paramref name="shown"/> are shown side by side.</summary>
    public double CellAspect(int shown, int index, double? own) => (Media, shown) switch
    {
        (PreviewMedia.Carousel, _) or (_, 1) => Math.Clamp(own ?? 1, MinAspect, MaxAspect),
        (_, 2) => 7 / 8d,
        (_, 3) => index == 0 ? 7 / 8d : 7 / 4d,
        (_, 4) => 7 / 4d,
        _ => index < 2 ? 1 : 1.2,
    };

    /// <summary>How much of a picture is seen in a cell, from 0 to 1.</summary>
    public static double Seen(double own, double cell) => Math.Min(own / cell, cell / own);

    /// <summary>The text up to its fold, and whether there is more.</summary>
    public (string Text, bool IsCut) Fold(string text)
    {
        if (FoldAfter is not { } most) return (text, false);
        var elements = System.Globalization.StringInfo.ParseCombiningCharacters(text);
        return elements.Length <= most ? (text, false) : (text[..elements[most]].TrimEnd(), true);
    }

    /// <summary>The class that gives a cell its shape: the nearest that the style sheet knows.</summary>
    public static string Shape(double aspect) => _shapes.MinBy(shape => Math.Abs(Math.Log(shape.Aspect / aspect))).Class;

    private static readonly (double Aspect, string Class)[] _shapes =
    [
        (9 / 16d, "s916"), (2 / 3d, "s23"), (.75, "s34"), (.875, "s78"), (1, "s11"), (1.2, "s65"), (4 / 3d, "s43"), (1.75, "s74"),
        (16 / 9d, "s169"), (1.91, "s191"), (3, "s31"),
    ];

    /// <summary>The option that is shown as a title, and one that is shown below a card's.</summary>
    public static (string Title, string Description) CardOptions(string provider) => provider switch
    {
        "bluesky" => ("linkTitle", "linkDescription"),
        _ => ("title", "description"),
    };
}
