using System.Net;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Profiles;
using PostMantis.Core.Webhooks;

namespace PostMantis.Tests.Support;

/// <summary>A host, the sandbox network, and a person at a browser without scripts who connected pages there.</summary>
internal sealed class DashboardWorld : IAsyncDisposable
{
    private const string Password = "a long and quiet password";

    private DashboardWorld(SandboxServer sandbox, PostMantisHost host, Browser browser, Caller person, IReadOnlyList<Profile> pages) =>
        (Sandbox, Host, Browser, Person, Pages) = (sandbox, host, browser, person, pages);

    public SandboxServer Sandbox { get; }

    public PostMantisHost Host { get; }

    /// <summary>The person's browser, signed in.</summary>
    public Browser Browser { get; }

    public Caller Person { get; }

    /// <summary>One page per settlement mode, in the order of the modes.</summary>
    public IReadOnlyList<Profile> Pages { get; }

    public static async Task<DashboardWorld> StartAsync(IReadOnlyDictionary<string, string?>? settings = null)
    {
        var sandbox = await SandboxServer.StartAsync(settings: new Dictionary<string, string?>
        {
            ["Sandbox:AccessTokenLifetime"] = "1.00:00:00",
        });
        var merged = new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Deliveries:ShowAfter"] = "00:00:00",
            ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        var host = await PostMantisHost.StartAsync(merged);
        var browser = new Browser(host.Address);
        using (var answer = await browser.SubmitAsync("/setup", "setup",
            [new("token", PostMantisHost.SetupToken), new("email", "ada@example.com"), new("password", Password)]))
            Assert.Equal("/", answer.Headers.Location!.AbsolutePath);
        var person = Caller.Person(await host.InDatabaseAsync(db => Task.FromResult(db.Users.Single().Id)), null);
        var pages = await PublishingWorld.ConnectAsync(host, sandbox, person,
            "lab-idempotent", "lab-probe", "lab-read-back", "lab-none");
        return new DashboardWorld(sandbox, host, browser, person, pages);
    }

    /// <summary>Accepts a post, with faults such as <c>publish=rejected</c>.</summary>
    public Task<PostResource> PostAsync(string body, Profile page, string faults = "", DateTimeOffset? at = null, Caller? caller = null) =>
        Host.InScopeAsync(async services => (await services.GetRequiredService<PostAcceptor>()
            .CreateAsync(caller ?? Person, PublishingWorld.Body(body, [page], faults, at), default)).Post);

    /// <summary>Publishes what is due, numbers what happened and sends the webhooks that are due.</summary>
    public async Task RunAsync()
    {
        while (await Host.Services.GetRequiredService<DeliveryRunner>().RunOnceAsync(default) > 0)
        {
        }
        while (await Host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
        while (await Host.Services.GetRequiredService<WebhookRunner>().RunOnceAsync(default) > 0)
        {
        }
    }

    /// <summary>The text of a page that is there.</summary>
    public async Task<string> TextAsync(string path)
    {
        using var page = await Browser.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        return WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
    }

    public Task<HttpResponseMessage> SubmitAsync(string path, string form, params (string Name, string Value)[] fields) =>
        Browser.SubmitAsync(path, form, fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

    /// <summary>Sends a form that leads on, and answers where to.</summary>
    public async Task<string> GoAsync(string path, string form, params (string Name, string Value)[] fields)
    {
        using var answer = await SubmitAsync(path, form, fields);
        return answer.Headers.Location?.AbsolutePath
            ?? throw new InvalidOperationException(WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync()));
    }

    public async ValueTask DisposeAsync()
    {
        Browser.Dispose();
        await Host.DisposeAsync();
        await Sandbox.DisposeAsync();
    }
}
