using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>What a post would come to, asked without making it: the same words as create and edit.</summary>
public sealed class ValidateTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;
    private ApiClient _api = null!;
    private ApiClient _reader = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Budgets:sandbox:halfDay:Limit"] = "1",
            ["Budgets:sandbox:halfDay:Window"] = "12:00:00",
            ["Budgets:sandbox:halfDay:Kind"] = "fixed",
        });
        _api = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        _reader = await ApiClient.WithKeyAsync(_world.Host, _world.Person, Permission.Read);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_read_key_learns_what_each_profile_would_be_sent_and_nothing_is_stored()
    {
        var (one, two) = (_world.Pages[0], _world.Pages[1]);
        var body = PublishingWorld.Body("Hello \U0001F468\u200D\U0001F469\u200D\U0001F467", [one, two]);
        body["overrides"] = new JsonObject { [two.Id.ToString()] = new JsonObject { ["body"] = "Shorter" } };
        var check = await CheckAsync(body);
        Assert.Equal(("validation", true, 0), ((string)check["object"]!, (bool)check["valid"]!, check["issues"]!.AsArray().Count));
        Assert.Equal([7, 7], check["profiles"]!.AsArray().Select(p => (int)p!["text"]!["count"]!));
        Assert.Equal(["Hello \U0001F468\u200D\U0001F469\u200D\U0001F467", "Shorter"],
            check["profiles"]!.AsArray().Select(p => (string)p!["content"]!["body"]!));
        var first = check["profiles"]![0]!;
        Assert.Equal((one.Id.ToString(), true, 500, "graphemes", 1, 0, "halfDay"), ((string)first["profileId"]!,
            (bool)first["valid"]!, (int)first["text"]!["limit"]!, (string)first["text"]!["unit"]!,
            (int)first["budget"]!["left"]!, (int)first["budget"]!["taken"]!, (string)first["budget"]!["rule"]!));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Posts.CountAsync()));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.IdempotencyKeys.CountAsync()));
    }

    [Fact]
    public async Task It_says_what_create_says()
    {
        var body = PublishingWorld.Body(new string('x', 501), [_world.Pages[0], _world.Pages[1]]);
        body["profiles"]!.AsArray().Add(Guid.CreateVersion7().ToString());
        body["post"]!["scheduledAt"] = "2020-01-01T00:00:00Z";
        var check = await CheckAsync(body);
        var said = check["issues"]!.AsArray().Concat(check["profiles"]!.AsArray().SelectMany(p => p!["issues"]!.AsArray()));
        Assert.False((bool)check["valid"]!);
        body["profiles"]!.AsArray().RemoveAt(2);
        var refused = await _api.PostAsync("/posts", body.ToJsonString());
        Assert.Equal(400, refused.Status);
        var missing = Assert.Single(said, issue => (string)issue!["rule"]! == "notFound")!;
        Assert.Equal("/profiles/2", (string)missing["pointer"]!);
        Assert.Equal(Lines(refused.Json!["errors"]!.AsArray()), Lines(said.Where(issue => issue != missing)));
        Assert.All(said, issue => Assert.NotEmpty((string?)issue!["fix"] ?? ""));

        var unreadable = await CheckAsync(new JsonObject { ["post"] = new JsonObject { ["bdy"] = "?" }, ["profiles"] = "all" });
        Assert.Equal(["/post/bdy unknownField", "/profiles wrongType"], Lines(unreadable["issues"]!.AsArray()));
        Assert.Empty(unreadable["profiles"]!.AsArray());
        Assert.Equal((400, " wrongFormat"), await StatusAsync("{"));

        static IEnumerable<string> Lines(IEnumerable<JsonNode?> issues) =>
            issues.Select(i => $"{i!["pointer"]} {i["rule"]}").Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task It_forecasts_full_budgets_and_duplicates()
    {
        var noon = new DateTimeOffset(_world.Host.Clock.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(2).AddHours(13);
        Assert.Equal(202, (await _api.PostAsync("/posts", PublishingWorld.Body("Taken", [_world.Pages[0]], at: noon).ToJsonString())).Status);

        var later = (await CheckAsync(PublishingWorld.Body("Another", [_world.Pages[0]], at: noon.AddMinutes(1))))["profiles"]![0]!;
        var warning = Assert.Single(later["issues"]!.AsArray())!;
        Assert.Equal((true, "tooMany", "warning"), ((bool)later["valid"]!, (string)warning["rule"]!, (string)warning["severity"]!));
        Assert.Equal((0, 1), ((int)later["budget"]!["left"]!, (int)later["budget"]!["taken"]!));
        Assert.Equal(noon.AddHours(11), DateTimeOffset.Parse((string)later["budget"]!["nextFreeAt"]!, CultureInfo.InvariantCulture));

        var again = PublishingWorld.Body("Taken", [_world.Pages[0]], at: noon.AddHours(3));
        var duplicate = await CheckAsync(again);
        Assert.Equal((false, "/post duplicate"), ((bool)duplicate["valid"]!,
            $"{duplicate["issues"]![0]!["pointer"]} {duplicate["issues"]![0]!["rule"]}"));
        Assert.Equal("duplicatePost", (await _api.PostAsync("/posts", again.ToJsonString())).Code);
        again["allowDuplicate"] = true;
        Assert.True((bool)(await CheckAsync(again))["valid"]!);
    }

    [Fact]
    public async Task It_checks_an_edit_of_a_post_that_can_be_edited()
    {
        var at = _world.Host.Clock.GetUtcNow().AddDays(1);
        var post = await _world.PostAsync("Before", _world.Pages[0], at: at);
        var edit = await CheckAsync(new JsonObject { ["postId"] = post.Id.ToString(), ["post"] = new JsonObject { ["body"] = "After" } });
        Assert.True((bool)edit["valid"]!);
        Assert.Equal("After", (string)edit["profiles"]![0]!["content"]!["body"]!);
        Assert.Equal("Before", (await _world.ReadAsync(post.Id)).Body);

        Assert.Equal("/post/scheduledAt useAction", await IssueAsync(post.Id, """{"scheduledAt": null}"""));
        Assert.Equal("/postId notFound", await IssueAsync(Guid.CreateVersion7(), "{}"));
        await _world.PassAsync(TimeSpan.FromDays(1));
        Assert.Equal("/postId useAction", await IssueAsync(post.Id, """{"body": "Too late"}"""));
        var narrow = await ApiClient.WithKeyAsync(_world.Host, _world.Person, profiles: [_world.Pages[1].Id]);
        var hidden = (await narrow.PostAsync("/posts/validate", $$"""{"postId": "{{post.Id}}"}""")).Data;
        Assert.Equal("/postId notFound", $"{hidden["issues"]![0]!["pointer"]} {hidden["issues"]![0]!["rule"]}");
    }

    private async Task<string> IssueAsync(Guid postId, string post)
    {
        var check = await CheckAsync(new JsonObject { ["postId"] = postId.ToString(), ["post"] = JsonNode.Parse(post) });
        Assert.False((bool)check["valid"]!);
        var issue = Assert.Single(check["issues"]!.AsArray())!;
        return $"{issue["pointer"]} {issue["rule"]}";
    }

    private async Task<JsonObject> CheckAsync(JsonObject body)
    {
        var reply = await _reader.PostAsync("/posts/validate", body.ToJsonString());
        Assert.Equal(200, reply.Status);
        Assert.StartsWith("\"read\"", reply.Headers["RateLimit"], StringComparison.Ordinal);
        return reply.Data;
    }

    private async Task<(int, string?)> StatusAsync(string body)
    {
        var reply = await _reader.PostAsync("/posts/validate", body);
        return (reply.Status, reply.Issue);
    }
}
