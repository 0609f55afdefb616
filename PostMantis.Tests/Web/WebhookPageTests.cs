using System.Net;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Outbox;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;
using PostMantis.Tests.Webhooks;

namespace PostMantis.Tests.Web;

/// <summary>The pages of webhooks as a browser without scripts gets them.</summary>
public sealed partial class WebhookPageTests : IAsyncLifetime
{
    private const string Password = "a long and quiet password";
    private PostMantisHost _host = null!;
    private WebhookReceiver _receiver = null!;
    private Browser _ada = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(WebhookWorld.Settings);
        _receiver = await WebhookReceiver.StartAsync();
        _ada = new Browser(_host.Address);
        using var answer = await _ada.SubmitAsync("/setup", "setup",
            [new("token", PostMantisHost.SetupToken), new("email", "ada@example.com"), new("password", Password)]);
        Assert.Equal("/", answer.Headers.Location!.AbsolutePath);
    }

    public async ValueTask DisposeAsync()
    {
        _ada.Dispose();
        await _receiver.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task An_endpoint_lives_its_life_in_the_pages()
    {
        Assert.Contains("No endpoints yet", await TextAsync("/webhooks"), StringComparison.Ordinal);
        using (var refused = await SubmitAsync("/webhooks/new", "new-webhook", ("name", ""), ("url", "http://example.com/x")))
        {
            var text = WebUtility.HtmlDecode(await refused.Content.ReadAsStringAsync());
            Assert.Contains("Give the endpoint a name.", text, StringComparison.Ordinal);
            Assert.Contains("Must begin with https://.", text, StringComparison.Ordinal);
        }

        // The secret is shown in this answer and in no other.
        string secret;
        using (var made = await SubmitAsync("/webhooks/new", "new-webhook", ("name", "<b>CMS</b>"), ("url", _receiver.Url("/hook?key=1")),
            ("mode", "both")))
        {
            var text = WebUtility.HtmlDecode(await made.Content.ReadAsStringAsync());
            secret = Secret().Match(text).Value;
            Assert.Equal(50, secret.Length);
            Assert.Equal("no-store", made.Headers.CacheControl!.ToString());
            Assert.Contains("FixedTimeEquals", text, StringComparison.Ordinal);
            Assert.Contains("npm install standardwebhooks", text, StringComparison.Ordinal);
            Assert.Contains("pip install standardwebhooks", text, StringComparison.Ordinal);
        }
        var endpoint = await _host.InDatabaseAsync(db => db.WebhookEndpoints.AsNoTracking().SingleAsync());
        var page = $"/webhooks/{endpoint.Id}";
        Assert.DoesNotContain(secret, await TextAsync(page), StringComparison.Ordinal);
        using (var list = await _ada.GetAsync("/webhooks"))
            Assert.DoesNotContain("<b>CMS", await list.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // What may be a key in the address stands where it is changed, and nowhere else.
        foreach (var path in (string[])[page, "/webhooks"])
        {
            var seen = await TextAsync(path);
            Assert.Contains("/hook?key=[hidden]", seen, StringComparison.Ordinal);
            Assert.DoesNotContain("key=1", seen, StringComparison.Ordinal);
        }
        Assert.Contains("/hook?key=1", await TextAsync($"{page}/edit"), StringComparison.Ordinal);

        await GoesAsync(page, "test", page);
        _receiver.Answer("/hook", 500, body: "out of order, password=hunter2");
        await RunAsync();
        var text500 = await TextAsync(page);
        Assert.Contains("To be tried again", text500, StringComparison.Ordinal);
        Assert.Contains("Answered 500", text500, StringComparison.Ordinal);
        Assert.Contains("Nothing matches", await TextAsync($"{page}?status=delivered"), StringComparison.Ordinal);
        var message = await _host.InDatabaseAsync(db => db.WebhookMessages.AsNoTracking().SingleAsync());
        var messagePage = $"{page}/messages/{message.Id}";
        var shown = await TextAsync(messagePage);
        Assert.Contains("out of order, password=[hidden]", shown, StringComparison.Ordinal);
        Assert.Contains("POST " + _receiver.Url("/hook") + "?key=[hidden]", shown, StringComparison.Ordinal);
        Assert.Contains("\"type\": \"webhook.test\"", shown, StringComparison.Ordinal);

        _receiver.Answer("/hook", 200);
        await GoesAsync(messagePage, "resend", messagePage);
        await RunAsync();
        Assert.Contains("Delivered, 200", await TextAsync(messagePage), StringComparison.Ordinal);

        // A banner on every page, until it is enabled again.
        _receiver.Answer("/hook", 410);
        await GoesAsync(page, "test", page);
        await RunAsync();
        Assert.Contains("is disabled.", await TextAsync("/posts"), StringComparison.Ordinal);
        Assert.Contains("Enable the endpoint first.", await TextAsync(page), StringComparison.Ordinal);
        _receiver.Answer("/hook", 200);
        await GoesAsync(page, "enable", page);
        Assert.DoesNotContain("is disabled.", await TextAsync("/posts"), StringComparison.Ordinal);

        using (var rotated = await SubmitAsync(page, "rotate"))
        {
            var text = WebUtility.HtmlDecode(await rotated.Content.ReadAsStringAsync());
            Assert.NotEqual(secret, Secret().Match(text).Value);
            Assert.Equal(50, Secret().Match(text).Value.Length);
        }
        using (var edited = await SubmitAsync($"{page}/edit", "edit-webhook", ("name", "Billing"), ("url", endpoint.Url), ("mode", "test"),
            ("types", EventTypes.PostCompleted)))
            Assert.Equal(page, edited.Headers.Location!.AbsolutePath);
        Assert.Contains(EventTypes.PostCompleted, await TextAsync($"{page}"), StringComparison.Ordinal);

        using (var late = await SubmitAsync(page, "replay", ("since", "2001-01-01T00:00")))
            Assert.Contains("Events are kept for", WebUtility.HtmlDecode(await late.Content.ReadAsStringAsync()), StringComparison.Ordinal);
        var since = _host.Clock.GetUtcNow().AddDays(-1).ToString("yyyy-MM-ddTHH:mm", System.Globalization.CultureInfo.InvariantCulture);
        await GoesAsync(page, "replay", page, ("since", since));
        Assert.Contains("Running", await TextAsync(page), StringComparison.Ordinal);
        await _host.InScopeAsync(s => s.GetRequiredService<WebhookReplays>().RunOnceAsync(default));
        await RunAsync();
        await _host.InScopeAsync(s => s.GetRequiredService<WebhookReplays>().RunOnceAsync(default));
        Assert.Contains("Finished", await TextAsync(page), StringComparison.Ordinal);

        await GoesAsync(page, "delete", "/webhooks");
        using var gone = await _ada.GetAsync(page);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [GeneratedRegex("whsec_[A-Za-z0-9+/=]+")]
    private static partial Regex Secret();

    private async Task RunAsync()
    {
        while (await _host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
        while (await _host.Services.GetRequiredService<WebhookRunner>().RunOnceAsync(default) > 0)
        {
        }
    }

    private Task<HttpResponseMessage> SubmitAsync(string path, string form, params (string Name, string Value)[] fields) =>
        _ada.SubmitAsync(path, form, fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

    private async Task GoesAsync(string path, string form, string to, params (string Name, string Value)[] fields)
    {
        using var answer = await SubmitAsync(path, form, fields);
        Assert.True(answer.Headers.Location?.AbsolutePath == to, await answer.Content.ReadAsStringAsync());
    }

    private async Task<string> TextAsync(string path)
    {
        using var page = await _ada.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        return WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
    }
}
