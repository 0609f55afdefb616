using System.Net;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using OtpNet;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>Codes at sign-in, as a browser without scripts and an app that makes codes meet them.</summary>
public sealed partial class SecondStepTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Browser _anna = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" });
        await _host.SetUpAsync();
        _anna = new Browser(_host.Address);
        await PasswordAsync(_anna);
    }

    public async ValueTask DisposeAsync()
    {
        _anna.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_code_is_asked_for_after_the_password_and_each_works_once()
    {
        var (secret, recovery) = await TurnOnAsync();
        Assert.Equal(10, recovery.Length);

        using var browser = new Browser(_host.Address);
        Assert.Equal("/sign-in/code", await PasswordAsync(browser));
        Assert.Equal(HttpStatusCode.Found, (await browser.GetAsync("/account")).StatusCode);
        _host.Clock.Advance(TimeSpan.FromSeconds(60));
        var code = Code(secret);
        Assert.Equal("/", await CodeAsync(browser, code));
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).StatusCode);

        using var second = new Browser(_host.Address);
        await PasswordAsync(second);
        Assert.Null(await CodeAsync(second, code));
        Assert.Equal("/", await CodeAsync(second, recovery[0].ToUpperInvariant().Replace('-', ' ')));
        using var third = new Browser(_host.Address);
        await PasswordAsync(third);
        Assert.Null(await CodeAsync(third, recovery[0]));

        // The secret is sealed and the codes are hashes: what was shown is in no row.
        var app = await _host.InDatabaseAsync(db => db.Authenticators.SingleAsync());
        Assert.Equal(-1, app.Secret.AsSpan().IndexOf(Base32Encoding.ToBytes(secret)));
        Assert.Equal(9, await _host.InDatabaseAsync(db => db.RecoveryCodes.CountAsync()));
        Assert.Contains("user.secondStepOn", await _host.ActionsAsync(app.UserId));
    }

    [Fact]
    public async Task Who_knows_the_password_cannot_guess_codes_for_long()
    {
        var (secret, _) = await TurnOnAsync();
        using var thief = new Browser(_host.Address);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("/sign-in/code", await PasswordAsync(thief));
            Assert.Null(await CodeAsync(thief, "000000"));
        }

        // The right password between the codes must not have set the count back.
        Assert.Null(await PasswordAsync(thief));
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await CodeAsync(thief, Code(secret)));
        _host.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal("/sign-in", (await thief.GetAsync("/sign-in/code")).Headers.Location!.AbsolutePath);
        Assert.Equal("/sign-in/code", await PasswordAsync(thief));
        Assert.Equal("/", await CodeAsync(thief, Code(secret)));
    }

    [Fact]
    public async Task Turning_it_off_and_new_recovery_codes_need_the_password()
    {
        var (secret, recovery) = await TurnOnAsync();
        using (var refused = await _anna.SubmitAsync("/account/codes", "stop", [new("current", "not the password")]))
            Assert.Contains("not your password", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using (var renewed = await _anna.SubmitAsync("/account/codes", "renew", [new("current", People.Password)]))
            Assert.DoesNotContain(recovery[1], await renewed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var browser = new Browser(_host.Address);
        await PasswordAsync(browser);
        Assert.Null(await CodeAsync(browser, recovery[1]));
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("/", await CodeAsync(browser, Code(secret)));

        await _anna.SubmitAsync("/account/codes", "stop", [new("current", People.Password)]);
        using var plain = new Browser(_host.Address);
        Assert.Equal("/", await PasswordAsync(plain));
        Assert.Equal((0, 0), await _host.InDatabaseAsync(async db =>
            (await db.Authenticators.CountAsync(), await db.RecoveryCodes.CountAsync())));
    }

    [Fact]
    public async Task One_session_is_ended_and_the_others_go_on()
    {
        using var phone = new Browser(_host.Address);
        await phone.SubmitAsync("/sign-in", "sign-in",
            [new("email", People.Email), new("password", People.Password)],
            ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"));
        var page = await (await _anna.GetAsync("/account")).Content.ReadAsStringAsync();
        Assert.Contains("Safari on iPhone", page, StringComparison.Ordinal);
        Assert.Contains("This browser", page, StringComparison.Ordinal);
        var end = Assert.Single(EndForm().Matches(page)).Value;
        await _anna.SubmitAsync("/account", end, []);
        Assert.Equal(HttpStatusCode.Found, (await phone.GetAsync("/account")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _anna.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task A_new_sign_in_is_a_new_session_and_a_stolen_cookie_of_before_opens_nothing()
    {
        var stolen = _anna.Cookies["pm-session"];
        await PasswordAsync(_anna);
        Assert.NotEqual(stolen, _anna.Cookies["pm-session"]);
        using var thief = new Browser(_host.Address);
        thief.Cookies["pm-session"] = stolen;
        Assert.Equal(HttpStatusCode.Found, (await thief.GetAsync("/account")).StatusCode);

        // Nor does one that its person signed out of.
        var left = _anna.Cookies["pm-session"];
        await _anna.SubmitAsync("/sign-out", "sign-out", []);
        thief.Cookies["pm-session"] = left;
        Assert.Equal(HttpStatusCode.Found, (await thief.GetAsync("/account")).StatusCode);
    }

    [Fact]
    public async Task Times_are_shown_in_the_zone_that_was_chosen()
    {
        Assert.Contains(" UTC</time>", await (await _anna.GetAsync("/audit")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await _anna.SubmitAsync("/account", "zone", [new("zone", "Asia/Kolkata")]);
        Assert.Contains(" UTC+05:30</time>", WebUtility.HtmlDecode(await (await _anna.GetAsync("/audit")).Content.ReadAsStringAsync()),
            StringComparison.Ordinal);
        using var refused = await _anna.SubmitAsync("/account", "zone", [new("zone", "Mars/Olympus")]);
        Assert.Contains("There is no such time zone.", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private async Task<(string Secret, string[] Recovery)> TurnOnAsync()
    {
        using var started = await _anna.SubmitAsync("/account/codes", "start", [new("current", People.Password)]);
        var page = await started.Content.ReadAsStringAsync();
        Assert.Contains("<svg class=\"qr\"", page, StringComparison.Ordinal);
        var secret = Secret().Match(page).Groups["key"].Value;
        using (var wrong = await _anna.SubmitAsync("/account/codes", "confirm", [new("code", "000000")]))
            Assert.Contains("not the app&#x27;s current code", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var confirmed = await _anna.SubmitAsync("/account/codes", "confirm", [new("code", Code(secret))]);
        Assert.True(confirmed.Headers.CacheControl!.NoStore);
        return (secret, [.. Recovery().Matches(await confirmed.Content.ReadAsStringAsync()).Select(m => m.Value)]);
    }

    private string Code(string secret) => new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp(_host.Clock.GetUtcNow().UtcDateTime);

    private static async Task<string?> PasswordAsync(Browser browser) =>
        (await browser.SubmitAsync("/sign-in", "sign-in", [new("email", People.Email), new("password", People.Password)]))
        .Headers.Location?.AbsolutePath;

    private static async Task<string?> CodeAsync(Browser browser, string code) =>
        (await browser.SubmitAsync("/sign-in/code", "code", [new("code", code)])).Headers.Location?.AbsolutePath;

    [GeneratedRegex("id=\"app-key\"[^>]*><code>(?<key>[A-Z2-7]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Secret();

    [GeneratedRegex("[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}")]
    private static partial Regex Recovery();

    [GeneratedRegex("end-[0-9a-f-]{36}")]
    private static partial Regex EndForm();
}
