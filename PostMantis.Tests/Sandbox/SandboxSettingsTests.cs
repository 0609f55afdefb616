using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Core.Providers;
using PostMantis.Tests.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Sandbox;

public sealed class SandboxSettingsTests
{
    [Fact]
    public async Task Hosted_in_the_process_it_listens_beside_PostMantis()
    {
        var address = new Uri($"http://127.0.0.1:{PostgresServer.FreePort()}");
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Sandbox:Hosted"] = "true",
            ["Sandbox:Url"] = address.AbsoluteUri,
        });
        Assert.NotEqual(address.Port, host.Address.Port);
        Assert.Equal("Healthy", await host.Client.GetStringAsync("/alive"));
        using var client = new HttpClient { BaseAddress = address };
        Assert.Contains("Studio Page", await client.GetStringAsync("/"), StringComparison.Ordinal);
        using var control = await client.PostAsync("/control/holds?when=before&count=1", null);
        Assert.Equal(HttpStatusCode.NotFound, control.StatusCode);
    }

    [Fact]
    public async Task Starting_it_again_on_the_same_database_keeps_what_was_published()
    {
        var database = await PostgresServer.Current.CreateEmptyDatabaseAsync();
        await using (var first = await SandboxServer.StartAsync(database)) await PublishAsync(first, "kept");
        await using var second = await SandboxServer.StartAsync(database);
        Assert.Contains(await second.PostsAsync(), p => p.Body == "kept");
    }

    [Fact]
    public async Task A_limited_page_says_what_is_left_and_when_it_opens_again()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60).AddSeconds(20));
        await using var sandbox = await SandboxServer.StartAsync(time: clock,
            settings: new Dictionary<string, string?> { ["Sandbox:PostsPerMinute"] = "2" });
        var token = await sandbox.ConnectAsync("lab");
        Assert.Equal(("1", null), await LeftAsync(HttpStatusCode.Created));
        Assert.Equal(("0", null), await LeftAsync(HttpStatusCode.Created));
        Assert.Equal(("0", 40), await LeftAsync(HttpStatusCode.TooManyRequests));
        clock.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(("1", null), await LeftAsync(HttpStatusCode.Created));

        async Task<(string Left, int? Seconds)> LeftAsync(HttpStatusCode status)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/destinations/lab-none/posts");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Content = JsonContent.Create(new { body = "limited" });
            using var answer = await sandbox.Client.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
            return (Assert.Single(answer.Headers.GetValues("X-RateLimit-Remaining")),
                (int?)answer.Headers.RetryAfter?.Delta?.TotalSeconds);
        }
    }

    [Fact]
    public async Task With_a_listing_delay_a_new_post_is_public_before_it_is_listed()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var sandbox = await SandboxServer.StartAsync(time: clock,
            settings: new Dictionary<string, string?> { ["Sandbox:ListingDelay"] = "00:05:00" });
        await using var host = await PostMantisHost.StartAsync(sandbox.Settings);
        var provider = host.Services.GetRequiredService<ProviderCatalog>().Get(ProviderCatalog.SandboxId);
        var page = new Destination("lab-read-back", "", null, null, new Dictionary<string, string> { ["mode"] = "readBack" });
        var work = TestPublishWork.For(page, new GrantTokens { AccessToken = await sandbox.ConnectAsync("lab") }, "late", clock);
        Assert.IsType<PublishOutcome.Published>(await provider.Publisher.PublishAsync(work, default));
        Assert.Contains("late", await sandbox.Client.GetStringAsync("/feed/lab-read-back"), StringComparison.Ordinal);
        Assert.IsType<ReconcileOutcome.NotListed>(
            await provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
        clock.Advance(TimeSpan.FromMinutes(5));
        host.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.IsType<ReconcileOutcome.Found>(
            await provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
    }

    [Fact]
    public async Task A_post_is_found_far_back_in_a_busy_listing()
    {
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(sandbox.Settings, movedClock: false);
        var provider = host.Services.GetRequiredService<ProviderCatalog>().Get(ProviderCatalog.SandboxId);
        var page = new Destination("lab-read-back", "", null, null, new Dictionary<string, string> { ["mode"] = "readBack" });
        var tokens = new GrantTokens { AccessToken = await sandbox.ConnectAsync("lab") };
        var work = TestPublishWork.For(page, tokens, "buried", TimeProvider.System);
        await provider.Publisher.PublishAsync(work, default);
        for (var i = 0; i < 250; i++)
        {
            Assert.IsType<PublishOutcome.Published>(await provider.Publisher.PublishAsync(
                TestPublishWork.For(page, tokens, $"above {i}", TimeProvider.System), default));
        }
        Assert.IsType<ReconcileOutcome.Found>(
            await provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
    }

    private static async Task PublishAsync(SandboxServer sandbox, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/destinations/lab-none/posts");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await sandbox.ConnectAsync("lab"));
        request.Content = JsonContent.Create(new { body });
        using var answer = await sandbox.Client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }
}
