using System.Net;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>Sessions as a browser meets them: the real pages, the real cookie.</summary>
public sealed class SessionTests : IAsyncLifetime
{
    private const string Cookie = "pm-session";
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" });
        await _host.SetUpAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Pages_send_strangers_to_sign_in_and_back_afterwards()
    {
        using var browser = new Browser(_host.Address);
        var stranger = await browser.GetAsync("/account");
        Assert.Equal(HttpStatusCode.Redirect, stranger.StatusCode);
        Assert.Equal("/sign-in?returnUrl=%2Faccount", stranger.Headers.Location!.PathAndQuery);

        var signedIn = await SignInAsync(browser);
        Assert.Equal(HttpStatusCode.Redirect, signedIn.StatusCode);
        var cookie = Assert.Single(Browser.SetCookies(signedIn), c => c.StartsWith(Cookie, StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("expires", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task Only_a_remembered_session_outlives_the_browser_and_none_lives_for_ever()
    {
        using var browser = new Browser(_host.Address);
        var signedIn = await SignInAsync(browser, new KeyValuePair<string, string>("remember", "true"));
        Assert.Contains(Browser.SetCookies(signedIn), c => c.StartsWith(Cookie, StringComparison.Ordinal)
            && c.Contains("expires", StringComparison.OrdinalIgnoreCase));
        _host.Clock.Advance(TimeSpan.FromDays(15));
        Assert.Equal(HttpStatusCode.Redirect, (await browser.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task Signing_out_everywhere_ends_the_other_browser_with_its_next_page()
    {
        using var phone = new Browser(_host.Address);
        using var laptop = new Browser(_host.Address);
        await SignInAsync(phone);
        await SignInAsync(laptop);
        Assert.Equal(HttpStatusCode.OK, (await phone.GetAsync("/account")).StatusCode);
        await laptop.SubmitAsync("/account", "everywhere", []);
        Assert.Equal(HttpStatusCode.Redirect, (await phone.GetAsync("/account")).StatusCode);
        Assert.DoesNotContain(Cookie, phone.Cookies.Keys);
        Assert.Equal(HttpStatusCode.OK, (await laptop.GetAsync("/account")).StatusCode);
    }

    [Theory]
    [InlineData("https://elsewhere.example/")]
    [InlineData("//elsewhere.example/")]
    [InlineData("/\\elsewhere.example/")]
    [InlineData("/\t/elsewhere.example/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a\r\nSet-Cookie: planted=1")]
    public async Task No_form_sends_a_browser_elsewhere(string elsewhere)
    {
        using var browser = new Browser(_host.Address);
        var signedIn = await SignInAsync(browser, new KeyValuePair<string, string>("returnUrl", elsewhere));
        var answers = new List<HttpResponseMessage> { signedIn };
        foreach (var (action, field) in new[] { ("/theme", "theme"), ("/brand", "brand") })
            answers.Add(await browser.SubmitToAsync("/account", action, [new(field, ""), new("returnUrl", elsewhere)]));
        foreach (var answer in answers)
        {
            Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
            Assert.Equal(new Uri(_host.Address, "/"), new Uri(_host.Address, answer.Headers.Location!));
        }
        Assert.DoesNotContain("planted", browser.Cookies.Keys);
    }

    [Fact]
    public async Task A_cookie_that_was_planted_before_sign_in_is_not_the_session_after_it()
    {
        using var thief = new Browser(_host.Address);
        await SignInAsync(thief);
        var planted = thief.Cookies[Cookie];

        // Somebody signs in with the thief's cookie in their browser.
        using var victim = new Browser(_host.Address);
        victim.Cookies[Cookie] = planted;
        await SignInAsync(victim);
        Assert.NotEqual(planted, victim.Cookies[Cookie]);
        Assert.Equal(HttpStatusCode.OK, (await victim.GetAsync("/account")).StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await thief.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task What_ends_a_session_ends_it_on_every_replica()
    {
        await using var other = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" }, connectionString: _host.ConnectionString);
        using var browser = new Browser(_host.Address);
        await SignInAsync(browser);
        using var there = new Browser(other.Address);
        there.Cookies[Cookie] = browser.Cookies[Cookie];
        Assert.Equal(HttpStatusCode.OK, (await there.GetAsync("/account")).StatusCode);
        await browser.SubmitAsync("/sign-out", "sign-out", []);
        Assert.Equal(HttpStatusCode.Redirect, (await there.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task A_cookie_opens_no_API_and_a_key_opens_no_page()
    {
        using var browser = new Browser(_host.Address);
        await SignInAsync(browser);
        var api = await browser.GetAsync("/api/v1/key");
        Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
        Assert.Equal("application/problem+json", api.Content.Headers.ContentType?.MediaType);

        var userId = await _host.InDatabaseAsync(db => db.Users.Select(u => u.Id).SingleAsync());
        var program = await ApiClient.WithKeyAsync(_host, Caller.Person(userId, null));
        using var keyed = new Browser(_host.Address);
        var page = await keyed.GetAsync("/account", ("Authorization", $"Bearer {program.Key}"));
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Fact]
    public async Task Every_changed_cookie_is_nobodys()
    {
        using var browser = new Browser(_host.Address);
        await SignInAsync(browser);
        var cookie = browser.Cookies[Cookie];
        foreach (var forged in (string[])["x", "", cookie[..^1], cookie + "A", "A" + cookie[1..], cookie[..40] + "B" + cookie[41..]])
        {
            browser.Cookies[Cookie] = forged;
            var answer = await browser.GetAsync("/account");
            Assert.True(answer.StatusCode == HttpStatusCode.Redirect, $"{forged}: {answer.StatusCode}");
        }
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("*/*")]
    [InlineData("application/json")]
    public async Task A_form_without_its_antiforgery_token_is_a_bad_request(string accept)
    {
        using var browser = new Browser(_host.Address);
        await SignInAsync(browser);
        foreach (var path in (string[])["/sign-in", "/account", "/sign-out", "/theme"])
        {
            var answer = await browser.PostAsync(path, [new("_handler", "everywhere")], ("Accept", accept));
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{path}: {answer.StatusCode}");
        }
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task Behind_https_cookies_are_secure_and_browsers_are_told_to_stay_there()
    {
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["PublicUrl"] = "https://social.example.com",
            ["SignIn:RefusalTakes"] = "00:00:00",
        });
        await host.SetUpAsync();
        using var browser = new Browser(host.Address);
        var signedIn = await browser.SubmitAsync("/sign-in", "sign-in",
            [new("email", People.Email), new("password", People.Password)], ("Host", "social.example.com"));
        Assert.Contains("max-age=31536000", Assert.Single(signedIn.Headers.GetValues("Strict-Transport-Security")),
            StringComparison.Ordinal);
        Assert.Contains("__Host-pm-session", browser.Cookies.Keys);
        var page = await browser.GetAsync("/account", ("Host", "social.example.com"));
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var cookies = Browser.SetCookies(signedIn).Concat(Browser.SetCookies(page)).ToList();
        Assert.NotEmpty(cookies);
        Assert.All(cookies, c => Assert.Contains("secure", c, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task The_word_of_a_proxy_on_the_client_counts_only_when_it_is_a_known_one()
    {
        (string, string) forwarded = ("X-Forwarded-For", "198.51.100.9");
        using var browser = new Browser(_host.Address);
        await SignInAsync(browser, headers: forwarded);
        await using var proxied = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["Proxy:Addresses:0"] = "127.0.0.1" });
        await proxied.SetUpAsync();
        using var other = new Browser(proxied.Address);
        await other.SubmitAsync("/sign-in", "sign-in",
            [new("email", People.Email), new("password", People.Password)], forwarded);

        Assert.Equal("127.0.0.1", await AddressAsync(_host));
        Assert.Equal("198.51.100.9", await AddressAsync(proxied));
    }

    private static Task<string?> AddressAsync(PostMantisHost host) => host.InDatabaseAsync(db =>
        db.AuditEntries.Where(e => e.Action == "user.signedIn").Select(e => e.Address).SingleAsync());

    private static Task<HttpResponseMessage> SignInAsync(
        Browser browser, KeyValuePair<string, string>? more = null, params (string Name, string Value)[] headers) =>
        browser.SubmitAsync("/sign-in", "sign-in",
        [
            new("email", People.Email), new("password", People.Password),
            .. more is { } field ? new[] { field } : [],
        ], headers);
}
