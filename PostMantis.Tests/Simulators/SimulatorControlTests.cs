using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Mastodon;

namespace PostMantis.Tests.Simulators;

public sealed class SimulatorControlTests : IAsyncLifetime
{
    private SimulatorClient _any = null!;

    public async ValueTask InitializeAsync() => _any = await SimulatorClient.StartAsync("mastodon");

    public ValueTask DisposeAsync() => _any.DisposeAsync();

    [Fact]
    public void Simulators_know_nothing_of_ours() => Assert.DoesNotContain(
        typeof(SimulatorHost).Assembly.GetReferencedAssemblies(),
        reference => reference.Name!.StartsWith("PostMantis", StringComparison.Ordinal));

    [Fact]
    public async Task Every_network_starts_and_answers_for_itself()
    {
        foreach (var name in Networks.Names)
        {
            await using var one = await SimulatorClient.StartAsync(name);
            Assert.Equal(name, (string)(await one.GetAsync("/_sim/")).Json["name"]!);
            Assert.NotEmpty((await one.GetAsync("/_sim/accounts")).Json.AsArray());
            Assert.Equal("[]", (await one.GetAsync("/_sim/journal")).Text);
            Assert.Equal(200, (await one.GetAsync("/_sim/settings")).Code);
        }
    }

    [Fact]
    public async Task Rules_consent_clock_and_traits_change_over_http()
    {
        var changed = await PatchAsync("/_sim/settings", """{"maxCharacters":42,"mimeTypes":["image/png"]}""");
        Assert.Equal(42, (int)changed.Json["maxCharacters"]!);
        Assert.Equal(["image/png"], ((MastodonSettings)_any.Host.Network.Settings).MimeTypes);
        Assert.Equal(400, (await PatchAsync("/_sim/settings", """{"surprise":1}""")).Code);
        await PatchAsync("/_sim/consent", """{"approve":"bob","deny":false}""");
        Assert.Equal("bob", _any.Sim.Consent.Approve);
        await _any.PostAsync("/_sim/clock", new JsonObject { ["advanceSeconds"] = 90 });
        Assert.Equal(SimulatorClient.Start.AddSeconds(90), _any.Sim.Now);
        await _any.SendAsync(new HttpRequestMessage(HttpMethod.Put, "/_sim/accounts/ann/traits/disabled?value=yes"));
        Assert.Equal("yes", _any.Sim.FindAccount("ann")!.Traits["disabled"]);
        await _any.SendAsync(new HttpRequestMessage(HttpMethod.Delete, "/_sim/accounts/ann/traits/disabled"));
        Assert.False(_any.Sim.FindAccount("ann")!.Has("disabled"));
    }

    [Fact]
    public async Task Grants_are_expired_and_revoked_over_http()
    {
        var grant = new Grant
        {
            Account = _any.Sim.Accounts[0],
            Client = "c",
            Scopes = new HashSet<string>(),
            AccessUntil = SimulatorClient.Start.AddDays(1),
        };
        _any.Sim.Grants.Add(grant);
        Assert.Equal(204, (await _any.PostAsync("/_sim/accounts/ann/expire", null)).Code);
        Assert.Equal(SimulatorClient.Start, grant.AccessUntil);
        Assert.Equal(204, (await _any.PostAsync("/_sim/accounts/ann/revoke", null)).Code);
        Assert.True(grant.Revoked);
        Assert.Equal(404, (await _any.PostAsync("/_sim/accounts/nobody/revoke", null)).Code);
    }

    [Fact]
    public async Task A_scripted_fault_meets_the_requests_it_names_as_often_as_told()
    {
        await _any.PostAsync("/_sim/faults", JsonNode.Parse("""
            {"path":"/api/v2/instance","method":"GET","skip":1,"times":2,"status":503,"body":"<html>","contentType":"text/html",
             "headers":{"Retry-After":"7"}}
            """));
        Assert.Equal(200, (await _any.GetAsync("/api/v2/instance")).Code);
        for (var at = 0; at < 2; at++)
        {
            var spoiled = await _any.GetAsync("/api/v2/instance");
            Assert.Equal((503, "<html>", "7"), (spoiled.Code, spoiled.Text, spoiled.Header("Retry-After")));
        }
        Assert.Equal(200, (await _any.GetAsync("/api/v2/instance")).Code);
        await _any.PostAsync("/_sim/faults", new JsonObject { ["path"] = "/api/v2/instance" });
        await _any.SendAsync(new HttpRequestMessage(HttpMethod.Delete, "/_sim/faults"));
        Assert.Equal(200, (await _any.GetAsync("/api/v2/instance")).Code);
        await _any.PostAsync("/_sim/faults", new JsonObject { ["path"] = "/api/v2/instance" });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => _any.GetAsync("/api/v2/instance"));
    }

    [Fact]
    public async Task A_held_request_is_answered_when_its_time_comes()
    {
        _any.Sim.Faults.Add(new Fault { Path = "/api/v2/instance", DelaySeconds = 30 });
        var held = _any.GetAsync("/api/v2/instance");
        Assert.False(held.IsCompleted);
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (_any.Sim.Faults.Waiting == 0)
        {
            bound.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        _any.Advance(30);
        Assert.Equal(200, (await held.WaitAsync(TimeSpan.FromSeconds(30))).Code);
    }

    private Task<Answer> PatchAsync(string path, string body) => _any.SendAsync(
        new HttpRequestMessage(HttpMethod.Patch, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        });
}
