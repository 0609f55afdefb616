using Microsoft.Playwright;

namespace PostMantis.Tests.Support;

/// <summary>A real Chromium, from the system; <c>CHROMIUM</c> names another one.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly string[] Places =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/snap/bin/chromium"];

    // In milliseconds: a machine with two busy cores is slow, not wrong.
    private const int Patience = 120_000;
    private readonly IPlaywright _playwright;

    private Chromium(IPlaywright playwright, IBrowser browser) => (_playwright, Browser) = (playwright, browser);

    public IBrowser Browser { get; }

    public static async Task<Chromium> StartAsync()
    {
        Assertions.SetDefaultExpectTimeout(Patience);
        var path = Environment.GetEnvironmentVariable("CHROMIUM") ?? Array.Find(Places, File.Exists)
            ?? throw new InvalidOperationException("No Chromium: install Debian's chromium package, or name one in CHROMIUM.");
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-first-run",
            ],
        });
        return new Chromium(playwright, browser);
    }

    /// <summary>A fresh window without cookies, which notes what the page's policies and scripts complain of.</summary>
    public async Task<(IPage Page, List<string> Complaints)> OpenAsync(
        Uri address, int width = 1280, int height = 900, bool script = true, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.AbsoluteUri,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            JavaScriptEnabled = script,
            ColorScheme = scheme,
        });
        context.SetDefaultTimeout(Patience);
        var page = await context.NewPageAsync();
        List<string> complaints = [];
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);
        return (page, complaints);
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }
}
