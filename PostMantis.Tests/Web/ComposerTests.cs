using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;
using PostMantis.Web.Pages.Posts;

namespace PostMantis.Tests.Web;

/// <summary>The composer as a browser without scripts uses it.</summary>
public sealed class ComposerTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Browser _ada = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private Profile _films = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        _ada = new Browser(_host.Address);
        using var answer = await _ada.SubmitAsync("/setup", "setup", Fields(("token", PostMantisHost.SetupToken),
            ("email", "ada@example.com"), ("password", "a long and quiet password")));
        _person = Caller.Person(await _host.InDatabaseAsync(db => Task.FromResult(db.Users.Single().Id)), null);
        _page = await Seed.ProfileAsync(_host, _person, "Our page", "linkedin", testMode: false);
        _films = await Seed.ProfileAsync(_host, _person, "Our films", "tiktok", testMode: false,
            change: profile => profile.Facts = new()
            {
                ["privacyLevels"] = "selfOnly,publicToEveryone",
                [Core.Connections.AccountLimitsReader.CheckedAtFact] = $"{_host.Clock.GetUtcNow():O}",
            });
    }

    public async ValueTask DisposeAsync()
    {
        _ada.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_credential_that_does_not_open_leaves_the_choices_that_are_known()
    {
        var quiet = await Seed.ProfileAsync(_host, _person, "Quiet films", "tiktok", testMode: false,
            change: profile => profile.Facts = new() { ["privacyLevels"] = "selfOnly" });
        var draft = (await _host.InScopeAsync(s => s.GetRequiredService<PostAcceptor>().CreateAsync(_person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = "Soon", ["draft"] = true },
            ["profiles"] = new JsonArray(quiet.Id.ToString()),
        }, default))).Post;
        using var page = await _ada.GetAsync($"/posts/{draft.Id}/edit");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("value=\"selfOnly\"", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_option_of_every_network_has_a_field_and_what_it_writes_is_taken()
    {
        foreach (var provider in _host.Services.GetRequiredService<ProviderCatalog>().All.Where(p => p.Id != ProviderCatalog.SandboxId))
        {
            var fields = OptionField.Of(provider.OptionsSchema, []);
            Assert.Equal(provider.OptionsSchema["properties"]!.AsObject().Select(p => p.Key).Order(), fields.Select(f => f.Name).Order());
            var options = new JsonObject();
            foreach (var field in fields)
            {
                string[] texts = [field.Input switch
                {
                    OptionInput.Choice => field.Choices[^1].Value,
                    OptionInput.Switch => field.Default == "true" ? "false" : "true",
                    OptionInput.Number => $"{field.Max}",
                    OptionInput.Lines => "de\r\nen",
                    _ => "17",
                }];
                options[field.Name] = field.Read(texts);
                Assert.Equal(texts[0].Replace("\r\n", "\n", StringComparison.Ordinal), OptionField.Write(options[field.Name]));
            }
            // What hangs together is no matter of one field.
            Assert.DoesNotContain(provider.CheckOptions(options), issue => issue.Rule is not Core.Common.Rule.Excluded);
        }
    }

    [Fact]
    public async Task A_post_says_something_else_with_other_options_at_another_time_on_one_profile()
    {
        var (page, films) = ($"{_page.Id}", $"{_films.Id}");
        using var answer = await _ada.SubmitAsync("/posts/new", "compose", Fields(("body", "For all"), ("when", "draft"),
            ("profiles", page), ("profiles", films), ("zone", "Europe/Vienna"), ("moment", "2027-10-30T09:00"),
            ($"override-{films}", "For films"), ($"moment-{films}", "2027-10-31T02:30"), ($"fold-{films}", "second"),
            ($"option-{films}-privacyLevel", "selfOnly"), ($"option-{films}-allowComments", "false"), ($"option-{films}-allowComments", "true"),
            ($"option-{films}-photoCoverIndex", "2"), ($"option-{page}-visibility", ""), ($"option-{page}-disableReshare", "false"),
            ("thread", "and then"), ("thread", " "), ("link", "https://example.com/a")));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        var post = await PostAsync();
        var own = Assert.Single(post.Overrides);
        Assert.Equal((_films.Id, "For films", new DateTimeOffset(2027, 10, 31, 1, 30, 0, TimeSpan.Zero)),
            (own.Key, own.Value.Body, own.Value.ScheduledAt));
        Assert.Equal("""{"privacyLevel":"selfOnly","allowComments":true,"photoCoverIndex":2}""", own.Value.Options!.ToJsonString());
        Assert.Equal(new DateTimeOffset(2027, 10, 30, 7, 0, 0, TimeSpan.Zero), post.ScheduledAt);
        Assert.Equal(("and then", "https://example.com/a"), (Assert.Single(post.Thread).Body, post.Link!.Url));

        // The zone is remembered, and everything stands where it was written.
        var edit = await TextAsync($"/posts/{post.Id}/edit");
        foreach (var words in (string[])["value=\"2027-10-30T09:00\"", "value=\"2027-10-31T02:30\"", "UTC+01:00", "For films", "TikTok has no threads."])
            Assert.Contains(words, edit, StringComparison.Ordinal);
        Assert.Matches($"""option-{films}-privacyLevel"[^$]*?<option value="selfOnly" selected""", edit);

        // Saved as it stands, nothing of it changes; one thing changed leaves the others.
        (string, string)[] same =
        [
            ("body", "For all"), ("when", "draft"), ("profiles", page), ("profiles", films), ("zone", "Europe/Vienna"),
            ("moment", "2027-10-30T09:00"), ($"override-{films}", "For films"), ($"moment-{films}", "2027-10-31T02:30"),
            ($"fold-{films}", "second"), ($"option-{films}-privacyLevel", "selfOnly"), ($"option-{films}-allowComments", "true"),
            ($"option-{films}-photoCoverIndex", "2"), ("thread", "and then"), ("link", "https://example.com/a"),
        ];
        using var unchanged = await _ada.SubmitAsync($"/posts/{post.Id}/edit", "compose", Fields([("revision", $"{post.Revision}"), .. same]));
        Assert.Equal(HttpStatusCode.Found, unchanged.StatusCode);
        Assert.Equal(Shape(post), Shape(await PostAsync()));
        using var changed = await _ada.SubmitAsync($"/posts/{post.Id}/edit", "compose", Fields(
            [("revision", $"{post.Revision + 1}"), .. same.Where(f => !f.Item1.EndsWith("allowComments", StringComparison.Ordinal))]));
        Assert.Equal("""{"privacyLevel":"selfOnly","photoCoverIndex":2}""", (await PostAsync()).Overrides[_films.Id].Options!.ToJsonString());
    }

    [Fact]
    public async Task An_option_that_is_missing_is_asked_for_beside_its_field_with_what_the_account_offers()
    {
        using var answer = await _ada.SubmitAsync("/posts/new", "compose", Fields(("body", "Without a level"), ("when", "at"),
            ("zone", "UTC"), ("moment", "2027-10-30T09:00"), ("profiles", $"{_films.Id}")));
        var html = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
        Assert.Contains($"id=\"option-{_films.Id}-privacyLevel-error\"", html, StringComparison.Ordinal);
        Assert.Contains(">Self only</option>", html, StringComparison.Ordinal);
        Assert.DoesNotContain(">Mutual follow friends</option>", html, StringComparison.Ordinal);
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));
    }

    [Fact]
    public async Task A_look_at_it_keeps_nothing_and_names_the_hour_that_comes_twice()
    {
        using var answer = await _ada.SubmitAsync("/posts/new", "compose", Fields(("do", ComposerDesk.Check),
            ("body", new string('x', 3001)), ("zone", "Europe/Vienna"), ("moment", "2027-10-31T02:30"), ("profiles", $"{_page.Id}")));
        var html = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
        foreach (var words in (string[])["3001", "/3000", "tooLong", "1 problem", "This hour comes twice", "The second time, UTC+01:00"])
            Assert.Contains(words, html, StringComparison.Ordinal);
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));
    }

    [Fact]
    public async Task A_draft_is_published_from_its_own_page_once()
    {
        using var draft = await _ada.SubmitAsync("/posts/new", "compose", Fields(("body", "Soon"), ("when", "draft"), ("profiles", $"{_page.Id}")));
        var post = await PostAsync();
        using var sent = await _ada.SubmitAsync($"/posts/{post.Id}/edit", "compose", Fields(("revision", "1"), ("body", "Now"),
            ("when", "now"), ("profiles", $"{_page.Id}")));
        Assert.Equal($"/posts/{post.Id}", sent.Headers.Location!.AbsolutePath);
        var published = await PostAsync();
        Assert.Equal((post.Id, Core.Posts.PostStatus.Scheduled, "Now"), (published.Id, published.Status, published.Body));
        using var again = await _ada.SubmitAsync($"/posts/{post.Id}/edit", "compose", Fields(("revision", "1"), ("body", "Now"),
            ("when", "now"), ("profiles", $"{_page.Id}")));
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    [Fact]
    public async Task What_the_script_asks_for_is_the_persons_own()
    {
        var bob = await Seed.UserAsync(_host, "bob");
        var theirs = await Seed.ProfileAsync(_host, bob, "Theirs", "tiktok", testMode: false);
        var secret = await _host.InScopeAsync(async s => (await s.GetRequiredService<PostAcceptor>().CreateAsync(bob,
            JsonNode.Parse("""{"post": {"body": "secret plan", "draft": true}, "profiles": []}""")!.AsObject(), default)).Post);
        var token = await TokenAsync();
        foreach (var path in (string[])[$"/posts/check?post={secret.Id}", $"/posts/autosave?post={secret.Id}"])
        {
            using var answer = await _ada.PostAsync(path, Fields(("__RequestVerificationToken", token), ("body", "mine")));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
        using var options = await _ada.GetAsync($"/posts/options/{theirs.Id}");
        Assert.Equal(HttpStatusCode.NotFound, options.StatusCode);
        using var check = await _ada.PostAsync("/posts/check", Fields(("__RequestVerificationToken", token), ("body", "mine"),
            ("profiles", $"{theirs.Id}")));
        var parts = await check.Content.ReadAsStringAsync();
        Assert.DoesNotContain("Theirs", parts, StringComparison.Ordinal);
        using var forged = await _ada.PostAsync("/posts/autosave", Fields(("body", "forged")));
        Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
        using var kept = await _ada.PostAsync("/posts/autosave", Fields(("__RequestVerificationToken", token), ("body", "mine"),
            ("profiles", $"{_page.Id}")));
        Assert.Equal(HttpStatusCode.OK, kept.StatusCode);
        Assert.Equal("mine", (await PostAsync()).Body);

        async Task<string> TokenAsync()
        {
            var page = await TextAsync("/posts/new");
            var at = page.IndexOf("value=\"", page.IndexOf("__RequestVerificationToken", StringComparison.Ordinal), StringComparison.Ordinal) + 7;
            return page[at..page.IndexOf('"', at)];
        }
    }

    private static string Shape(PostResource post) => new JsonObject
    {
        ["body"] = post.Body,
        ["link"] = post.Link?.Url,
        ["thread"] = string.Join('|', post.Thread.Select(p => p.Body)),
        ["at"] = $"{post.ScheduledAt:O}",
        ["own"] = System.Text.Json.JsonSerializer.Serialize(post.Overrides, Core.Common.Json.Options),
        ["options"] = System.Text.Json.JsonSerializer.Serialize(post.ProviderOptions, Core.Common.Json.Options),
        ["to"] = string.Join('|', post.Deliveries.Select(d => d.ProfileId)),
    }.ToJsonString();

    private Task<PostResource> PostAsync() => _host.InScopeAsync(async services =>
    {
        var posts = await services.GetRequiredService<PostReader>().ListAsync(_person, new PostQuery(), new Core.Common.PageRequest(), default);
        return Assert.Single(posts.Items);
    });

    private async Task<string> TextAsync(string path)
    {
        using var page = await _ada.GetAsync(path);
        return WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
    }

    private static IEnumerable<KeyValuePair<string, string>> Fields(params (string Name, string Value)[] fields) =>
        fields.Select(field => KeyValuePair.Create(field.Name, field.Value));
}
