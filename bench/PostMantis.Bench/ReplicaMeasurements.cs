using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Common;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// One, two and three processes on one database, each process of its own, behind a balancer that takes turns: how many
/// posts they accept, and how many deliveries they publish to the sandbox network, a second; and the room a delivery takes.
/// </summary>
internal static class ReplicaMeasurements
{
    private const int Clients = 16;
    private const int Posts = 5000;
    private const int WarmUps = 2000;
    private const int HeardPosts = 1000;
    private const double LeastShown = 0.01;
    private static readonly TimeProvider _time = TimeProvider.System;
    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(25);
    private static readonly string[] _webhookTables = ["webhook_messages", "webhook_attempts"];

    public static async Task MeasureAsync(Report report)
    {
        double? alone = null;
        for (var replicas = 1; replicas <= 3; replicas++)
        {
            await using var stage = await Stage.StartAsync(new Dictionary<string, string?> { ["Outbound:AllowedRanges:0"] = "127.0.0.0/8" });
            List<ApiServer> all = [stage.Api];
            try
            {
                while (all.Count < replicas) all.Add(await stage.StartAnotherAsync());
                await SendAsync(stage, all, WarmUps * replicas);
                await UntilPublishedAsync(stage);
                await stage.RestAsync();
                var before = await stage.SizesAsync();
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
                if (replicas > 1) continue;
                AddSpace(report, before, await stage.SizesAsync());
                await AddMessagesAsync(report, stage);
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

    // What is deleted again, the work items, is not history.
    private static void AddSpace(Report report, IReadOnlyDictionary<string, long> before, IReadOnlyDictionary<string, long> after)
    {
        var grown = after.Where(table => table.Key != "work_items")
            .Select(table => (Table: table.Key, Kilobytes: (table.Value - before.GetValueOrDefault(table.Key)) / 1000.0 / (2 * Posts)))
            .OrderByDescending(table => table.Kilobytes).ToList();
        report.AddNumber("history of a delivery, with indexes", "kB", grown.Sum(table => table.Kilobytes));
        foreach (var (table, kilobytes) in grown.Where(table => table.Kilobytes >= LeastShown))
            report.AddNumber($"  {table}", "kB", kilobytes);
    }

    // Everybody has one endpoint that hears of everything and answers at once.
    private static async Task AddMessagesAsync(Report report, Stage stage)
    {
        var receiving = WebApplication.CreateSlimBuilder();
        receiving.Logging.ClearProviders();
        receiving.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var receiver = receiving.Build();
        receiver.Run(_ => Task.CompletedTask);
        await receiver.StartAsync();
        await using (var scope = stage.Tools.CreateAsyncScope())
            foreach (var (caller, _, _) in stage.Participants)
                await scope.ServiceProvider.GetRequiredService<WebhookEndpoints>().CreateAsync(caller,
                    new WebhookSettings("all", new Uri(receiver.Urls.First()).AbsoluteUri, WebhookMode.Both, [], [], []), default);
        var before = await stage.SizesAsync();
        await SendAsync(stage, [stage.Api], HeardPosts);
        await UntilPublishedAsync(stage);
        while (await stage.ScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM work_items WHERE kind = 'webhook')"))
            await Task.Delay(_between, _time);
        var after = await stage.SizesAsync();
        var messages = await stage.ScalarAsync<long>("SELECT count(*) FROM webhook_messages");
        report.AddNumber("webhook messages of a delivery", "", messages / (2.0 * HeardPosts));
        report.AddNumber("a webhook message and its attempt", "kB",
            _webhookTables.Sum(table => after[table] - before[table]) / 1000.0 / messages);
        await receiver.StopAsync();
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
            request.Headers.Add("Idempotency-Key", Ids.New(_time.GetUtcNow()).ToString());
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
            using var answer = await replicas[n % replicas.Count].Client.SendAsync(request, ct);
            if (!answer.IsSuccessStatusCode)
                throw new InvalidOperationException($"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(ct)}");
        });

    // Published, and its events numbered.
    private static async Task UntilPublishedAsync(Stage stage)
    {
        while (await stage.ScalarAsync<bool>("""
            SELECT EXISTS (SELECT 1 FROM work_items WHERE kind IN ('publish', 'reconcile')) OR EXISTS (SELECT 1 FROM unnumbered_events)
            """))
            await Task.Delay(_between, _time);
    }
}
