using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Playwright;
using OtpNet;
using PostMantis.Api;
using PostMantis.Screenshots;
using PostMantis.Tests.Support;

// Takes a picture of every page of a real instance that has really been used: dotnet run --project tools/PostMantis.Screenshots
const string SetupToken = "screenshots-set-up-token-screenshots";
const string Email = "ada@example.com";
const string Password = "a long and quiet password";
var target = args.Length > 0 ? args[0] : Path.Combine(Directory.GetCurrentDirectory(), "docs", "images");
if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
Directory.CreateDirectory(target);

await using var postgres = await TemporaryPostgres.StartAsync(durable: false);
await postgres.ExecuteAsync("CREATE DATABASE postmantis");
var sandboxAddress = $"http://127.0.0.1:{TemporaryPostgres.FreePort()}";
var settings = new Dictionary<string, string?>
{
    ["SetupToken"] = SetupToken,
    ["SignUp:Mode"] = "Invited",
    ["Database:MigrateOnStart"] = "true",
    ["Sandbox:Hosted"] = "true",
    ["Sandbox:Url"] = sandboxAddress,
    ["Providers:Sandbox:BaseUrl"] = sandboxAddress,
    ["Budgets:sandbox:daily:Limit"] = "3",
    ["Budgets:sandbox:daily:Window"] = "1.00:00:00",
    ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
    ["Operator:Name"] = "Example Ltd",
    ["Operator:Country"] = "Austria",
    ["Operator:Contact"] = "hello@example.com",
    ["Vault:MasterKeys:0:Id"] = "screenshots",
    ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
};
await using var api = await ApiServer.StartAsync(postgres.ConnectionString("postmantis"), settings);

// The same application once more, which serves nobody: it says which pages there are.
await using var mapped = PostMantisApp.Build(["--environment", "Development"], builder => builder.Configuration.AddInMemoryCollection(
    settings.Append(new("ConnectionStrings:postmantis", postgres.ConnectionString("postmantis"))).Append(new("Workers:Enabled", "false"))));
await using var chromium = await Chromium.StartAsync();
var (page, _) = await chromium.OpenAsync(api.Address);
var gallery = new Gallery(page, target, DashboardRoutes.Of(((IEndpointRouteBuilder)mapped).DataSources));

// Before anybody is there.
await gallery.ShootAsync("setup", $"/setup?token={SetupToken}", page.Locator("#token"));
await page.GetByLabel("E-mail").FillAsync(Email);
await page.GetByLabel("Password").FillAsync(Password);
await ClickAsync("Create the account");
await SeeAsync("Overview");
await gallery.ShootAsync("overview-empty");
foreach (var (name, path) in new[]
    {
        ("posts-empty", "/posts"), ("profiles-empty", "/profiles"), ("brands-empty", "/brands"), ("keys-empty", "/keys"), ("approvals-empty", "/approvals"),
        ("events-empty", "/events"), ("library-empty", "/library"), ("webhooks-empty", "/webhooks"), ("compose-empty", "/posts/new"),
    })
    await gallery.ShootAsync(name, path);

// Two accounts, six profiles.
await gallery.ShootAsync("connect-answer-unknown", "/connect/callback/sandbox?error=no&state=unknown");
await gallery.ShootAsync("connect-to", "/connect/to/sandbox");
await gallery.ShootAsync("connect-used", "/connect/used");
foreach (var (account, picked) in new[]
    {
        ("Sandbox Studio", new[] { "Studio Page", "Studio Notes" }),
        ("Settlement Lab", ["Lab · repeatable", "Lab · by container", "Lab · by listing", "Lab · no way to tell"]),
    })
{
    await page.GotoAsync("/connect");
    if (account == "Sandbox Studio") await gallery.ShootAsync("connect");
    await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
    await page.GetByLabel(account).CheckAsync();
    if (account == "Sandbox Studio") await gallery.ShootOnceAsync("sandbox-consent");
    await ClickAsync("Allow");
    await SeeAsync("Choose profiles");
    foreach (var destination in picked) await page.GetByLabel(destination).CheckAsync();
    if (account == "Sandbox Studio") await gallery.ShootAsync("connect-choose");
    await ClickAsync("Connect these");
    await SeeAsync("Profiles");
}

// A trip that was left on the way.
await page.GotoAsync("/connect");
await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
await page.GetByLabel("Sandbox Studio").WaitForAsync();
await gallery.ShootAsync("connect-left", "/connect");
await page.GotoAsync("/profiles");
await page.GetByRole(AriaRole.Link, new() { Name = "Studio Page" }).ClickAsync();
await page.GetByLabel("Brand", new() { Exact = false }).Last.FillAsync("Studio");
await gallery.ShootAsync("profile");
await ClickAsync("Save");
await SeeAsync("Profiles");

// Brands.
await page.GotoAsync("/brands");
await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Acme");
await ClickAsync("Make the brand");
await SeeAsync("Acme");
await page.GetByLabel("Lab · repeatable").CheckAsync();
await page.GetByLabel("Lab · by container").CheckAsync();
await gallery.ShootAsync("brand");
await ClickAsync("Save the profiles");
await gallery.ShootAsync("brands", "/brands");
await gallery.ShootAsync("profiles", "/profiles");

// A key, which never reaches a picture.
await gallery.ShootAsync("key-new", "/keys/new");
await page.GetByLabel("Name").FillAsync("Release bot");
await ClickAsync("Make the key");
var key = (await page.Locator("#key-text").InnerTextAsync()).Trim();
await gallery.ShootAsync("key-created", page.Locator(".copy"));

// An endpoint at which nobody listens, so that there is something to see.
await page.GotoAsync("/webhooks/new");
await page.GetByLabel("Name").FillAsync("CMS");
await page.GetByLabel("Address").FillAsync("http://127.0.0.1:8999/hooks");
await gallery.ShootAsync("webhook-new");
await ClickAsync("Make the endpoint");
await SeeAsync("The endpoint's secret");
await gallery.ShootAsync("webhook-secret", page.Locator(".copy"));

// A person writes, with a mistake first.
await page.GotoAsync("/posts/new");
await page.GetByLabel("Studio Page").First.CheckAsync();
await page.GetByLabel("Studio Notes").First.CheckAsync();
const string Launch = "PostMantis 1.0 is out.\nNever lost, never sent twice, and every delivery can be traced.";
await page.GetByLabel("Text").FillAsync(string.Concat(Enumerable.Repeat("Too much of a good thing. ", 30)));
await ClickAsync("Publish now");
await page.Locator(".field-error").First.WaitForAsync();
await gallery.ShootAsync("compose-errors");
await page.GetByLabel("Text").FillAsync(Launch);
await page.Locator("#files").SetInputFilesAsync([Picture("launch-card.png", "gradient:#1d6f5a-#f6f1e7", 1200, 900), Picture("team.jpg", "plasma:#b3471d-#2b2320", 1080, 1350)]);
await page.GetByLabel("What launch-card.png shows").FillAsync("The launch card: PostMantis 1.0");
await page.Locator("[data-upload-status]", new() { HasText = "All files are here." }).WaitForAsync();
await page.GetByText("Change it for Studio Notes").ClickAsync();
await page.Locator(".look-file img").First.WaitForAsync();
await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
await gallery.ShootAsync("compose");
await ClickAsync("Publish now");
await page.Locator(".page-head .status", new() { HasText = "Published" }).WaitForAsync();
await gallery.ShootAsync("post-published");
var publishedPath = new Uri(page.Url).AbsolutePath;

await page.GotoAsync("/library");
await page.Locator("#files").SetInputFilesAsync([Picture("spare.webp", "gradient:#2b2320-#f08a5b", 640, 640)]);
await page.Locator(".file", new() { HasText = "spare.webp" }).WaitForAsync();
await gallery.ShootAsync("library");

// A program publishes everything else there is to see.
using var program = new HttpClient { BaseAddress = api.Address };
program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
var profiles = (await GetAsync("/api/v1/profiles"))["data"]!.AsArray()
    .ToDictionary(p => (string)p!["name"]!, p => (string)p!["id"]!);
await CreateAsync("Release notes for the spring launch, in one thread.", ["Studio Page", "Studio Notes"], scheduledInDays: 3);
var draft = await CreateAsync("Draft: what we learned from a year of never posting twice.", ["Studio Page"], draft: true);
var failed = await CreateAsync("This one breaks the network's rules.", ["Lab · repeatable", "Lab · by container"], fault: "rejected");
var unknown = await CreateAsync("The answer to this one was lost on the way.", ["Lab · no way to tell"], fault: "timeoutAfterAccept");
await CreateAsync("Found again in the listing after its answer was lost.", ["Lab · by listing"], fault: "timeoutAfterAccept");
for (var day = 4; day < 9; day++)
    await CreateAsync($"Tip {day - 3} of five: read the ledger before you send again.", ["Lab · repeatable", "Lab · by listing"], scheduledInDays: day);

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
await gallery.ShootAsync("approvals", "/approvals");
await gallery.ShootAsync("keys", "/keys");
await page.GetByRole(AriaRole.Link, new() { Name = "Drafting agent" }).ClickAsync();
await gallery.ShootAsync("key");

foreach (var (name, id, word) in new[] { ("post-failed", failed, "Failed"), ("post-unknown", unknown, "Unknown") })
{
    await page.GotoAsync($"/posts/{id}");
    await page.Locator(".delivery .status", new() { HasText = word }).First.WaitForAsync(new() { Timeout = 60_000 });
    await gallery.ShootAsync(name);
}
await page.GotoAsync($"/posts/{draft}/edit");
await page.GetByText("Ready").First.WaitForAsync();
await gallery.ShootAsync("edit");
await gallery.ShootAsync("webhooks", "/webhooks");
await page.GetByRole(AriaRole.Link, new() { Name = "CMS" }).First.ClickAsync();
await SeeAsync("CMS");
await gallery.ShootAsync("webhook");
var endpointPath = new Uri(page.Url).AbsolutePath;
await page.Locator("a[href*='/messages/']").First.ClickAsync();
await page.WaitForURLAsync("**/messages/**");
await gallery.ShootAsync("webhook-message");
await gallery.ShootAsync("webhook-edit", $"{endpointPath}/edit");
await page.GotoAsync(publishedPath);
await page.Locator("details.more > summary").First.ClickAsync();
await gallery.ShootAsync("post-ledger");

// Many at once.
await page.GotoAsync("/posts/import");
await page.GetByLabel("or paste it").FillAsync("text,profiles,when\nOne line of a table,Studio Page,2027-03-01 09:00\nToo early,Studio Notes,2001-01-01 09:00\nKept for later,Studio Page,\n");
await ClickAsync("Check it");
await page.Locator("table.data").WaitForAsync();
await gallery.ShootAsync("import-checked");
await page.GotoAsync("/posts?status=scheduled");
foreach (var box in (await page.Locator("input[name=post]").AllAsync()).Take(3)) await box.CheckAsync();
await ClickAsync("Reschedule");
await page.GetByLabel("Days later").WaitForAsync();
await gallery.ShootAsync("bulk");

foreach (var (name, path) in new[]
    {
        ("overview", "/"), ("overview-month", "/?range=month"), ("calendar", "/calendar"), ("calendar-week", "/calendar?view=week"), ("calendar-list", "/calendar?view=list"),
        ("posts", "/posts"), ("posts-nothing", "/posts?status=canceled"), ("import", "/posts/import"), ("log", "/log"), ("log-nothing", "/log?before=2001-01-01T00:00"),
        ("events", "/events"), ("audit", "/audit"), ("account", "/account"), ("account-data", "/account/data"), ("sign-out", "/sign-out"), ("not-found", "/no-such-page"),
        ("broken", "/status/500"),
    })
    await gallery.ShootAsync(name, path);
await page.GotoAsync("/events?type=delivery.failed");
await page.Locator("details.more > summary").First.ClickAsync();
await gallery.ShootAsync("events-json");
await page.GotoAsync("/scalar/");
await page.GetByRole(AriaRole.Heading, new() { Name = "PostMantis API" }).WaitForAsync();
await gallery.ShootOnceAsync("scalar");
await page.GotoAsync($"{sandboxAddress}/feed/studio-page");
await gallery.ShootOnceAsync("sandbox-feed");

// Codes at sign-in: what is secret stays out of the pictures.
await gallery.ShootAsync("account-codes", "/account/codes");
await page.GetByLabel("Current password").FillAsync(Password);
await ClickAsync("Continue");
var secret = (await page.Locator("#app-key").InnerTextAsync()).Trim();
await gallery.ShootAsync("account-codes-app", page.Locator(".copy, svg.qr, .qr"));
await page.GetByLabel("Code").First.FillAsync(CodeOf(secret));
await ClickAsync("Turn it on");
await page.Locator("#recovery-codes").WaitForAsync();
await gallery.ShootAsync("account-codes-kept", page.Locator(".copy"));

// Signed out.
await page.Context.ClearCookiesAsync();
foreach (var (name, path) in new[]
    {
        ("welcome", "/welcome"), ("sign-in", "/sign-in"), ("forgot", "/forgot"), ("sign-up", "/sign-up"), ("reset-gone", "/reset-password?token=used"), ("docs", "/docs"),
        ("docs-page", "/docs/lifecycle"), ("security", "/security"), ("privacy", "/privacy"), ("content-guidelines", "/content-guidelines"), ("problems", "/problems"),
        ("problem", "/problems/duplicate-post"),
    })
    await gallery.ShootAsync(name, path);
var (asked, link) = await Programs.RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "PostMantis.Api.dll"), "user", "reset-password", Email],
    settings.Append(new("ConnectionStrings:postmantis", postgres.ConnectionString("postmantis"))).Append(new("PublicUrl", api.Address.AbsoluteUri))
        .Append(new("DOTNET_ENVIRONMENT", "Development")).ToDictionary(s => s.Key.Replace(":", "__", StringComparison.Ordinal), s => s.Value));
if (asked != 0) throw new InvalidOperationException(link);
await gallery.ShootAsync("reset", link.Split((char[]?)null).First(word => word.Contains("/reset-password", StringComparison.Ordinal)));
await page.GotoAsync("/sign-in");
await page.GetByLabel("E-mail").FillAsync(Email);
await page.GetByLabel("Password").FillAsync(Password);
await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
await page.WaitForURLAsync("**/sign-in/code*");
await gallery.ShootAsync("sign-in-code");

var missing = await gallery.FinishAsync();
foreach (var route in missing) await Console.Error.WriteLineAsync($"No picture of {route}");
return missing.Count == 0 ? 0 : 1;

static string CodeOf(string secret) => new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp(TimeProvider.System.GetUtcNow().UtcDateTime);

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
