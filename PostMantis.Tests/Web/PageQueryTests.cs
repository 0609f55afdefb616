using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Connections;
using PostMantis.Core.Profiles;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>What a page asks the database does not grow with what it shows.</summary>
public sealed class PageQueryTests : IAsyncLifetime
{
    // Beside what the page itself asks: the session, the banners, the brands.
    private const int MostQueries = 16;
    private const string Queries = "Npgsql";

    private readonly ConcurrentDictionary<string, int> _queries = new();
    private DashboardWorld _world = null!;
    private ActivityListener _listener = null!;

    public async ValueTask InitializeAsync()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is Queries or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = done =>
            {
                // Opening a connection is none.
                if (done.Source.Name == Queries && done.GetTagItem("db.query.text") is not null)
                    _queries.AddOrUpdate(done.TraceId.ToString(), 1, (_, count) => count + 1);
            },
        };
        ActivitySource.AddActivityListener(_listener);
        _world = await DashboardWorld.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        _listener.Dispose();
    }

    [Fact]
    public async Task No_page_asks_more_when_there_is_more_to_show()
    {
        var values = await FillAsync(1);
        var pages = DashboardRoutes.Of([_world.Host.Services.GetRequiredService<EndpointDataSource>()]).Where(p => !p.Contains("callback", StringComparison.Ordinal) && !p.StartsWith("/status/", StringComparison.Ordinal))
            .Select(p => DashboardRoutes.Fill(p, values))
            .Concat(["/posts?outcome=failed", "/posts?status=scheduled", "/posts?attention=true", "/?range=month", $"/log?post={values["/posts id"]}", "/events?type=post.created"])
            .ToList();
        Assert.Contains("/brands", pages);
        Dictionary<string, int> few = [];
        foreach (var path in pages) few[path] = await CountAsync(path);
        Assert.True(few["/posts"] >= 3, $"Queries are counted: {few["/posts"]} of {_queries.Count}.");
        await FillAsync(12);

        // That the session was used is noted now and then.
        await CountAsync("/account");
        List<string> grown = [];
        foreach (var path in pages)
        {
            var many = await CountAsync(path);
            if (many > few[path] || many > MostQueries) grown.Add($"{path}: {few[path]} queries with few rows, {many} with many");
        }
        Assert.Empty(grown);
    }

    private async Task<int> CountAsync(string path)
    {
        var trace = ActivityTraceId.CreateRandom().ToString();
        using var page = await _world.Browser.GetAsync(path, ("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01"));
        Assert.True(page.StatusCode is HttpStatusCode.OK or HttpStatusCode.Found or HttpStatusCode.NotFound, $"{path} answered {page.StatusCode}");
        await page.Content.ReadAsStringAsync();
        return _queries.GetValueOrDefault(trace);
    }

    // Some of everything; answers what the gaps of addresses are filled with.
    private async Task<Dictionary<string, string>> FillAsync(int times)
    {
        var (person, host) = (_world.Person, _world.Host);
        ApiClient key = null!;
        Guid webhook = default, brand = default, post = default;
        for (var i = 0; i < times; i++)
        {
            var profile = await Seed.ProfileAsync(host, person, $"Page {Guid.CreateVersion7()}", change: p =>
            {
                if (i % 2 == 1) p.RequireReauth(host.Clock.GetUtcNow());
            });
            await host.InDatabaseAsync(db => db.Connections.Where(c => c.Id == profile.ConnectionId)
                .ExecuteUpdateAsync(c => c.SetProperty(x => x.RefreshTokenExpiresAt, host.Clock.GetUtcNow().AddDays(2))));
            brand = await host.InScopeAsync(s => s.GetRequiredService<BrandEditor>().CreateAsync(person, $"Brand {profile.Id}", default));
            await host.InScopeAsync(async s =>
            {
                await s.GetRequiredService<BrandEditor>().AssignAsync(person, brand, [profile.Id], [], default);
                return 0;
            });
            key = await ApiClient.WithKeyAsync(host, person, rules: new Core.Access.KeyRules(ApprovalRequired: true));
            await key.PostAsync("/posts", PublishingWorld.Body($"asks {i} {profile.Id}", [_world.Pages[0]]).ToJsonString());
            webhook = (await host.InScopeAsync(s => s.GetRequiredService<WebhookEndpoints>().CreateAsync(person,
                new WebhookSettings($"Hook {i}", "http://127.0.0.1:8999/", WebhookMode.Both, [], [], []), default))).EndpointId;
            await host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().StartAsync(person, "sandbox", default));
            post = (await _world.PostAsync($"goes out {i} {profile.Id}", _world.Pages[i % 4])).Id;
            await _world.PostAsync($"fails {i} {profile.Id}", _world.Pages[1], "publish=rejected");
            await _world.PostAsync($"unknown {i} {profile.Id}", _world.Pages[3], "publish=timeoutAfterAccept");
            await _world.PostAsync($"later {i} {profile.Id}", _world.Pages[0], at: host.Clock.GetUtcNow().AddDays(5));
        }
        await _world.RunAsync();
        var session = await host.InDatabaseAsync(db => db.ConnectionSessions.OrderBy(s => s.Id).Select(s => s.Id).FirstAsync());
        var message = await host.InDatabaseAsync(db => db.WebhookMessages.Where(m => m.EndpointId == webhook).Select(m => m.Id).FirstAsync());
        return new Dictionary<string, string>
        {
            ["/posts id"] = post.ToString(), ["/profiles id"] = _world.Pages[0].Id.ToString(), ["/keys id"] = key.KeyId.ToString(),
            ["/brands id"] = brand.ToString(), ["/webhooks id"] = webhook.ToString(), ["messageId"] = message.ToString(),
            ["/connect id"] = session.ToString(), ["provider"] = "sandbox", ["/problems code"] = "duplicate-post", ["code"] = "404",
        };
    }
}
