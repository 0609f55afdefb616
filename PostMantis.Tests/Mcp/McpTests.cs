using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Tests.Http;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Mcp;

/// <summary>Agents at <c>/mcp</c>: with the official client, and by hand.</summary>
public sealed class McpTests(ContractInstance instance) : IClassFixture<ContractInstance>
{
    private PostMantisHost Host => instance.Host;

    [Fact]
    public async Task The_official_client_walks_every_tool_with_every_kind_of_key()
    {
        var (code, output) = await NodeTools.RunScriptAsync("mcp-walk.mjs", await WorldAsync());
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task A_hostile_agent_gets_no_further_than_its_key()
    {
        var (code, output) = await NodeTools.RunScriptAsync("mcp-hostile.mjs", await WorldAsync());
        Assert.True(code == 0, output);

        // Whatever it was told: nothing of it went out, and what waits is what its keys allow.
        await instance.World.PassAsync(TimeSpan.Zero);
        Assert.DoesNotContain(await instance.World.Sandbox.PostsAsync(), p => p.Body.StartsWith("Hostile", StringComparison.Ordinal));
        var posts = await Host.InDatabaseAsync(db => db.Posts.AsNoTracking().ToListAsync());
        Assert.Equal(["Hostile: at night Scheduled", "Hostile: draft Draft", "Hostile: unapproved AwaitingApproval",
            "Hostile: unapproved AwaitingApproval"], posts.Where(p => p.Content.Body?.StartsWith("Hostile", StringComparison.Ordinal) == true && !p.IsCapped)
            .Select(p => $"{p.Content.Body} {p.Status}").Order(StringComparer.Ordinal));
        Assert.Equal(2, posts.Count(p => p.IsCapped));
        var night = posts.Single(p => p.Content.Body == "Hostile: at night");
        Assert.Equal("quietHours", (await instance.World.ReadAsync(night.Id)).Deliveries[0].DeferReason);
    }

    [Fact]
    public async Task Any_replica_answers_and_nothing_is_there_without_a_key()
    {
        using var without = await SendAsync(Host, null, "tools/list");
        Assert.Equal((HttpStatusCode.Unauthorized, "application/problem+json"),
            (without.StatusCode, without.Content.Headers.ContentType!.MediaType));
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Delete])
        {
            using var request = new HttpRequestMessage(method, "/mcp");
            using var answer = await Host.Client.SendAsync(request);
            Assert.Equal((HttpStatusCode.MethodNotAllowed, "POST"), (answer.StatusCode, Assert.Single(answer.Content.Headers.Allow)));
        }

        await using var replica = await PostMantisHost.StartAsync(connectionString: Host.ConnectionString);
        using var listed = await SendAsync(replica, instance.Api.Key, "tools/list");
        Assert.False(listed.Headers.Contains("Mcp-Session-Id"));
        Assert.StartsWith("\"read\"", Assert.Single(listed.Headers.GetValues("RateLimit")), StringComparison.Ordinal);
        Assert.Equal(15, (await ReadAsync(listed))["result"]!["tools"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_write_counts_as_one_and_says_how_long_to_wait()
    {
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["Api:RateLimits:Write"] = "1" });
        var api = await ApiClient.WithKeyAsync(host, await Seed.UserAsync(host));
        Assert.Null(await RefusedAsync("first"));
        Assert.Equal("rateLimited", (string?)(await RefusedAsync("second"))!["code"]);
        Assert.Null((await ReadAsync(await SendAsync(host, api.Key, "tools/call",
            new JsonObject { ["name"] = "postmantis_get_key", ["arguments"] = new JsonObject() })))["result"]!["isError"]);

        async Task<JsonNode?> RefusedAsync(string key)
        {
            using var answer = await SendAsync(host, api.Key, "tools/call", new JsonObject
            {
                ["name"] = "postmantis_create_post",
                ["arguments"] = new JsonObject { ["idempotencyKey"] = key, ["post"] = new JsonObject { ["body"] = "Hello" } },
            });
            var result = (await ReadAsync(answer))["result"]!;
            return (bool?)result["isError"] == true ? JsonNode.Parse((string)result["content"]![1]!["text"]!) : null;
        }
    }

    private static Task<HttpResponseMessage> SendAsync(PostMantisHost host, string? key, string method, JsonObject? parameters = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent(new JsonObject
            {
                ["jsonrpc"] = "2.0",
                ["id"] = 1,
                ["method"] = method,
                ["params"] = parameters ?? [],
            }.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return host.Client.SendAsync(request);
    }

    private static async Task<JsonObject> ReadAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        var data = text.Split('\n').FirstOrDefault(line => line.StartsWith("data:", StringComparison.Ordinal))?[5..] ?? text;
        return JsonNode.Parse(data)!.AsObject();
    }

    private async Task<Dictionary<string, string?>> WorldAsync()
    {
        var (person, page) = (instance.World.Person, instance.Posts[0].Deliveries[0].ProfileId);
        async Task<string> KeyAsync(Permission permission = Permission.Publish, KeyRules? rules = null, Guid? only = null) =>
            (await ApiClient.WithKeyAsync(Host, person, permission, rules: rules, profiles: only is { } id ? [id] : null)).Key!;
        var failed = await instance.World.PostAsync($"Fails {Guid.CreateVersion7()}", instance.World.Pages[3], "publish=rejected");
        var draft = PublishingWorld.Body($"Draft {Guid.CreateVersion7()}", [instance.World.Pages[3]]);
        draft["post"]!["draft"] = true;
        var now = Host.Clock.GetUtcNow();
        await instance.World.PassAsync(TimeSpan.Zero);
        var hour = TimeOnly.FromTimeSpan(now.UtcDateTime.TimeOfDay);
        return new Dictionary<string, string?>
        {
            ["WORLD"] = new JsonObject
            {
                ["address"] = Host.Address.AbsoluteUri.TrimEnd('/'),
                ["now"] = now.ToString("O"),
                ["later"] = now.AddDays(40).ToString("O"),
                ["profile"] = page.ToString(),
                ["published"] = instance.Posts[0].Id.ToString(),
                ["scheduled"] = (await instance.World.PostAsync($"Scheduled {Guid.CreateVersion7()}", instance.World.Pages[3], at: now.AddDays(30))).Id.ToString(),
                ["draft"] = (await instance.World.CreateAsync(draft)).Id.ToString(),
                ["failed"] = new JsonObject
                {
                    ["post"] = failed.Id.ToString(),
                    ["delivery"] = failed.Deliveries[0].Id.ToString(),
                },
                ["dot"] = Convert.ToBase64String(ContractInstance.Dot),
                ["keys"] = new JsonObject
                {
                    ["publish"] = await KeyAsync(),
                    ["read"] = await KeyAsync(Permission.Read),
                    ["draft"] = await KeyAsync(Permission.Draft),
                    ["narrow"] = await KeyAsync(only: instance.World.Pages[0].Id),
                    ["stranger"] = (await ApiClient.WithKeyAsync(Host, await Seed.UserAsync(Host))).Key,
                    ["approval"] = await KeyAsync(rules: new KeyRules(ApprovalRequired: true)),
                    ["capped"] = await KeyAsync(rules: new KeyRules(DailyCap: 2)),
                    ["quiet"] = await KeyAsync(rules: new KeyRules(QuietFrom: hour.AddHours(-1), QuietUntil: hour.AddHours(1))),
                },
            }.ToJsonString(),
        };
    }
}
