using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Bench;

/// <summary>One method per figure. Times are what a caller sees, over real HTTP.</summary>
internal static class Measurements
{
    private static readonly TimeProvider _time = TimeProvider.System;

    /// <summary>One post at a time on an idle system: from the request to the durable state <c>published</c>.</summary>
    public static async Task PublishedAsync(Stage stage, Report report)
    {
        const int posts = 200;
        List<double> times = [];
        for (var i = 0; i < posts + 10; i++)
        {
            var started = _time.GetTimestamp();
            var id = await CreateAsync(stage, i, null);
            while (!await stage.ScalarAsync<bool>($"SELECT status = 'completed' FROM posts WHERE id = '{id}'"))
                await Task.Delay(TimeSpan.FromMilliseconds(1), _time);
            if (i >= 10) times.Add(_time.GetElapsedTime(started).TotalMilliseconds);
        }
        report.AddTimes("accept to published, idle", times, ("p50", 100));
    }

    /// <summary>Scheduled posts: the first public call minus the moment.</summary>
    public static async Task PickUpAsync(Stage stage, Report report)
    {
        const int posts = 200;
        var first = _time.GetUtcNow().AddSeconds(5);
        List<string> ids = [];
        for (var i = 0; i < posts; i++) ids.Add(await CreateAsync(stage, i, first.AddMilliseconds(73 * i)));
        var list = string.Join(',', ids.Select(id => $"'{id}'"));
        while (await stage.ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT 1 FROM posts WHERE id IN ({list}) AND status <> 'completed')"))
            await Task.Delay(TimeSpan.FromMilliseconds(50), _time);
        report.AddTimes("scheduled call after its moment",
            await stage.NumbersAsync($"SELECT lateness_ms::float8 FROM deliveries WHERE post_id IN ({list})"),
            ("p99", 250));
    }

    private static async Task<string> CreateAsync(Stage stage, int n, DateTimeOffset? at)
    {
        var who = stage.Participants[n % stage.Participants.Count];
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", who.Key);
        request.Content = new StringContent(Body(n, who, at).ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await stage.Api.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{(int)answer.StatusCode}: {text}");
        return (string)JsonNode.Parse(text)!["data"]!["id"]!;
    }

    private static JsonObject Body(int n, Stage.Participant who, DateTimeOffset? at)
    {
        var post = new JsonObject { ["body"] = $"Post {n} {Ids.New(_time.GetUtcNow())}" };
        if (at is { } moment) post["scheduledAt"] = moment.ToString("O");
        return new JsonObject
        {
            ["post"] = post,
            ["profiles"] = new JsonArray(who.Pages[n / 32 % who.Pages.Count].Id.ToString()),
        };
    }
}
