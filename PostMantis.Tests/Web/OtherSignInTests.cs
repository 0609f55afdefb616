using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Playwright;
using PostMantis.Tests.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Signing in without a password, in a real Chromium: passkeys, and an OpenID Connect provider.</summary>
public sealed class OtherSignInTests
{
    [Fact]
    public async Task A_passkey_is_made_signs_in_and_is_removed()
    {
        // An address by number cannot have passkeys.
        var port = PostgresServer.FreePort();
        var address = new Uri($"http://localhost:{port}");
        await using var host = await PostMantisHost.StartAsync(configure: builder =>
        {
            builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
            builder.Configuration.AddInMemoryCollection([new("PublicUrl", address.AbsoluteUri)]);
        });
        await host.SetUpAsync();
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(address);
        var devTools = await page.Context.NewCDPSessionAsync(page);
        await devTools.SendAsync("WebAuthn.enable");
        await devTools.SendAsync("WebAuthn.addVirtualAuthenticator", new()
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2", ["transport"] = "internal", ["hasResidentKey"] = true,
                ["hasUserVerification"] = true, ["isUserVerified"] = true, ["automaticPresenceSimulation"] = true,
            },
        });

        await SignInAsync(page);
        await page.GotoAsync("/account");
        await page.GetByLabel("Name of the new passkey").FillAsync("My phone");
        await page.Locator("#passkey-current").FillAsync("not the password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" }).ClickAsync();
        await Assertions.Expect(page.Locator("[data-passkey=new] [role=status]")).ToContainTextAsync("This is not your password");
        await page.Locator("#passkey-current").FillAsync(People.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Remove My phone" })).ToBeVisibleAsync();

        await SignOutAsync(page);
        await page.GotoAsync("/sign-in?returnUrl=%2Faudit");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in with a passkey" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Audit log" })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("User passkey added")).ToBeVisibleAsync();

        await page.GotoAsync("/account");
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove My phone" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Remove My phone" })).ToHaveCountAsync(0);
        await SignOutAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in with a passkey" }).ClickAsync();
        await Assertions.Expect(page.Locator("[data-passkey=use] [role=status]")).ToContainTextAsync("was not accepted");

        // The browser itself notes the answers that refuse.
        complaints.RemoveAll(c => c.Contains("400 (Bad Request)", StringComparison.Ordinal));
        Assert.Empty(complaints);
    }

    [Fact]
    public async Task An_account_at_a_provider_signs_in_only_once_it_was_tied()
    {
        var port = PostgresServer.FreePort();
        var address = new Uri($"http://127.0.0.1:{port}");
        await using var provider = await OpenIdServer.StartAsync(address);
        await using var host = await PostMantisHost.StartAsync(provider.Settings, builder =>
        {
            builder.WebHost.UseUrls(address.AbsoluteUri);
            builder.Configuration.AddInMemoryCollection([new("PublicUrl", address.AbsoluteUri)]);
        });
        await host.SetUpAsync(email: "anna@idp.example");
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(address);

        // The same address over there opens nothing here.
        await page.GotoAsync("/sign-in");
        await ThereAsync(page, "Sign in with Example ID", "anna");
        await Assertions.Expect(page.GetByText("No account here is tied to that one.")).ToBeVisibleAsync();

        await SignInAsync(page, "anna@idp.example");
        await page.GotoAsync("/account");
        await ThereAsync(page, "Tie it");
        await Assertions.Expect(page.GetByText("Tied to anna")).ToBeVisibleAsync();

        await SignOutAsync(page);
        await page.GotoAsync("/sign-in?returnUrl=%2Faudit");
        await ThereAsync(page, "Sign in with Example ID");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Audit log" })).ToBeVisibleAsync();

        await page.GotoAsync("/account");
        await page.GetByRole(AriaRole.Button, new() { Name = "Untie" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Tie it" })).ToBeVisibleAsync();
        Assert.Equal(0, await host.InDatabaseAsync(db => db.UserLogins.CountAsync()));
        Assert.DoesNotContain(complaints, c => c.Contains("Content Security Policy", StringComparison.Ordinal)
            && !c.Contains(provider.Address.Authority, StringComparison.Ordinal));
    }

    // As the provider's own pages go: a name and any password where nobody is signed in there, then a yes.
    private static async Task ThereAsync(IPage page, string button, string? name = null)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync();
        if (name is not null)
        {
            await page.Locator("[name=login]").FillAsync(name);
            await page.Locator("[name=password]").FillAsync("any");
            await page.GetByRole(AriaRole.Button, new() { Name = "Sign-in" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        }
    }

    private static async Task SignInAsync(IPage page, string email = People.Email)
    {
        await page.GotoAsync("/sign-in");
        await page.GetByLabel("E-mail").FillAsync(email);
        await page.GetByLabel("Password").FillAsync(People.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
    }

    private static async Task SignOutAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true }).First.ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
    }
}
