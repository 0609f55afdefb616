using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PostMantis.Client;
using PostMantis.Tests.Http;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Clients;

/// <summary>An instance that publishes by itself, in a process of its own, as clients meet it.</summary>
public sealed class RunningInstance : IAsyncLifetime
{
    private ApiServer _server = null!;

    internal PublishingWorld World { get; private set; } = null!;

    internal Uri Address => _server.Address;

    internal string Key { get; private set; } = "";

    internal string Page => World.PageOf(Core.Providers.SettlementMode.Idempotent).Id.ToString();

    public async ValueTask InitializeAsync()
    {
        World = await PublishingWorld.StartAsync(movedClock: false);
        _server = await World.StartReplicaAsync();
        Key = (await ApiClient.WithKeyAsync(World.Host, World.Person)).Key!;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await World.DisposeAsync();
    }
}

/// <summary>Both clients and the command line, from a text to a published post.</summary>
public sealed class ClientJourneyTests(RunningInstance instance) : IClassFixture<RunningInstance>
{
    [Fact]
    public async Task The_dotnet_client_goes_all_the_way()
    {
        using var client = new PostMantisClient(instance.Key, instance.Address);
        var page = (await client.ListProfilesAsync(provider: ["sandbox"])).Data.Single(p => p.Id.ToString() == instance.Page);
        Assert.Equal(Permission.Publish, (await client.GetKeyAsync()).Data.Permission);
        var body = new CreatePost
        {
            Post = new PostBody { Body = "From .NET", Metadata = new Dictionary<string, string> { ["by"] = "dotnet" } },
            Profiles = [page.Id],
            ProviderOptions = new ProviderOptions { Sandbox = new SandboxOptions() },
        };
        var check = (await client.ValidatePostAsync(new ValidatePost { Post = body.Post, Profiles = body.Profiles })).Data;
        Assert.True(check.Valid);
        Assert.Equal((9, TextUnit.Graphemes), (check.Profiles[0].Text!.Count, check.Profiles[0].Text!.Unit));

        var accepted = (await client.CreatePostAsync(body, "dotnet-1")).Data;
        Assert.Equal(accepted.Id, (await client.CreatePostAsync(body, "dotnet-1")).Data.Id);
        var refused = await Assert.ThrowsAsync<PostMantisException<Problem>>(() => client.CreatePostAsync(body, "dotnet-2"));
        Assert.Equal((409, ProblemCode.DuplicatePost, accepted.Id), (refused.StatusCode, refused.Result.Code, refused.Result.ExistingPostId));

        Post? last = null;
        await foreach (var post in client.WatchAsync(accepted.Id)) last = post;
        Assert.Equal((PostStatus.Completed, PostOutcome.Published, DeliveryStatus.Published),
            (last!.Status, last.Outcome, last.Deliveries[0].Status));
        Assert.Equal(1, await instance.World.TimesAsync("From .NET"));
        Assert.Equal(accepted.Id, Assert.Single((await client.ListPostsAsync(metadata: new Dictionary<string, string> { ["by"] = "dotnet" },
            status: [PostStatus.Completed], createdAfter: accepted.CreatedAt.AddMinutes(-1))).Data).Id);
        await foreach (var one in client.FollowEventsAsync(0, ["delivery.published"]))
        {
            if ((string?)System.Text.Json.JsonSerializer.SerializeToNode(one.Data)!["post"]!["id"] == accepted.Id.ToString()) break;
        }

        var draft = (await client.CreatePostAsync(new CreatePost { Post = new PostBody { Body = "Later", Draft = true, ExternalId = "x" }, Profiles = [page.Id] })).Data;
        var edited = await client.PatchPostAsync(draft.Id, JsonNode.Parse("""{"post": {"externalId": null}}""")!.AsObject(), draft.Revision);
        Assert.Equal((null, "Later", 2), (edited.ExternalId, edited.Body, edited.Revision));
        Assert.Equal(412, (await Assert.ThrowsAsync<PostMantisException<Problem>>(() =>
            client.PatchPostAsync(draft.Id, [], draft.Revision))).StatusCode);
        Assert.Equal(ArtifactStatus.Verified, (await client.UploadAsync("dot.png", "image/png", ContractInstance.Dot)).Status);
    }

    [Fact]
    public async Task The_typescript_client_goes_all_the_way_and_can_be_packed()
    {
        var folder = Repository.File("clients/typescript");
        var (built, errors) = await NodeTools.RunAsync("tsc", ["-p", folder], null);
        Assert.True(built == 0, errors);
        var (code, output) = await NodeTools.RunScriptAsync(Path.Combine(folder, "test", "journey.mjs"), new Dictionary<string, string?>
        {
            ["POSTMANTIS_ADDRESS"] = instance.Address.AbsoluteUri,
            ["POSTMANTIS_KEY"] = instance.Key,
            ["PAGE"] = instance.Page,
            ["DOT"] = Convert.ToBase64String(ContractInstance.Dot),
        });
        Assert.True(code == 0, output);
        Assert.Equal(1, await instance.World.TimesAsync("From TypeScript"));
        var (packed, files) = await Programs.RunAsync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], null, folder);
        Assert.True(packed == 0, files);
        foreach (var file in (string[])["dist/index.js", "dist/index.d.ts", "dist/schema.d.ts", "dist/webhooks.js", "README.md"])
            Assert.Contains($"\"{file}\"", files, StringComparison.Ordinal);
        Assert.DoesNotContain("src/", files, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clients/dotnet/PostMantis.Client", "lib/net10.0/PostMantis.Client.dll")]
    [InlineData("clients/cli", "tools/net10.0/any/DotnetToolSettings.xml")]
    public async Task A_dotnet_package_can_be_packed(string project, string file)
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-pack");
        var (code, output) = await Programs.RunAsync("dotnet",
            ["pack", project, "--no-build", "--no-restore", "-c", "Debug", "-nologo", "-v:q", "-nodeReuse:false", "-o", folder.FullName]);
        Assert.True(code == 0, output);
        await using var package = await ZipFile.OpenReadAsync(Assert.Single(folder.GetFiles("*.nupkg")).FullName, TestContext.Current.CancellationToken);
        foreach (var name in (string[])[file, "README.md"]) Assert.Contains(package.Entries, entry => entry.FullName == name);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_command_line_logs_in_publishes_and_listens()
    {
        var home = Directory.CreateTempSubdirectory("cli").FullName;
        Assert.Equal(2, (await RunAsync(home, "profiles")).Code);
        Assert.Equal((0, true), Said(await RunAsync(home, "login", "--key", instance.Key, "--address", instance.Address.AbsoluteUri), "publish, test"));
        var kept = new FileInfo(Path.Combine(home, "postmantis", "settings.json"));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, kept.UnixFileMode);
        Assert.Equal((0, true), Said(await RunAsync(home, "profiles"), instance.Page));

        Assert.Equal((0, true), Said(await RunAsync(home, "post", "From the command line", "-p", instance.Page, "--watch"), "completed published"));
        Assert.Equal(1, await instance.World.TimesAsync("From the command line"));
        var (_, stored) = await RunAsync(home, "post", "Someday", "-p", instance.Page, "--draft");
        var id = stored.Split(' ')[0];
        Assert.Equal((0, true), Said(await RunAsync(home, "schedule", id, "--at", "2027-12-01T10:00:00Z"), "scheduled  due 2027-12-01 10:00:00Z"));
        Assert.Equal((0, true), Said(await RunAsync(home, "status", id), "pending (waiting)"));
        Assert.Equal((0, true), Said(await RunAsync(home, "logs", "--limit", "100"), "delivery.published"));
        Assert.Equal((0, true), Said(await RunAsync(home, "listen", "--after", "0", "--type", "post.completed", "--count", "1"), "\"type\":\"post.completed\""));

        Assert.Equal((1, true), Said(await RunAsync(home, "post", new string('x', 501), "-p", instance.Page), "/post/body"));
        Assert.Equal(2, (await RunAsync(home, "post")).Code);
        Assert.Equal(1, (await RunAsync(home, "login", "--key", "pm_test_wrong", "--address", instance.Address.AbsoluteUri)).Code);

        static (int, bool) Said((int Code, string Output) run, string words)
        {
            Assert.Contains(words, run.Output, StringComparison.Ordinal);
            return (run.Code, true);
        }
    }

    [Fact]
    public async Task A_client_waits_as_long_as_it_is_told_and_repeats_by_one_key()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var server = builder.Build();
        var keys = new List<string>();
        server.MapPost("/api/v1/posts/{id}/cancel", (HttpContext http) =>
        {
            keys.Add(http.Request.Headers["Idempotency-Key"].ToString());
            (http.Response.StatusCode, http.Response.ContentType) = (keys.Count switch { 1 => 503, 2 => 429, 3 => 409, _ => 403 }, "application/problem+json");
            if (keys.Count < 4) http.Response.Headers.RetryAfter = "0";
            return http.Response.WriteAsync("""{"type": "", "title": "", "status": 403, "detail": "No.", "code": "somethingNew", "traceId": "", "errors": []}""");
        });
        await server.StartAsync();
        using var client = new PostMantisClient("pm_test_x", new Uri(server.Urls.First()));
        var refused = await Assert.ThrowsAsync<PostMantisException<Problem>>(() => client.CancelPostAsync(Guid.CreateVersion7()));
        Assert.Equal((403, (ProblemCode)(-1)), (refused.StatusCode, refused.Result.Code));
        Assert.Equal(4, keys.Count);
        Assert.Single(keys.Distinct());
        Assert.NotEmpty(keys[0]);
    }

    [Fact]
    public void A_webhook_is_believed_only_when_it_is_signed_and_fresh()
    {
        var (body, secret) = ("{\"a\":1}"u8.ToArray(), RandomNumberGenerator.GetBytes(32));
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string Sign(byte[] key, long at) => "v1," + Convert.ToBase64String(HMACSHA256.HashData(key,
            (byte[])[.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"msg_1.{at}.")), .. body]));
        bool Believed(string signatures, long at, byte[]? other = null) => WebhookSignature.IsValid(other ?? body, "msg_1",
            at.ToString(CultureInfo.InvariantCulture), signatures, "whsec_" + Convert.ToBase64String(secret));
        Assert.True(Believed(Sign(secret, now), now));
        Assert.True(Believed($"{Sign(new byte[32], now)} {Sign(secret, now)}", now));
        Assert.False(Believed(Sign(new byte[32], now), now));
        Assert.False(Believed(Sign(secret, now), now, "{\"a\":2}"u8.ToArray()));
        Assert.False(Believed(Sign(secret, now - 301), now - 301));
        Assert.False(Believed(Sign(secret, now), now + 1));
        Assert.False(Believed("v1,nonsense v2," + Sign(secret, now)[3..], now));
    }

    private static Task<(int Code, string Output)> RunAsync(string home, params string[] arguments) => Programs.RunAsync(
        Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet",
        [Path.Combine(AppContext.BaseDirectory, "postmantis.dll"), .. arguments],
        new Dictionary<string, string?> { ["XDG_CONFIG_HOME"] = home, ["POSTMANTIS_KEY"] = null });
}
