using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.Playwright;
using PostMantis.Tests.Support;

// Takes a picture of every page of a real instance that has really been used: dotnet run --project tools/PostMantis.Screenshots
const string SetupToken = "screenshots-set-up-token-screenshots";
const string Password = "a long and quiet password";
var target = args.Length > 0 ? args[0] : Path.Combine(Directory.GetCurrentDirectory(), "docs", "images");
Directory.CreateDirectory(target);

await using var postgres = await TemporaryPostgres.StartAsync(durable: false);
await postgres.ExecuteAsync("CREATE DATABASE postmantis");
var sandboxAddress = $"http://127.0.0.1:{TemporaryPostgres.FreePort()}";
await using var api = await ApiServer.StartAsync(postgres.ConnectionString("postmantis"), new Dictionary<string, string?>
{
    ["SetupToken"] = SetupToken,
    ["SignUp:Mode"] = "Invited",
    ["Database:MigrateOnStart"] = "true",
    ["Sandbox:Hosted"] = "true",
    ["Sandbox:Url"] = sandboxAddress,
    ["Providers:Sandbox:BaseUrl"] = sandboxAddress,
    ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
    ["Vault:MasterKeys:0:Id"] = "screenshots",
    ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
});
await using var chromium = await Chromium.StartAsync();
var (page, _) = await chromium.OpenAsync(api.Address);

// Before anybody is there.
await page.GotoAsync($"/setup?token={SetupToken}");
await ShootAsync("setup", mask: page.Locator("#token"));
await page.GetByLabel("E-mail").FillAsync("ada@example.com");
await page.GetByLabel("Password").FillAsync(Password);
await ClickAsync("Create the account");
await SeeAsync("Overview");
await ShootAsync("overview-empty");
foreach (var (name, path) in new[] { ("posts-empty", "/posts"), ("profiles-empty", "/profiles"), ("keys-empty", "/keys"), ("events-empty", "/events"), ("library-empty", "/library") })
{
    await page.GotoAsync(path);
    await ShootAsync(name);
}

// Two accounts, seven profiles.
foreach (var (account, picked) in new[]
    {
        ("Sandbox Studio", new[] { "Studio Page", "Studio Notes" }),
        ("Settlement Lab", ["Lab · repeatable", "Lab · by container", "Lab · by listing", "Lab · no way to tell"]),
    })
{
    await page.GotoAsync("/connect");
    if (account == "Sandbox Studio") await ShootAsync("connect");
    await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
    await page.GetByLabel(account).CheckAsync();
    if (account == "Sandbox Studio") await ShootAsync("sandbox-consent");
    await ClickAsync("Allow");
    await SeeAsync("Choose profiles");
    foreach (var destination in picked) await page.GetByLabel(destination).CheckAsync();
    if (account == "Sandbox Studio") await ShootAsync("connect-choose");
    await ClickAsync("Connect these");
    await SeeAsync("Profiles");
}
await ShootAsync("profiles");
await page.GetByRole(AriaRole.Link, new() { Name = "Studio Page" }).ClickAsync();
await page.GetByLabel("Brand").FillAsync("Studio");
await ShootAsync("profile");
await ClickAsync("Save");
await SeeAsync("Profiles");

// Brands.
await page.GotoAsync("/brands");
await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Acme");
await ClickAsync("Make the brand");
await SeeAsync("Acme");
await page.GetByLabel("Lab · repeatable").CheckAsync();
await page.GetByLabel("Lab · by container").CheckAsync();
await ShootAsync("brand");
await ClickAsync("Save the profiles");
await page.GotoAsync("/brands");
await ShootAsync("brands");

// A key, which never reaches a picture.
await page.GotoAsync("/keys/new");
await ShootAsync("key-new");
await page.GetByLabel("Name").FillAsync("Release bot");
await ClickAsync("Make the key");
var key = (await page.Locator("#key-text").InnerTextAsync()).Trim();
await ShootAsync("key-created", mask: page.Locator(".copy"));
await page.GotoAsync("/keys");
await ShootAsync("keys");

// An endpoint at which nobody listens, so that there is something to see.
await page.GotoAsync("/webhooks");
await ShootAsync("webhooks-empty");
await page.GotoAsync("/webhooks/new");
await page.GetByLabel("Name").FillAsync("CMS");
await page.GetByLabel("Address").FillAsync("http://127.0.0.1:8999/hooks");
await ShootAsync("webhook-new");
await ClickAsync("Make the endpoint");
await SeeAsync("The endpoint's secret");
await ShootAsync("webhook-secret", mask: page.Locator(".copy"));

// A person writes, with a mistake first.
await page.GotoAsync("/posts/new");
await page.GetByLabel("Studio Page").First.CheckAsync();
await page.GetByLabel("Studio Notes").First.CheckAsync();
const string Launch = "PostMantis 1.0 is out.\nNever lost, never sent twice, and every delivery can be traced.";
await page.GetByLabel("Text").FillAsync(Launch);
await ShootAsync("compose");
await page.GetByLabel("Text").FillAsync(string.Concat(Enumerable.Repeat("Too much of a good thing. ", 30)));
await ClickAsync("Publish now");
await page.Locator(".field-error").First.WaitForAsync();
await ShootAsync("compose-errors");
await page.GetByLabel("Text").FillAsync(Launch);
await page.Locator("#files").SetInputFilesAsync([Picture("launch-card.png", "gradient:#1d6f5a-#f6f1e7", 1200, 900), Picture("team.jpg", "plasma:#b3471d-#2b2320", 1080, 1350)]);
await page.GetByLabel("What launch-card.png shows").FillAsync("The launch card: PostMantis 1.0");
await page.Locator("[data-upload-status]", new() { HasText = "All files are here." }).WaitForAsync();
await ShootAsync("compose-media");
await ClickAsync("Publish now");
await page.Locator(".page-head .status", new() { HasText = "Published" }).WaitForAsync();
await ShootAsync("post-published");
var publishedPath = new Uri(page.Url).AbsolutePath;

await page.GotoAsync("/library");
await page.Locator("#files").SetInputFilesAsync([Picture("spare.webp", "gradient:#2b2320-#f08a5b", 640, 640)]);
await page.Locator(".file", new() { HasText = "spare.webp" }).WaitForAsync();
await ShootAsync("library");

// A program publishes everything else there is to see.
using var program = new HttpClient { BaseAddress = api.Address };
program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
var profiles = (await GetAsync("/api/v1/profiles"))["data"]!.AsArray()
    .ToDictionary(p => (string)p!["name"]!, p => (string)p!["id"]!);
await CreateAsync("Release notes for the spring launch, in one thread.", ["Studio Page", "Studio Notes"], scheduledInDays: 3);
await CreateAsync("Draft: what we learned from a year of never posting twice.", ["Studio Page"], draft: true);
var failed = await CreateAsync("This one breaks the network's rules.", ["Lab · repeatable", "Lab · by container"], fault: "rejected");
var unknown = await CreateAsync("The answer to this one was lost on the way.", ["Lab · no way to tell"], fault: "timeoutAfterAccept");
await CreateAsync("Found again in the listing after its answer was lost.", ["Lab · by listing"], fault: "timeoutAfterAccept");

// An agent asks first.
await page.GotoAsync("/keys/new");
await page.GetByLabel("Name").FillAsync("Drafting agent");
await page.GetByText("More rules").ClickAsync();
await page.GetByLabel("A person approves each post").CheckAsync();
await page.GetByLabel("Posts a day").FillAsync("2");
await ClickAsync("Make the key");
var agentKey = (await page.Locator("#key-text").InnerTextAsync()).Trim();
program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", agentKey);
await CreateAsync("Three things an agent noticed in this week's numbers.", ["Studio Page", "Studio Notes"], scheduledInDays: 1);
await CreateAsync("A question for everybody who plans posts on a Friday.", ["Studio Notes"], scheduledInDays: 2);
try
{
    await CreateAsync("One thing more, for good measure.", ["Studio Notes"], scheduledInDays: 3);
}
catch (HttpRequestException refused) when (refused.StatusCode == HttpStatusCode.TooManyRequests)
{
    // Its posts for the day are used up, and the pages say so.
}
program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
await page.GotoAsync("/approvals");
await ShootAsync("approvals");
await page.GotoAsync("/keys");
await page.GetByRole(AriaRole.Link, new() { Name = "Drafting agent" }).ClickAsync();
await ShootAsync("key");

foreach (var (name, id, word) in new[] { ("post-failed", failed, "Failed"), ("post-unknown", unknown, "Unknown") })
{
    await page.GotoAsync($"/posts/{id}");
    await page.Locator(".delivery .status", new() { HasText = word }).First.WaitForAsync(new() { Timeout = 60_000 });
    await ShootAsync(name);
}
await page.GotoAsync("/webhooks");
await ShootAsync("webhooks");
await page.GetByRole(AriaRole.Link, new() { Name = "CMS" }).First.ClickAsync();
await SeeAsync("CMS");
await ShootAsync("webhook");
await page.GotoAsync(publishedPath);
await page.Locator("details.more > summary").First.ClickAsync();
await ShootAsync("post-ledger");
foreach (var (name, path) in new[]
    {
        ("calendar", "/calendar"), ("calendar-week", "/calendar?view=week"), ("calendar-list", "/calendar?view=list"), ("import", "/posts/import"),
        ("overview", "/"), ("posts", "/posts"), ("posts-nothing", "/posts?status=awaitingApproval"), ("audit", "/audit"),
        ("overview-month", "/?range=month"), ("log", "/log"), ("log-nothing", "/log?before=2001-01-01T00:00"),
        ("events", "/events"), ("events-nothing", "/events?type=endpoint.disabled"),
        ("account", "/account"), ("problems", "/problems"), ("problem", "/problems/duplicate-post"), ("not-found", "/no-such-page"),
        ("scalar", "/scalar/"),
    })
{
    await page.GotoAsync(path);
    if (name == "scalar") await page.GetByRole(AriaRole.Heading, new() { Name = "PostMantis API" }).WaitForAsync();
    await ShootAsync(name, phone: name != "scalar");
}
await page.GotoAsync("/events?type=delivery.failed");
await page.Locator("details.more > summary").First.ClickAsync();
await ShootAsync("events-json");
await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Dark });
foreach (var (name, path) in new[] { ("overview-dark", "/"), ("log-dark", "/log"), ("profiles-dark", "/profiles"), ("post-dark", publishedPath), ("compose-dark", "/posts/new") })
{
    await page.GotoAsync(path);
    await ShootAsync(name);
}
await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Light });
await page.GotoAsync($"{sandboxAddress}/feed/studio-page");
await ShootAsync("sandbox-feed");
await page.Context.ClearCookiesAsync();
foreach (var (name, path) in new[] { ("sign-in", "/sign-in"), ("forgot", "/forgot"), ("sign-up", "/sign-up") })
{
    await page.GotoAsync(path);
    await ShootAsync(name);
}
return 0;

Task SeeAsync(string heading) =>
    page.GetByRole(AriaRole.Heading, new() { Name = heading, Exact = true }).First.WaitForAsync();

static FilePayload Picture(string name, string pattern, uint width, uint height)
{
    var format = name.EndsWith(".png", StringComparison.Ordinal) ? MagickFormat.Png
        : name.EndsWith(".webp", StringComparison.Ordinal) ? MagickFormat.WebP : MagickFormat.Jpeg;
    using var image = new MagickImage(pattern, width, height);
    return new FilePayload
    {
        Name = name, MimeType = format == MagickFormat.Jpeg ? "image/jpeg" : $"image/{name[(name.IndexOf('.') + 1)..]}",
        Buffer = image.ToByteArray(format),
    };
}

Task ClickAsync(string button) => page.GetByRole(AriaRole.Button, new() { Name = button }).First.ClickAsync();

async Task ShootAsync(string name, ILocator? mask = null, bool phone = true)
{
    foreach (var (suffix, width, height) in phone ? new[] { ("", 1280, 800), ("-390", 390, 844) } : [("", 1280, 800)])
    {
        await page.SetViewportSizeAsync(width, height);
        await page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Path.Combine(target, $"{name}{suffix}.png"),
            FullPage = name != "scalar",
            Mask = mask is null ? null : [mask],
            MaskColor = "#9aa39c",
            Animations = ScreenshotAnimations.Disabled,
        });
        Console.WriteLine($"{name}{suffix}.png");
    }
    await page.SetViewportSizeAsync(1280, 800);
}

async Task<JsonObject> GetAsync(string path) => (await program.GetFromJsonAsync<JsonObject>(new Uri(path, UriKind.Relative)))!;

async Task<string> CreateAsync(string body, string[] names, bool draft = false, int? scheduledInDays = null, string? fault = null)
{
    var request = new JsonObject
    {
        ["post"] = new JsonObject
        {
            ["body"] = body,
            ["draft"] = draft,
            ["scheduledAt"] = scheduledInDays is { } days
                ? TimeProvider.System.GetUtcNow().AddDays(days).ToString("yyyy-MM-dd'T'HH:00:00'Z'", null)
                : null,
        },
        ["profiles"] = new JsonArray([.. names.Select(n => (JsonNode)profiles[n])]),
    };
    if (fault is not null)
    {
        request["providerOptions"] = new JsonObject
        {
            ["sandbox"] = new JsonObject
            {
                ["faults"] = new JsonArray(new JsonObject { ["on"] = "publish", ["fault"] = fault }),
            },
        };
    }
    using var answer = await program.PostAsJsonAsync(new Uri("/api/v1/posts", UriKind.Relative), request);
    answer.EnsureSuccessStatusCode();
    return (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["data"]!["id"]!;
}
