using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Outbound;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;
using PostMantis.Tests.Webhooks;

namespace PostMantis.Tests.ServiceDefaults;

/// <summary>Dashboards, alerts and pages name the metrics that there are, and all of them.</summary>
public sealed partial class OperatorFilesTests
{
    [Fact]
    public async Task Dashboards_alerts_and_pages_name_every_metric_and_no_other()
    {
        var instruments = await InstrumentsAsync();
        Assert.True(instruments.Count >= 20);
        var names = instruments.SelectMany(Names).ToHashSet();
        var files = Directory.GetFiles(Repository.File("ops"), "*", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var page = await File.ReadAllTextAsync(Repository.File("docs/slo.md"), TestContext.Current.CancellationToken);
        var named = files.Append(page).SelectMany(text => Series().Matches(text)).Select(m => m.Value).ToHashSet();
        Assert.Empty(named.Except(names));

        var dashboard = await File.ReadAllTextAsync(Repository.File("ops/grafana/postmantis.json"), TestContext.Current.CancellationToken);
        var queries = JsonNode.Parse(dashboard)!["panels"]!.AsArray().SelectMany(p => p!["targets"]!.AsArray())
            .Select(t => (string)t!["expr"]!).ToList();
        Assert.All(instruments, i => Assert.True(queries.Exists(q => Names(i).Any(n => Series().Matches(q).Any(m => m.Value == n))),
            $"{i.Name} is on no panel."));
        Assert.All(instruments, i => Assert.Contains($"`{i.Name}`", page, StringComparison.Ordinal));
        foreach (var doc in Directory.GetFiles(Repository.File("docs"), "*.md"))
        {
            var told = Metric().Matches(await File.ReadAllTextAsync(doc, TestContext.Current.CancellationToken)).Select(m => m.Groups[1].Value);
            Assert.Empty(told.Except(instruments.Select(i => i.Name)));
        }

        // A query that asks for a bound asks for one that is counted.
        var bounds = files.Append(page).SelectMany(text => Bound().Matches(text)).ToList();
        Assert.True(bounds.Count >= 6);
        Assert.All(bounds, asked => Assert.Contains(double.Parse(asked.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture),
            ((Histogram<double>)instruments.Single(i => Names(i).Contains(asked.Groups[1].Value))).Advice!.HistogramBucketBoundaries!));

        // What an alert leads to is written down.
        var alerts = files.SelectMany(text => Runbook().Matches(text)).Select(m => m.Groups[1].Value).Distinct().ToList();
        Assert.True(alerts.Count >= 10);
        Assert.All(alerts, anchor => Assert.Contains($"\n### {anchor}\n", page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Addresses_that_people_choose_are_in_no_metric()
    {
        await using var world = await WebhookWorld.StartAsync();
        await world.EndpointAsync("/hook");
        await world.HappenAsync();
        await world.SendAsync();
        using (await world.Host.Services.GetRequiredService<GuardedClient>().GetAsync(new Uri(world.Receiver.Url("/file")), default))
        {
            Assert.Equal(2, world.Receiver.Received.Count);
        }
        var metrics = await world.Host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains("postmantis_webhook_attempts_total{", metrics, StringComparison.Ordinal);

        // The receiver, a server in this process too, counts its own.
        Assert.DoesNotContain(metrics.Split('\n').Where(line => !line.StartsWith("kestrel_", StringComparison.Ordinal)
                && !line.StartsWith("http_server_", StringComparison.Ordinal)),
            line => line.Contains($"\"{world.Receiver.Address.Port}\"", StringComparison.Ordinal));

        // The names that an exporter makes are those the files use.
        var names = (await InstrumentsAsync()).SelectMany(Names).ToHashSet();
        Assert.Empty(metrics.Split('\n').SelectMany(line => Series().Matches(line.Split('{', ' ')[0])).Select(m => m.Value).Except(names));
    }

    private static async Task<List<Instrument>> InstrumentsAsync()
    {
        List<Instrument> instruments = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name.StartsWith("PostMantis.", StringComparison.Ordinal))
                    lock (instruments) instruments.Add(instrument);
            },
        };
        await using var host = await PostMantisHost.StartAsync();
        listener.Start();
        foreach (var type in typeof(WebhookTelemetry).Assembly.GetTypes()
            .Where(t => t.Name.EndsWith("Telemetry", StringComparison.Ordinal) && t is { IsClass: true, IsAbstract: false }))
            host.Services.GetRequiredService(type);
        lock (instruments) return [.. instruments.DistinctBy(i => i.Name)];
    }

    // As the exporter names them.
    private static IEnumerable<string> Names(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_') + (instrument.Unit == "s" ? "_seconds" : "");
        return instrument switch
        {
            Counter<long> => [name + "_total"],
            Histogram<double> => [name + "_bucket", name + "_sum", name + "_count"],
            _ => [name],
        };
    }

    [GeneratedRegex("postmantis_[a-z_]+")]
    private static partial Regex Series();

    [GeneratedRegex(@"`(postmantis\.(?:posts|delivery|drift|queue|connections|webhook|vault)\.[a-z_.]+)`")]
    private static partial Regex Metric();

    [GeneratedRegex(@"(postmantis_[a-z_]+_bucket)\{le=\\?""([0-9.]+)")]
    private static partial Regex Bound();

    [GeneratedRegex(@"runbook: docs/slo\.md#([a-z-]+)")]
    private static partial Regex Runbook();
}
