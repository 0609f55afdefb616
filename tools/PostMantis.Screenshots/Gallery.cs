using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ImageMagick;
using Microsoft.Playwright;

namespace PostMantis.Screenshots;

/// <summary>Pictures of one browser's page in both themes at both widths, and the list of them by the page's route.</summary>
/// <param name="routes">Every page that the application maps, such as <c>/posts/{id:guid}</c>.</param>
internal sealed partial class Gallery(IPage page, string folder, IReadOnlyList<string> routes)
{
    private const int Width = 1280;
    private const int Height = 800;

    // What goes on longer says the same again.
    private const int Longest = 2200;
    private const uint Quality = 55;

    private static readonly (string Suffix, ColorScheme Theme, int Width, int Height)[] Views =
    [
        ("", ColorScheme.Light, Width, Height), ("-dark", ColorScheme.Dark, Width, Height),
        ("-dark-390", ColorScheme.Dark, 390, 844), ("-390", ColorScheme.Light, 390, 844),
    ];

    private readonly IReadOnlyList<(string Route, Regex Path)> _routes = [.. routes.Select(r => (r, PathOf(r)))];
    private readonly List<(string Route, string Name)> _taken = [];
    private readonly List<Task> _writing = [];

    /// <summary>Goes to an address and pictures what is there.</summary>
    public async Task ShootAsync(string name, string path, ILocator? mask = null)
    {
        await page.GotoAsync(path);
        await ShootAsync(name, mask);
    }

    /// <summary>Pictures the page as it is.</summary>
    /// <param name="mask">What no picture shows, such as a key.</param>
    public async Task ShootAsync(string name, ILocator? mask = null)
    {
        await page.WaitForLoadStateAsync(LoadState.Load);
        var path = new Uri(page.Url).AbsolutePath;
        _taken.Add((_routes.FirstOrDefault(r => r.Path.IsMatch(path)).Route ?? path, name));
        foreach (var (suffix, theme, width, height) in Views) await TakeAsync(name + suffix, theme, width, height, mask);
        await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Light });
        await page.SetViewportSizeAsync(Width, Height);
        Console.WriteLine(name);
    }

    /// <summary>Pictures something beside the dashboard, which has one look.</summary>
    public async Task ShootOnceAsync(string name)
    {
        await TakeAsync(name, ColorScheme.Light, Width, Height, null);
        Console.WriteLine(name);
    }

    /// <summary>Writes the list, and answers which pages have no picture.</summary>
    public async Task<IReadOnlyList<string>> FinishAsync()
    {
        await Task.WhenAll(_writing);
        var list = new StringBuilder("""
            # Pictures of every page

            Made by `dotnet run --project tools/PostMantis.Screenshots` of an instance that was really used. A test holds that no page is
            missing. Pages that go on for long are cut.

            | Page | Picture | | | |
            |---|---|---|---|---|

            """);
        foreach (var (route, name) in _taken.OrderBy(t => t.Route, StringComparer.Ordinal))
            list.Append(CultureInfo.InvariantCulture, $"| `{route}` | [{name}]({name}.webp) | [dark]({name}-dark.webp) | [390 px]({name}-390.webp) | [390 px, dark]({name}-dark-390.webp) |\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "README.md"), list.ToString());
        return [.. routes.Except(_taken.Select(t => t.Route))];
    }

    private async Task TakeAsync(string name, ColorScheme theme, int width, int height, ILocator? mask)
    {
        await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme });
        await page.SetViewportSizeAsync(width, height);
        var devTools = await page.Context.NewCDPSessionAsync(page);
        var layout = await devTools.SendAsync("Page.getLayoutMetrics");
        var content = layout!.Value.GetProperty("cssContentSize");
        if (content.GetProperty("width").GetDouble() > width) Console.WriteLine($"  {name} is wider than its window");

        // As high as what it shows, so that what sticks to an edge of the window is where it is at the end.
        await page.SetViewportSizeAsync(width, Math.Clamp((int)Math.Ceiling(content.GetProperty("height").GetDouble()), height, Longest));
        await devTools.SendAsync("Runtime.evaluate", new() { ["expression"] = "scrollTo(0, 0)" });
        await devTools.DetachAsync();
        var shot = await page.ScreenshotAsync(new PageScreenshotOptions
        {
            Mask = mask is null ? null : [mask],
            MaskColor = "#9aa39c",
            Animations = ScreenshotAnimations.Disabled,
        });
        _writing.Add(Task.Run(async () =>
        {
            using var image = new MagickImage(shot) { Quality = Quality };
            image.Settings.SetDefine(MagickFormat.WebP, "method", 6);
            await image.WriteAsync(Path.Combine(folder, $"{name}.webp"), MagickFormat.WebP);
        }));
    }

    private static Regex PathOf(string route) => new($"^{Gap().Replace(route, gap => gap.Value switch
    {
        ['{', '*', ..] => ".+",
        _ when gap.Value.EndsWith(":guid}", StringComparison.Ordinal) => "[0-9a-f-]{36}",
        _ when gap.Value.EndsWith(":int}", StringComparison.Ordinal) => @"\d+",
        _ => "[^/]+",
    })}$");

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Gap();
}
