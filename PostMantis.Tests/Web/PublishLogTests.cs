using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using CsvHelper;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Posts;
using PostMantis.Tests.Support;
using PostMantis.Web.Pages.Keys;

namespace PostMantis.Tests.Web;

/// <summary>The publish log, its files, and what a key asked for last.</summary>
public sealed class PublishLogTests : IAsyncLifetime
{
    private DashboardWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await DashboardWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task The_log_is_filtered_and_taken_away_whole_as_a_file_that_runs_no_formula()
    {
        var evil = _world.Pages[1];
        await _world.Host.InDatabaseAsync(db => db.Profiles.Where(p => p.Id == evil.Id)
            .ExecuteUpdateAsync(p => p.SetProperty(x => x.Name, "=HYPERLINK(\"http://x\"), \"a\"")));
        var refused = await _world.PostAsync("refused", evil, "publish=rejected");
        await _world.PostAsync("published", _world.Pages[0]);
        await _world.RunAsync();

        // More than one reading takes.
        await _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlAsync($"""
            WITH made AS (
                INSERT INTO events (id, user_id, type, test_mode, post_id, data, created_at)
                SELECT gen_random_uuid(), {_world.Person.UserId}, 'post.updated', true, NULL, {"{}"}::jsonb, {_world.Host.Clock.GetUtcNow()}
                FROM generate_series(1, 1100) RETURNING id)
            INSERT INTO event_numbers (user_id, sequence, event_id)
            SELECT {_world.Person.UserId}, 1000 + row_number() OVER (), id FROM made
            """));

        var page = await _world.TextAsync($"/log?type=delivery.failed&profile={evil.Id}");
        Assert.Contains("contentRejected", page, StringComparison.Ordinal);
        Assert.Contains($"/log/export?type=delivery.failed&profile={evil.Id}&format=csv", page, StringComparison.Ordinal);
        Assert.DoesNotContain(">delivery.published</span>", page, StringComparison.Ordinal);
        Assert.Contains("after: Choose a day and a time.", await _world.TextAsync("/log?after=yesterday"), StringComparison.Ordinal);
        Assert.Contains("Nothing matches", await _world.TextAsync("/log?before=2001-01-01T00:00"), StringComparison.Ordinal);

        var rows = await CsvAsync("/log/export?format=csv");
        Assert.Equal(1100, rows.Count(r => r["type"] == "post.updated"));
        Assert.Equal(rows.Select(r => long.Parse(r["sequence"], CultureInfo.InvariantCulture)).OrderDescending(), rows.Select(r => long.Parse(r["sequence"], CultureInfo.InvariantCulture)));
        var failed = Assert.Single(await CsvAsync($"/log/export?format=csv&type=delivery.failed&post={refused.Id}"));
        Assert.Equal(("'=HYPERLINK(\"http://x\"), \"a\"", "contentRejected", "test", "sandbox"), (failed["profile"], failed["errorCode"], failed["mode"], failed["provider"]));

        using var json = await _world.Browser.GetAsync("/log/export?format=json");
        Assert.Equal("attachment", json.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal(rows.Count, JsonNode.Parse(await json.Content.ReadAsStringAsync())!.AsArray().Count);
        using var wrong = await _world.Browser.GetAsync("/log/export?format=csv&post=x");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        using var stranger = new Browser(_world.Host.Address);
        using var turned = await stranger.GetAsync("/log/export?format=csv");
        Assert.Equal(HttpStatusCode.Found, turned.StatusCode);
    }

    [Fact]
    public async Task The_last_request_of_a_key_is_shown_ready_to_run_and_without_the_key()
    {
        var program = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        Assert.Contains("A first request", await _world.TextAsync($"/keys/{program.KeyId}"), StringComparison.Ordinal);
        const string text = "It's \"said\": $HOME `x` \\ \n\"\"\"\" 😀 </script>";
        var body = PublishingWorld.Body(text, [_world.Pages[0]]);
        Assert.Equal(202, (await program.PostAsync("/posts", PublishingWorld.Body("said and sent", [_world.Pages[1]]).ToJsonString())).Status);
        Assert.Contains("/api/v1/posts' \\\n", Snippet(await _world.TextAsync($"/keys/{program.KeyId}"), "curl"), StringComparison.Ordinal);
        _world.Host.Clock.Advance(TimeSpan.FromSeconds(5));
        body["post"]!["draft"] = true;
        Assert.Equal(201, (await program.PostAsync("/posts", body.ToJsonString())).Status);

        var page = await _world.TextAsync($"/keys/{program.KeyId}");
        Assert.Contains("Its last request", page, StringComparison.Ordinal);
        Assert.DoesNotContain(program.Key![^40..], page, StringComparison.Ordinal);

        // What stands there is run as it stands, and says the same again.
        var code = Snippet(page, "typescript");
        Assert.Contains($"{_world.Host.Address.GetLeftPart(UriPartial.Authority)}/api/v1/posts", code, StringComparison.Ordinal);
        using var node = Process.Start(new ProcessStartInfo("node", ["--input-type=module", "-e", code])
        {
            RedirectStandardOutput = true,
            Environment = { [LastRequest.Variable] = program.Key },
        })!;
        Assert.StartsWith("201", await node.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
        await node.WaitForExitAsync();
        Assert.Equal([text, text], await _world.Host.InDatabaseAsync(async db =>
            (await db.Posts.Where(p => p.Status == PostStatus.Draft).ToListAsync()).ConvertAll(p => p.Content.Body!)));
        Assert.StartsWith($"curl -X POST '{_world.Host.Address.GetLeftPart(UriPartial.Authority)}/api/v1/posts' \\\n  -H \"Authorization: Bearer ${LastRequest.Variable}\"", Snippet(page, "curl"), StringComparison.Ordinal);
        Assert.Contains(@"It'\''s", Snippet(page, "curl"), StringComparison.Ordinal);
        Assert.Contains("new StringContent(\"\"\"\n", Snippet(page, "csharp"), StringComparison.Ordinal);
        Assert.Contains("\"draft\": True", Snippet(page, "python"), StringComparison.Ordinal);
    }

    private static string Snippet(string page, string language)
    {
        var from = page.IndexOf("<code>", page.IndexOf($"id=\"request-{language}-code\"", StringComparison.Ordinal), StringComparison.Ordinal) + "<code>".Length;
        return page[from..page.IndexOf("</code>", from, StringComparison.Ordinal)];
    }

    private async Task<List<IDictionary<string, string>>> CsvAsync(string path)
    {
        using var file = await _world.Browser.GetAsync(path);
        Assert.Equal("text/csv", file.Content.Headers.ContentType!.MediaType);
        using var csv = new CsvReader(new StringReader(await file.Content.ReadAsStringAsync()), CultureInfo.InvariantCulture);
        return [.. csv.GetRecords<dynamic>().Select(row => (IDictionary<string, string>)((IDictionary<string, object>)row).ToDictionary(c => c.Key, c => (string)c.Value))];
    }
}
