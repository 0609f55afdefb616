using System.Text.Json.Nodes;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>What networks and profiles take, as programs read it, and what they are warned of.</summary>
public sealed class LimitsTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Budgets:sandbox:halfDay:Limit"] = "2",
            ["Budgets:sandbox:halfDay:Window"] = "12:00:00",
            ["Budgets:sandbox:halfDay:Kind"] = "fixed",
            ["Budgets:sandbox:app:Limit"] = "100",
            ["Budgets:sandbox:app:Window"] = "01:00:00",
            ["Budgets:sandbox:app:Scope"] = "app",
        });
        _api = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_network_tells_its_rules_without_an_account()
    {
        var listed = await _api.GetAsync("/providers");
        var sandbox = Assert.Single(listed.Json!["data"]!.AsArray(), one => (string)one!["id"]! == "sandbox")!;
        Assert.False((bool)listed.Json["pagination"]!["hasMore"]!);
        var read = (await _api.GetAsync("/providers/sandbox")).Data;
        Assert.True(JsonNode.DeepEquals(sandbox, read));
        Assert.Equal(("provider", "sandbox", 500, "graphemes"), ((string)read["object"]!, (string)read["id"]!,
            (int)read["text"]!["max"]!, (string)read["text"]!["unit"]!));
        Assert.Equal((true, 10, true, false, true), ((bool)read["features"]!["thread"]!,
            (int)read["features"]!["maxThreadParts"]!, (bool)read["features"]!["firstComment"]!,
            (bool)read["features"]!["link"]!, (bool)read["features"]!["altText"]!));
        Assert.Equal("object", (string)read["optionsSchema"]!["type"]!);
        Assert.Equal(["app app rolling 100 3600", "halfDay profile fixed 2 43200"], read["budgets"]!.AsArray().Select(b =>
            $"{b!["name"]} {b["scope"]} {b["kind"]} {b["limit"]} {b["windowSeconds"]}"));
        Assert.Equal(404, (await _api.GetAsync("/providers/myspace")).Status);
        Assert.Equal(400, (await _api.GetAsync("/providers?nope=1")).Status);
        Assert.Equal(401, (await new ApiClient(_world.Host, null).GetAsync("/providers")).Status);
    }

    [Fact]
    public async Task A_profile_tells_what_is_used_and_left_of_its_budgets()
    {
        var page = _world.Pages[0];
        var fresh = await LimitsAsync(page);
        Assert.Equal(("limits", page.Id.ToString(), 0, 2, null), ((string)fresh["object"]!, (string)fresh["profileId"]!,
            (int)fresh["budget"]!["used"]!, (int)fresh["budget"]!["left"]!, (string?)fresh["budget"]!["nextFreeAt"]));
        Assert.Equal(UtcNow(), DateTimeOffset.Parse((string)fresh["checkedAt"]!, System.Globalization.CultureInfo.InvariantCulture),
            TimeSpan.FromMilliseconds(1));

        await _world.PostAsync("One", page);
        await _world.PostAsync("Two", page);
        var planned = (await LimitsAsync(page))["budget"]!["rules"]!.AsArray();
        Assert.Equal([2, 2], planned.Select(r => (int)r!["scheduled"]!));
        await _world.PassAsync(TimeSpan.Zero);
        var budget = (await LimitsAsync(page))["budget"]!;
        Assert.Equal((2, 0), ((int)budget["used"]!, (int)budget["left"]!));
        Assert.Equal((string)budget["resetsAt"]!, (string)budget["nextFreeAt"]!);
        var resets = DateTimeOffset.Parse((string)budget["resetsAt"]!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal((0, 0, 0), (resets.Hour % 12, resets.Minute, resets.Second));

        Assert.Equal(404, (await _api.GetAsync($"/profiles/{Guid.CreateVersion7()}/limits")).Status);
        var narrow = await ApiClient.WithKeyAsync(_world.Host, _world.Person, profiles: [_world.Pages[1].Id]);
        Assert.Equal(404, (await narrow.GetAsync($"/profiles/{page.Id}/limits")).Status);
    }

    [Fact]
    public async Task A_post_for_a_moment_that_is_full_already_is_taken_with_a_warning()
    {
        // Well inside one window, however late in the day the test runs.
        var noon = new DateTimeOffset(UtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(2).AddHours(13);
        Assert.Empty(await WarningsAsync("First", noon, _world.Pages[0]));
        Assert.Empty(await WarningsAsync("Second", noon.AddMinutes(1), _world.Pages[0]));
        var warning = Assert.Single(await WarningsAsync("Third", noon.AddMinutes(2), _world.Pages[1], _world.Pages[0]))!;
        Assert.Equal(("/profiles/1", "tooMany", "warning", 2, 2, _world.Pages[0].Id.ToString()),
            ((string)warning["pointer"]!, (string)warning["rule"]!, (string)warning["severity"]!, (int)warning["limit"]!,
            (int)warning["actual"]!, (string)warning["profileId"]!));
        Assert.Contains($"{noon.AddHours(11):yyyy-MM-dd}T00:00:00.000Z", (string)warning["message"]!, StringComparison.Ordinal);

        // The window before and the window after have room.
        Assert.Empty(await WarningsAsync("Morning", noon.AddHours(-2), _world.Pages[0]));
        Assert.Empty(await WarningsAsync("Next day", noon.AddHours(12), _world.Pages[0]));
    }

    private async Task<JsonArray> WarningsAsync(string body, DateTimeOffset at, params Profile[] pages)
    {
        var reply = await _api.PostAsync("/posts", PublishingWorld.Body(body, pages, at: at).ToJsonString());
        Assert.Equal(202, reply.Status);
        return reply.Json!["warnings"]!.AsArray();
    }

    private async Task<JsonNode> LimitsAsync(Profile page) => (await _api.GetAsync($"/profiles/{page.Id}/limits")).Data;

    private DateTimeOffset UtcNow() => _world.Host.Clock.GetUtcNow();
}
