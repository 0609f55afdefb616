using System.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Connections;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Profiles, the consent they live by, and the trip to it.</summary>
public sealed class ProfilePageTests : IAsyncLifetime
{
    private DashboardWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await DashboardWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_profile_shows_its_consent_what_is_at_risk_and_what_a_disconnect_would_do()
    {
        var (page, now) = (_world.Pages[0], _world.Host.Clock.GetUtcNow());
        await _world.PostAsync("before the end", page, at: now.AddDays(1));
        await _world.PostAsync("after the end", page, at: now.AddDays(5));
        await _world.Host.InScopeAsync(async s => (await s.GetRequiredService<Core.Deliveries.PostAcceptor>().CreateAsync(_world.Person,
            System.Text.Json.Nodes.JsonNode.Parse($$"""
                {"post": {"body": "a draft is not at risk", "draft": true, "scheduledAt": "{{now.AddDays(9):O}}"}, "profiles": ["{{page.Id}}"]}
                """)!.AsObject(), default)).Post);
        await _world.Host.InDatabaseAsync(db => db.Connections.ExecuteUpdateAsync(c => c
            .SetProperty(x => x.RefreshTokenExpiresAt, now.AddDays(3)).SetProperty(x => x.Scopes, ["post.write", "profile.read"])));
        var text = await _world.TextAsync($"/profiles/{page.Id}");
        foreach (var words in (string[])
            ["1 post is due after the consent ends", "post.write", "profile.read", "2 posts", "2 waiting deliveries fail.", "3 other profiles, so its tokens stay",
                "Connecting the same account again brings this profile back"])
            Assert.Contains(words, text, StringComparison.Ordinal);
        Assert.Contains("data-label=\"Waiting\" class=\"num\">2<", await _world.TextAsync("/profiles"), StringComparison.Ordinal);

        foreach (var sibling in _world.Pages.Skip(1)) await _world.GoAsync($"/profiles/{sibling.Id}", "disconnect");
        Assert.Contains("its tokens are erased here and revoked at the network", await _world.TextAsync($"/profiles/{page.Id}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_profile_that_needs_consent_is_reconnected_from_its_page()
    {
        var page = _world.Pages[0];
        await _world.Host.InDatabaseAsync(async db =>
        {
            foreach (var profile in await db.Profiles.ToListAsync()) profile.RequireReauth(_world.Host.Clock.GetUtcNow());
            foreach (var connection in await db.Connections.ToListAsync()) connection.Status = ConnectionStatus.ReauthRequired;
            return await db.SaveChangesAsync();
        });
        Assert.Contains("asks for consent again", await _world.TextAsync("/profiles"), StringComparison.Ordinal);
        var path = $"/profiles/{page.Id}";
        using (var shown = await _world.Browser.GetAsync(path))
            Assert.Contains($"form-action 'self' {_world.Sandbox.Address.GetLeftPart(UriPartial.Authority)}",
                Assert.Single(shown.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        using (var left = await _world.Browser.SubmitToAsync(path, "/connect", [new("_handler", "connect-sandbox")]))
        {
            var back = HttpUtility.ParseQueryString((await _world.Sandbox.ConsentAsync(left.Headers.Location!, "lab")).Query);
            using var returned = await _world.Browser.GetAsync($"/connect/callback/sandbox?state={back["state"]}&code={back["code"]}");
            Assert.Equal("/profiles", await _world.GoAsync(returned.Headers.Location!.AbsolutePath, "choose", ("destinations", page.ProviderProfileId)));
        }
        Assert.Equal(ProfileStatus.Active, await _world.Host.InDatabaseAsync(db => Task.FromResult(db.Profiles.Single(p => p.Id == page.Id).Status)));
    }

    [Fact]
    public async Task A_trip_that_was_left_is_found_again_gone_on_with_or_given_up()
    {
        var first = await StartAsync();
        Assert.Contains($"href=\"/connect/{first.Session.Id}\"", await _world.TextAsync("/connect"), StringComparison.Ordinal);
        var waiting = await _world.TextAsync($"/connect/{first.Session.Id}");
        foreach (var words in (string[])["Waiting for Sandbox", "aria-current=\"step\"><b>2</b>", "Begin once more"])
            Assert.Contains(words, waiting, StringComparison.Ordinal);
        Assert.Equal($"/connect/{first.Session.Id}", await _world.GoAsync($"/connect/{first.Session.Id}", "give-up"));
        Assert.Contains("Not connected", await _world.TextAsync($"/connect/{first.Session.Id}"), StringComparison.Ordinal);
        Assert.DoesNotContain("Under way", await _world.TextAsync("/connect"), StringComparison.Ordinal);

        var second = await StartAsync();
        var back = HttpUtility.ParseQueryString((await _world.Sandbox.ConsentAsync(second.AuthorizeUrl)).Query);
        using (await _world.Browser.GetAsync($"/connect/callback/sandbox?state={back["state"]}&code={back["code"]}"))
            Assert.Contains("said yes; choose profiles", await _world.TextAsync("/connect"), StringComparison.Ordinal);

        var third = await StartAsync();
        var state = HttpUtility.ParseQueryString(third.AuthorizeUrl.Query)["state"];
        using (await _world.Browser.GetAsync($"/connect/callback/sandbox?state={state}&code=never-given"))
        {
            var failed = await _world.TextAsync($"/connect/{third.Session.Id}");
            foreach (var words in (string[])["That did not work", "href=\"/problems/", "What to do", "Try again"])
                Assert.Contains(words, failed, StringComparison.Ordinal);
        }
        var bob = await Seed.UserAsync(_world.Host, "bob");
        Assert.Empty(await _world.Host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().OpenAsync(bob, default)));
        _world.Host.Clock.Advance(TimeSpan.FromHours(1));
        Assert.DoesNotContain("Under way", await _world.TextAsync("/connect"), StringComparison.Ordinal);
    }

    private Task<StartedSession> StartAsync() =>
        _world.Host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().StartAsync(_world.Person, "sandbox", default));
}
