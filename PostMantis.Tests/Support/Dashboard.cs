using Microsoft.Playwright;

namespace PostMantis.Tests.Support;

/// <summary>What a person does first in a browser, for tests about what they do next.</summary>
internal static class Dashboard
{
    /// <summary>Makes the first account and is signed in.</summary>
    public static async Task SetUpAsync(IPage page)
    {
        await page.GotoAsync($"/setup?token={PostMantisHost.SetupToken}");
        await page.GetByLabel("E-mail").FillAsync("ada@example.com");
        await page.GetByLabel("Password").FillAsync("a long and quiet password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
    }

    /// <summary>Connects pages of the sandbox's studio.</summary>
    public static async Task ConnectAsync(IPage page, params string[] destinations)
    {
        await page.GotoAsync("/connect");
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
        await page.GetByLabel("Sandbox Studio").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        foreach (var destination in destinations) await page.GetByLabel(destination).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect these" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Profiles", Exact = true })).ToBeVisibleAsync();
    }
}
