using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// One, two and three processes on one database, each process of its own, behind a balancer that takes turns: how many
/// posts they accept, and how many deliveries they publish to the sandbox network, a second.
/// </summary>
internal static class ReplicaMeasurements
{
    private const int Clients = 16;
    private const int Posts = 3000;
    private static readonly TimeProvider _time = TimeProvider.System;

    public static async Task MeasureAsync(Report report)
    {
        double? alone = null;
        for (var replicas = 1; replicas <= 3; replicas++)
        {
            await using var stage = await Stage.StartAsync();
            List<ApiServer> all = [stage.Api];
            try
            {
                while (all.Count < replicas) all.Add(await stage.StartAnotherAsync());
                await SendAsync(stage, all, 300);
                await UntilPublishedAsync(stage);
                var started = _time.GetTimestamp();
                await SendAsync(stage, all, Posts);
                var accepted = _time.GetElapsedTime(started);
                await UntilPublishedAsync(stage);
                var published = _time.GetElapsedTime(started);
                report.AddRate($"accept, {replicas} replicas", Posts, accepted);
                report.AddRate($"accept and publish, {replicas} replicas", 2 * Posts, published);
                var rate = 2 * Posts / published.TotalSeconds;
                if (alone is { } one) report.AddRatio($"{replicas} replicas against one", rate / one, null);
                alone ??= rate;
                if (replicas == 1)
                {
                    var bytes = await stage.ScalarAsync<long>("SELECT pg_database_size(current_database()) - pg_total_relation_size('sandbox.posts')");
                    var deliveries = await stage.ScalarAsync<long>("SELECT count(*) FROM deliveries");
                    report.AddNumber("database for each delivery, history and all", "kB", bytes / 1000.0 / deliveries);
                }
            }
            finally
            {
                foreach (var other in all.Skip(1))
                {
                    await other.StopAsync();
                    await other.DisposeAsync();
                }
            }
        }
    }

    private static Task SendAsync(Stage stage, List<ApiServer> replicas, int posts) => Parallel.ForEachAsync(
        Enumerable.Range(0, posts), new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (n, ct) =>
        {
            var who = stage.Participants[n % stage.Participants.Count];
            var body = new JsonObject
            {
                ["post"] = new JsonObject { ["body"] = $"Post {n} {Ids.New(_time.GetUtcNow())}" },
                ["profiles"] = new JsonArray([.. who.Pages.Skip(n / 32 % 3).Take(2).Select(p => (JsonNode)p.Id.ToString())]),
            };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", who.Key);
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
            using var answer = await replicas[n % replicas.Count].Client.SendAsync(request, ct);
            if (!answer.IsSuccessStatusCode)
                throw new InvalidOperationException($"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(ct)}");
        });

    private static async Task UntilPublishedAsync(Stage stage)
    {
        while (await stage.ScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM work_items WHERE kind IN ('publish', 'reconcile'))"))
            await Task.Delay(TimeSpan.FromMilliseconds(25), _time);
    }
}
