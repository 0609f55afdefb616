using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Web;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>The pages as a browser without scripts gets them, and as an attacker sends them.</summary>
public sealed class PageTests : IAsyncLifetime
{
    private const string Password = "a long and quiet password";
    private SandboxServer _sandbox = null!;
    private PostMantisHost _host = null!;
    private Browser _ada = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SandboxServer.StartAsync();
        _host = await PostMantisHost.StartAsync(_sandbox.Settings);
        _ada = new Browser(_host.Address);
        using var answer = await _ada.SubmitAsync("/setup", "setup",
            Fields(("token", PostMantisHost.SetupToken), ("email", "ada@example.com"), ("password", Password)));
        Assert.Equal("/", answer.Headers.Location!.AbsolutePath);
        _person = Caller.Person(await _host.InDatabaseAsync(db => Task.FromResult(db.Users.Single().Id)), null);
    }

    public async ValueTask DisposeAsync()
    {
        _ada.Dispose();
        await _host.DisposeAsync();
        await _sandbox.DisposeAsync();
    }

    [Theory]
    [InlineData("/", "First steps")]
    [InlineData("/posts", "No posts yet")]
    [InlineData("/posts?status=draft&provider=sandbox", "Nothing matches")]
    [InlineData("/posts/new", "New post")]
    [InlineData("/profiles", "No profiles yet")]
    [InlineData("/connect", "Sandbox")]
    [InlineData("/keys", "No keys yet")]
    [InlineData("/keys/new", "Make the key")]
    [InlineData("/approvals", "Nothing waits for you")]
    [InlineData("/webhooks", "No endpoints yet")]
    [InlineData("/webhooks/new", "Make the endpoint")]
    [InlineData("/brands", "No brands yet")]
    [InlineData("/log", "Rows come with the first post")]
    [InlineData("/audit", "User created")]
    [InlineData("/events", "No events yet")]
    [InlineData("/events?type=post.created", "Nothing matches")]
    [InlineData("/account", "Sign out everywhere")]
    [InlineData("/problems", "duplicatePost")]
    [InlineData("/problems/token-nobody-knows", "There is nothing here")]
    [InlineData("/problems/invalid-request", "invalidRequest")]
    [InlineData("/problems/outcome-unknown", "outcomeUnknown")]
    public async Task Every_page_answers(string path, string words)
    {
        using var page = await _ada.GetAsync(path);
        Assert.Contains(words, WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync()), StringComparison.Ordinal);
        using var stranger = new Browser(_host.Address);
        using var refused = await stranger.GetAsync(path);
        Assert.Equal(path.StartsWith("/problems", StringComparison.Ordinal) ? page.StatusCode : HttpStatusCode.Found,
            refused.StatusCode);
    }

    [Fact]
    public async Task A_person_sees_what_an_agent_did_why_it_is_held_and_decides()
    {
        var page = await Seed.ProfileAsync(_host, _person);
        var now = TimeOnly.FromTimeSpan(_host.Clock.GetUtcNow().UtcDateTime.TimeOfDay);
        var agent = await ApiClient.WithKeyAsync(_host, _person,
            rules: new KeyRules(ApprovalRequired: true, DailyCap: 2, QuietFrom: now.AddHours(-1), QuietUntil: now.AddHours(1)));
        var (yes, no) = (await PublishAsync("Say yes to this"), await PublishAsync("Say no to this"));
        Assert.Equal("rateLimited", (await agent.PostAsync("/posts", PublishingWorld.Body("One too many", [page]).ToJsonString())).Code);
        var draft = PublishingWorld.Body("Two too many", [page]);
        draft["post"]!["draft"] = true;
        var written = (string)(await agent.PostAsync("/posts", draft.ToJsonString())).Data["id"]!;
        Assert.Equal("rateLimited", (await agent.PostAsync($"/posts/{written}/publish", "{}", ("Idempotency-Key", "two"))).Code);

        Assert.Contains("2 posts wait for your approval", await TextAsync("/"), StringComparison.Ordinal);
        var approvals = await TextAsync("/approvals");
        foreach (var words in (string[])["Say yes to this", "Say no to this", "asked for by test", page.Name, "test asked for more than its 2 posts a day"])
            Assert.Contains(words, approvals, StringComparison.Ordinal);
        var key = await TextAsync($"/keys/{agent.KeyId}");
        Assert.Equal(1, Regex.Count(key, "API key daily cap reached"));
        foreach (var words in (string[])["2 posts wait for you", "2 of 2 today", "used up", "2 further posts were refused", "A person approves each post", "Say no to this", "Post approval requested"])
            Assert.Contains(words, key, StringComparison.Ordinal);

        using (var approved = await _ada.SubmitAsync("/approvals", $"approve-{yes}", Fields()))
            Assert.Equal("/approvals", approved.Headers.Location!.AbsolutePath);
        using (var declined = await _ada.SubmitAsync($"/posts/{no}", "decline", Fields()))
            Assert.Equal($"/posts/{no}", declined.Headers.Location!.AbsolutePath);
        Assert.Equal(("scheduled", "canceled"), (await StatusAsync(yes), await StatusAsync(no)));
        Assert.Contains("Nothing waits for you", await TextAsync("/approvals"), StringComparison.Ordinal);
        Assert.Contains("Post declined", await TextAsync($"/posts/{no}"), StringComparison.Ordinal);

        using var stranger = new Browser(_host.Address);
        using var hidden = await stranger.GetAsync($"/keys/{agent.KeyId}");
        Assert.Equal(HttpStatusCode.Found, hidden.StatusCode);
        using var missing = await _ada.GetAsync($"/keys/{Guid.CreateVersion7()}");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);

        async Task<string> PublishAsync(string body)
        {
            var reply = await agent.PostAsync("/posts", PublishingWorld.Body(body, [page]).ToJsonString());
            Assert.Equal((202, "awaitingApproval"), (reply.Status, (string?)reply.Data["status"]));
            return (string)reply.Data["id"]!;
        }
        async Task<string?> StatusAsync(string id) => (string?)(await agent.GetAsync($"/posts/{id}")).Data["status"];
    }

    [Fact]
    public async Task A_profile_is_paused_and_resumed_by_its_page()
    {
        var profile = await ConnectAsync();
        var path = $"/profiles/{profile.Id}";
        using (var paused = await _ada.SubmitAsync(path, "pause", Fields()))
            Assert.Equal(path, paused.Headers.Location!.AbsolutePath);
        Assert.Contains("Paused", await TextAsync(path), StringComparison.Ordinal);
        using (var resumed = await _ada.SubmitAsync(path, "resume", Fields()))
            Assert.Equal(path, resumed.Headers.Location!.AbsolutePath);
        Assert.Contains($"Pause {profile.Name}", await TextAsync(path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_page_says_while_publishing_is_paused()
    {
        await PauseAsync(pause => pause.PauseAsync(default));
        foreach (var path in (string[])["/", "/posts", "/profiles"])
            Assert.Contains("Publishing is paused.", await TextAsync(path), StringComparison.Ordinal);
        await PauseAsync(pause => pause.ResumeAsync(default));
        Assert.DoesNotContain("Publishing is paused.", await TextAsync("/"), StringComparison.Ordinal);

        Task<int> PauseAsync(Func<Core.Queue.InstancePause, Task> work) => _host.InScopeAsync(async services =>
        {
            await work(services.GetRequiredService<Core.Queue.InstancePause>());
            return 0;
        });
    }

    [Fact]
    public async Task What_people_write_is_text_and_never_markup()
    {
        const string script = "<script>alert('x')</script>";
        var profile = await ConnectAsync();
        var post = await CreateAsync(profile, $"{script} \"quoted\" & <b>bold</b>");
        foreach (var path in (string[])["/", "/posts", $"/posts/{post.Id}", $"/posts/{post.Id}/edit"])
        {
            using var page = await _ada.GetAsync(path);
            var html = await page.Content.ReadAsStringAsync();
            Assert.DoesNotContain(script, html, StringComparison.Ordinal);
            Assert.DoesNotContain("<b>bold", html, StringComparison.Ordinal);
            Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_event_log_tells_what_programs_are_told_and_shows_the_json_as_text()
    {
        const string script = "<script>alert('x')</script>";
        var profile = await ConnectAsync();
        await _host.InScopeAsync(async services => await services.GetRequiredService<PostAcceptor>().CreateAsync(_person,
            JsonNode.Parse($$"""
                {"post": {"body": "told", "metadata": {"campaign": "{{script}}"} }, "profiles": ["{{profile.Id}}"]}
                """)!.AsObject(), default));
        await _host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default));
        using var page = await _ada.GetAsync("/events");
        var html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain(script, html, StringComparison.Ordinal);
        var text = WebUtility.HtmlDecode(html);
        Assert.Contains($"\"campaign\": \"{script}\"", text, StringComparison.Ordinal);
        Assert.Contains("\"sequence\": 3,", text, StringComparison.Ordinal);

        using var filtered = await _ada.GetAsync("/events?type=profile.connected");
        var some = WebUtility.HtmlDecode(await filtered.Content.ReadAsStringAsync());
        Assert.Contains("\"type\": \"profile.connected\"", some, StringComparison.Ordinal);
        Assert.DoesNotContain("\"type\": \"post.created\"", some, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_persons_things_are_not_there()
    {
        var bob = await Seed.UserAsync(_host, "bob");
        var theirs = await Seed.ProfileAsync(_host, bob, "Theirs");
        var post = await _host.InScopeAsync(async services => (await services.GetRequiredService<PostAcceptor>().CreateAsync(bob,
            JsonNode.Parse($$"""{"post": {"body": "secret plan", "draft": true}, "profiles": ["{{theirs.Id}}"]}""")!.AsObject(),
            default)).Post);
        var session = await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().StartAsync(bob, "sandbox", default));
        foreach (var path in (string[])
                 [$"/posts/{post.Id}", $"/posts/{post.Id}/edit", $"/profiles/{theirs.Id}", $"/connect/{session.Session.Id}"])
        {
            using var page = await _ada.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
            var text = await page.Content.ReadAsStringAsync();
            Assert.DoesNotContain("secret plan", text, StringComparison.Ordinal);
            Assert.Contains("There is nothing here", text, StringComparison.Ordinal);
        }
        var state = HttpUtility.ParseQueryString(session.AuthorizeUrl.Query)["state"];
        using var callback = await _ada.GetAsync($"/connect/callback/sandbox?code=x&state={state}");
        Assert.Equal(HttpStatusCode.NotFound, callback.StatusCode);
    }

    [Fact]
    public async Task A_form_without_or_with_a_forged_token_changes_nothing()
    {
        foreach (var token in (string?[])[null, "", "forged", new string('x', 5000)])
        {
            using var answer = await _ada.PostAsync("/posts/new", Fields(("_handler", "compose"), ("body", "forged"),
                ("when", "draft"), ("__RequestVerificationToken", token ?? "")));
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
        Assert.Equal(0, await _host.InDatabaseAsync(db => Task.FromResult(db.Posts.Count())));
    }

    [Fact]
    public async Task Composing_wrongly_keeps_what_was_written_and_says_what_is_wrong_beside_it()
    {
        var profile = await ConnectAsync();
        var text = new string('x', 501);
        using var answer = await _ada.SubmitAsync("/posts/new", "compose", Fields(("body", text), ("when", "at"),
            ("moment", "2001-01-01T00:00"), ("zone", "Europe/Vienna"), ("profiles", profile.Id.ToString())));
        var html = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(text, html, StringComparison.Ordinal);
        Assert.Contains("id=\"body-error\"", html, StringComparison.Ordinal);
        Assert.Contains("Sandbox takes at most 500.", html, StringComparison.Ordinal);
        Assert.Contains("id=\"moment-error\"", html, StringComparison.Ordinal);
        Assert.Contains("value=\"2001-01-01T00:00\"", html, StringComparison.Ordinal);
        Assert.Equal(0, await _host.InDatabaseAsync(db => Task.FromResult(db.Posts.Count())));
    }

    [Fact]
    public async Task A_draft_is_edited_and_a_stale_edit_is_refused()
    {
        var profile = await ConnectAsync();
        var draft = await CreateAsync(profile, "first");
        var fields = Fields(("body", "second"), ("profiles", profile.Id.ToString()), ("when", "draft"), ("revision", "1"));
        using var saved = await _ada.SubmitAsync($"/posts/{draft.Id}/edit", "compose", fields);
        Assert.Equal($"/posts/{draft.Id}", saved.Headers.Location!.AbsolutePath);
        using var stale = await _ada.SubmitAsync($"/posts/{draft.Id}/edit", "compose", fields);
        Assert.Contains("has changed", await stale.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_page_is_told_at_once_to_look_again_and_then_of_every_change()
    {
        var profile = await ConnectAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/live");
        request.Headers.TryAddWithoutValidation("Cookie", string.Join("; ", _ada.Cookies.Select(c => $"{c.Key}={c.Value}")));
        using var stream = await _host.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        Assert.Equal("event: change", await reader.ReadLineAsync());
        await reader.ReadLineAsync();
        await reader.ReadLineAsync();
        await CreateAsync(profile, "changed");
        var next = reader.ReadLineAsync();
        while (!next.IsCompleted)
        {
            // The stream gathers for a moment of the host's clock.
            _host.Clock.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Yield();
        }
        Assert.Equal("event: change", await next);
    }

    private async Task<ProfileResource> ConnectAsync()
    {
        var session = await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>().StartAsync(_person, "sandbox", default));
        var back = HttpUtility.ParseQueryString((await _sandbox.ConsentAsync(session.AuthorizeUrl)).Query);
        await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>()
            .CallbackAsync(_person, "sandbox", new(back["state"], back["code"], null), default));
        await _host.InScopeAsync(s => s.GetRequiredService<ConnectionSessions>()
            .ChooseAsync(_person, session.Session.Id, ["studio-page"], default));
        return (await _host.InScopeAsync(s => s.GetRequiredService<ProfileReader>()
            .ListAsync(_person, new ProfileQuery(), new PageRequest(), default))).Items[0];
    }

    private Task<PostResource> CreateAsync(ProfileResource profile, string body) => _host.InScopeAsync(async services =>
        (await services.GetRequiredService<PostAcceptor>().CreateAsync(_person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = body, ["draft"] = true },
            ["profiles"] = new JsonArray(profile.Id.ToString()),
        }, default)).Post);

    private static IEnumerable<KeyValuePair<string, string>> Fields(params (string Name, string Value)[] fields) =>
        fields.Select(field => KeyValuePair.Create(field.Name, field.Value));

    private async Task<string> TextAsync(string path)
    {
        using var page = await _ada.GetAsync(path);
        return WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
    }
}
