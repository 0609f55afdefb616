using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;

namespace PostMantis.Bench;

/// <summary>One method per figure. Times are what a caller sees, over real HTTP.</summary>
internal static class Measurements
{
    private const int Clients = 16;
    private const string CountOpen = "SELECT count(*) FROM posts WHERE status IN ('scheduled', 'publishing')";
    private static readonly TimeProvider _time = TimeProvider.System;

    /// <summary>POST /posts at 16 clients, of posts due later: how long an accept takes and how many fit in a second.</summary>
    public static async Task AcceptAsync(Stage stage, Report report)
    {
        const int posts = 4000;
        var later = _time.GetUtcNow().AddDays(1);
        await CreateManyAsync(stage, 200, later);
        var started = _time.GetTimestamp();
        var times = await CreateManyAsync(stage, posts, later);
        report.AddTimes($"accept, {Clients} clients", times);
        report.AddRate("accept", posts, _time.GetElapsedTime(started));
    }

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

    /// <summary>A backlog over 128 pages, released at once: deliveries settled per second.</summary>
    public static async Task DrainAsync(Stage stage, Report report)
    {
        const int posts = 3000;
        await ExecuteAsync(stage, "UPDATE instance_state SET paused_at = now()");
        await Parallel.ForEachAsync(Enumerable.Range(0, posts), new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (n, ct) =>
            {
                await using var scope = stage.Tools.CreateAsyncScope();
                var who = stage.Participants[n % stage.Participants.Count];
                await scope.ServiceProvider.GetRequiredService<PostAcceptor>().CreateAsync(who.Caller,
                    Body(n, who, null), ct);
            });
        var before = await OpenAsync(stage);
        var since = _time.GetUtcNow();
        await ExecuteAsync(stage, "UPDATE instance_state SET paused_at = NULL");
        while (await OpenAsync(stage) > before - posts) await Task.Delay(TimeSpan.FromMilliseconds(20), _time);

        // From the first claim to the last settlement, as the ledger dates them.
        var took = await stage.NumbersAsync($"""
            SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8 FROM attempts
            WHERE started_at >= '{since:O}'
            """);
        report.AddRate("drain, 128 pages", posts, TimeSpan.FromSeconds(took[0]));
    }

    private static async Task<IReadOnlyList<double>> CreateManyAsync(Stage stage, int count, DateTimeOffset at)
    {
        var times = new double[count];
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = Clients },
            async (n, _) =>
            {
                var started = _time.GetTimestamp();
                await CreateAsync(stage, n, at);
                times[n] = _time.GetElapsedTime(started).TotalMilliseconds;
            });
        return times;
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

    private static Task<long> OpenAsync(Stage stage) => stage.ScalarAsync<long>(CountOpen);

    private static async Task ExecuteAsync(Stage stage, string sql)
    {
        await using var command = stage.Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
