using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Api.V1.Posts;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>What a program does with a key, against the running instance and the real sandbox network.</summary>
public sealed class ProgramTests : IAsyncLifetime
{
    private SandboxServer _sandbox = null!;
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private ApiClient _api = null!;
    private Guid _profile;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SandboxServer.StartAsync();
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(_sandbox.Settings)
        {
            ["Workers:Enabled"] = "true",
            ["Api:RateLimits:Write"] = "10000",
        }, movedClock: false);
        _person = await Seed.UserAsync(_host);
        _api = await ApiClient.WithKeyAsync(_host, _person);
        _profile = await ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _sandbox.DisposeAsync();
    }

    [Fact]
    public async Task A_draft_is_published_and_read_with_its_address_and_ledger()
    {
        var draft = await _api.PostAsync("/posts", Body("From a program", draft: true));
        Assert.Equal((201, "draft"), (draft.Status, (string?)draft.Data["status"]));
        Assert.Equal($"/api/v1/posts/{draft.Data["id"]}", draft.Headers["Location"]);
        Assert.Equal("\"1\"", draft.Headers["ETag"]);

        var published = await DoneAsync(() => _api.PostAsync($"/posts/{draft.Data["id"]}/publish"));
        Assert.Equal(("completed", "published"), ((string?)published["status"], (string?)published["outcome"]));
        var delivery = published["deliveries"]![0]!;
        Assert.StartsWith(_sandbox.Address.AbsoluteUri, (string?)delivery["url"], StringComparison.Ordinal);
        Assert.Null(published["nextCheckAt"]);
        Assert.Contains("From a program", await _sandbox.Client.GetStringAsync(new Uri((string)delivery["url"]!)), StringComparison.Ordinal);
        var attempts = (await _api.GetAsync($"/posts/{published["id"]}/deliveries/{delivery["id"]}/attempts")).Json!["data"]!.AsArray();
        Assert.Equal("published", (string?)Assert.Single(attempts)!["verdict"]);
        Assert.Equal(("From a program", "studio-page"), (Assert.Single(await _sandbox.PostsAsync()).Body, "studio-page"));
    }

    [Fact]
    public async Task The_same_key_fifty_times_at_once_gives_one_post()
    {
        var body = Body("Only once");
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ =>
            _api.PostAsync("/posts", body, ("Idempotency-Key", "launch-1"))));

        Assert.All(replies, reply => Assert.True(reply.Status is 202 || reply.Code == "idempotencyInProgress", reply.Text));
        Assert.All(replies.Where(r => r.Status == 409), reply => Assert.Equal("1", reply.Headers["Retry-After"]));
        var first = replies.First(r => r.Status == 202);
        Assert.Single(replies.Where(r => r.Status == 202).Select(r => (string?)r.Data["id"]).Distinct());
        var again = await _api.PostAsync("/posts", Reordered(body), ("Idempotency-Key", "\"launch-1\""));
        Assert.Equal("true", again.Headers["Idempotency-Replayed"]);
        Assert.Equal(first.Text, again.Text);
        Assert.Equal(first.Headers["Location"], again.Headers["Location"]);
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));

        var other = await _api.PostAsync("/posts", Body("Something else"), ("Idempotency-Key", "launch-1"));
        Assert.Equal((422, "idempotencyMismatch"), (other.Status, other.Code));
        var refused = await _api.PostAsync("/posts", """{"profiles": []}""", ("Idempotency-Key", "launch-2"));
        Assert.Equal(400, refused.Status);
        Assert.Equal(202, (await _api.PostAsync("/posts", Body("Key unused by a refusal"), ("Idempotency-Key", "launch-2"))).Status);
    }

    [Fact]
    public async Task A_replay_asks_again_what_the_key_may_see()
    {
        var body = Body("Scope");
        Assert.Equal(202, (await _api.PostAsync("/posts", body, ("Idempotency-Key", "k"))).Status);
        var read = await ApiClient.WithKeyAsync(_host, _person, Permission.Read);
        Assert.Equal(403, (await read.PostAsync("/posts", body, ("Idempotency-Key", "k"))).Status);
        var other = await Seed.ProfileAsync(_host, _person, "Other");
        var narrow = await ApiClient.WithKeyAsync(_host, _person, profiles: [other.Id]);
        Assert.Equal(404, (await narrow.PostAsync("/posts", body, ("Idempotency-Key", "k"))).Status);
    }

    [Fact]
    public async Task An_unchanged_post_is_not_sent_twice_to_a_reader()
    {
        var draft = await _api.PostAsync("/posts", Body("Etag", draft: true));
        var path = $"/posts/{draft.Data["id"]}";
        var known = await _api.SendAsync(HttpMethod.Get, path, headers: [("If-None-Match", "\"1\"")]);
        Assert.Equal((304, ""), (known.Status, known.Text));
        Assert.Equal(200, (await _api.PatchAsync(path, """{"post": {"body": "New"}}""", ("If-Match", "\"1\""))).Status);
        var stale = await _api.PatchAsync(path, """{"post": {"body": "Lost update"}}""", ("If-Match", "\"1\""));
        Assert.Equal((412, "preconditionFailed"), (stale.Status, stale.Code));
        Assert.Equal("New", (string?)(await _api.GetAsync(path)).Data["body"]);
        Assert.Equal(204, (await _api.SendAsync(HttpMethod.Delete, path)).Status);
        Assert.Equal(404, (await _api.GetAsync(path)).Status);
    }

    [Fact]
    public async Task A_summary_leaves_out_what_is_bulky()
    {
        await _api.PostAsync("/posts", Body("Summary", draft: true));
        var post = (await _api.GetAsync("/posts?view=summary")).Json!["data"]![0]!.AsObject();
        Assert.False(post.ContainsKey("body"));
        Assert.False(post.ContainsKey("deliveries"));
        Assert.Equal(1, (int)post["deliveryCounts"]!["total"]!);
    }

    [Theory]
    [InlineData(typeof(CreatePostRequest), "")]
    [InlineData(typeof(PostBody), "post")]
    [InlineData(typeof(OverrideRequest), "overrides/01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11")]
    [InlineData(typeof(PartRequest), "post/firstComment")]
    [InlineData(typeof(LinkRequest), "post/link")]
    public void The_document_names_exactly_the_members_that_are_read(Type shape, string at)
    {
        var body = new JsonObject();
        var target = body;
        foreach (var part in at.Split('/', StringSplitOptions.RemoveEmptyEntries)) target[part] = target = [];
        foreach (var member in shape.GetProperties().Where(p => p.Name != "EqualityContract"))
            target[System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(member.Name)] ??= null;
        target["noSuchMember"] = null;
        List<Issue> issues = [];
        PostRequestReader.Read(body, issues);
        Assert.Equal("noSuchMember", Assert.Single(issues, i => i.Rule == Rule.UnknownField).Pointer.Split('/')[^1]);
    }

    [Fact]
    public async Task What_a_process_that_only_serves_accepts_is_published_by_another_and_heard_of_here()
    {
        await using var serving = await PostMantisHost.StartAsync(new Dictionary<string, string?>(_sandbox.Settings)
        {
            ["Workers:Enabled"] = "false",
        }, connectionString: _host.ConnectionString, movedClock: false);
        var api = await ApiClient.WithKeyAsync(serving, _person);

        var published = await DoneAsync(() => api.PostAsync("/posts", Body("From beside")), serving);
        Assert.Equal("published", (string?)published["outcome"]);
        Assert.Equal("From beside", Assert.Single(await _sandbox.PostsAsync()).Body);
    }

    private async Task<JsonObject> DoneAsync(Func<Task<ApiReply>> publish, PostMantisHost? by = null)
    {
        using var changes = (by ?? _host).Services.GetRequiredService<PostChanges>().Subscribe(_person.UserId);
        var accepted = await publish();
        Assert.Equal(202, accepted.Status);
        while (true)
        {
            var post = (await _api.GetAsync($"/posts/{accepted.Data["id"]}")).Data;
            if ((string?)post["status"] == "completed") return post;
            await changes.Changes.ReadAsync(TestContext.Current.CancellationToken);
        }
    }

    private async Task<Guid> ConnectAsync()
    {
        var session = await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().StartAsync(_person, "sandbox", default));
        var back = System.Web.HttpUtility.ParseQueryString((await _sandbox.ConsentAsync(session.AuthorizeUrl)).Query);
        await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>()
            .CallbackAsync(_person, "sandbox", new(back["state"], back["code"], null), default));
        await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>()
            .ChooseAsync(_person, session.Session.Id, ["studio-page"], default));
        return (await _host.InScopeAsync(s => s.GetRequiredService<ProfileReader>()
            .ListAsync(_person, new ProfileQuery(), new PageRequest(), default))).Items[0].Id;
    }

    private string Body(string text, bool draft = false) => new JsonObject
    {
        ["post"] = new JsonObject { ["body"] = text, ["draft"] = draft },
        ["profiles"] = new JsonArray(_profile.ToString()),
    }.ToJsonString();

    private static string Reordered(string body) => new JsonObject(
        JsonNode.Parse(body)!.AsObject().Reverse().Select(m => KeyValuePair.Create(m.Key, m.Value?.DeepClone()))).ToJsonString();
}
