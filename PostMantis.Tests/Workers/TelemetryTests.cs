using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;
using PostMantis.Core.Connections;
using PostMantis.Core.Outbox;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

public sealed class TelemetryTests : IAsyncLifetime
{
    private readonly Spans _spans = new();
    private readonly CapturedLogs _logs = new();
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync(configure: builder =>
    {
        // Louder than any operator would have it: what is searched for must not even be there.
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(_logs)
            .AddFilter("Microsoft.EntityFrameworkCore.Database", LogLevel.Trace)
            .AddFilter("System.Net.Http.HttpClient.sandbox", LogLevel.Trace);
        builder.Services.AddOpenTelemetry().WithTracing(tracing =>
            tracing.AddProcessor(_spans).SetSampler(new AlwaysOnSampler()));
    });

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        _logs.Dispose();
        _spans.Dispose();
    }

    [Fact]
    public async Task One_trace_leads_from_the_request_to_the_settled_delivery()
    {
        var api = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        var trace = ActivityTraceId.CreateRandom();
        var body = PublishingWorld.Body("Traced", [_world.PageOf(SettlementMode.Probe)]).ToJsonString();
        var reply = await api.PostAsync("/posts", body, ("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01"));
        Assert.Equal(202, reply.Status);
        var postId = Guid.Parse((string)reply.Data["id"]!);
        await _world.Runner.RunOnceAsync(default);

        var spans = _spans.Ended.Where(s => s.TraceId == trace).ToList();
        var publish = Assert.Single(spans, s => s.OperationName == "publish delivery");
        Assert.Equal(ActivityKind.Consumer, publish.Kind);
        var request = Assert.Single(spans, s => s.Kind == ActivityKind.Server && s.SpanId == publish.ParentSpanId);
        Assert.Single(spans, s => s.OperationName == "queue wait" && s.ParentSpanId == request.SpanId);

        // A container is made, then published.
        Assert.Equal(2, spans.Count(s => s.Kind == ActivityKind.Client && s.ParentSpanId == publish.SpanId
            && s.Source.Name == "System.Net.Http"));
        Assert.Single(spans, s => s.OperationName == "settle delivery" && s.ParentSpanId == publish.SpanId);

        var attempt = Assert.Single(await _world.LedgerAsync(postId));
        Assert.Equal(trace.ToString(), attempt.TraceId);
        Assert.All(spans.Where(s => s.OperationName == "publish delivery"), s =>
            Assert.Equal(attempt.Id.ToString(), s.GetTagItem("postmantis.attempt.id")));
    }

    [Fact]
    public async Task A_reconciled_delivery_stays_in_its_trace()
    {
        var api = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        var trace = ActivityTraceId.CreateRandom();
        var body = PublishingWorld.Body("Sought", [_world.PageOf(SettlementMode.ReadBack)], "publish=timeoutAfterAccept");
        await api.PostAsync("/posts", body.ToJsonString(),
            ("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01"));
        await _world.PassAsync(TimeSpan.Zero);
        Assert.Single(_spans.Ended, s => s.TraceId == trace && s.OperationName == "reconcile delivery"
            && (string?)s.GetTagItem("postmantis.reconcile.result") == "found");
    }

    [Fact]
    public async Task No_span_log_or_metric_tells_a_body_a_token_or_a_key()
    {
        var api = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        const string root = "planted-root-7f1c", thread = "planted-thread-7f1c", comment = "planted-comment-7f1c";
        foreach (var (mode, fault) in new[]
                 {
                     (SettlementMode.Idempotent, ""), (SettlementMode.Probe, "publish=timeoutAfterAccept"),
                     (SettlementMode.ReadBack, "publish=timeoutAfterAccept"), (SettlementMode.None, "publish=rejected"),
                     (SettlementMode.Idempotent, "publish=timeoutBeforeAccept publish=rateLimited comment=rejected"),
                     (SettlementMode.Probe, "publish=authRevoked"),
                 })
        {
            var body = PublishingWorld.Body($"{root} {mode} {fault}", [_world.PageOf(mode)], fault,
                thread: [thread], firstComment: comment);
            Assert.Equal(202, (await api.PostAsync("/posts", body.ToJsonString(), ("Idempotency-Key", root + mode + fault.Length)))
                .Status);
        }
        Assert.Equal(400, (await api.PostAsync("/posts", PublishingWorld.Body(root, [_world.Pages[0]], "publish=nope").ToJsonString())).Status);
        var grant = Assert.IsType<GrantOutcome.Opened>(await _world.Host.InScopeAsync(services =>
            services.GetRequiredService<GrantOpener>().OpenAsync(_world.Pages[0].ConnectionId, default)));
        await _world.PassAsync(TimeSpan.Zero);
        await _world.PassAsync(TimeSpan.FromMinutes(5));
        await _world.Host.InScopeAsync(services => services.GetRequiredService<Sequencer>().RunOnceAsync(default));
        await _world.Recovery.RunOnceAsync(default);

        var metrics = await _world.Host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains("postmantis_delivery_attempts", metrics, StringComparison.Ordinal);
        Assert.Contains(_logs.Lines, line => line.StartsWith("Debug ", StringComparison.Ordinal));
        RequireFewSeries(metrics);
        string[] secrets =
        [
            root, thread, comment, api.Key!, api.Key!.Split('_', 4)[3], grant.Tokens.AccessToken, grant.Tokens.RefreshToken!,
            "sandbox-client-secret", Convert.ToBase64String(new byte[32]),
        ];
        var told = _spans.Ended.Select(Words).Concat(_logs.Lines).Append(metrics).ToList();
        Assert.All(secrets, secret => Assert.DoesNotContain(told,
            words => words.Contains(secret, StringComparison.OrdinalIgnoreCase)));
    }

    // Labels are words of closed lists: nothing that grows with people, posts or addresses.
    private static void RequireFewSeries(string metrics)
    {
        const int most = 60;
        string[] labels = ["created_by", "test_mode", "provider", "verdict", "result", "kind", "rule", "reason", "operation", "le"];
        var series = metrics.Split('\n').Where(line => line.StartsWith("postmantis_", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(series);
        foreach (var line in series)
        {
            foreach (Match label in Regex.Matches(line.Split('}')[0], "([a-z_]+)=\"([^\"]*)\""))
            {
                if (label.Groups[1].Value.StartsWith("otel_scope", StringComparison.Ordinal)) continue;
                Assert.Contains(label.Groups[1].Value, labels);
                Assert.Matches("^([A-Za-z_]{1,40}|[0-9.]+|\\+Inf)$", label.Groups[2].Value);
            }
        }
        Assert.All(series.Where(line => !line.Contains("_bucket{", StringComparison.Ordinal)).GroupBy(line => line.Split('{', ' ')[0]),
            metric => Assert.InRange(metric.Count(), 1, most));

        // The routes of the web server's are templates.
        Assert.DoesNotMatch("http_route=\"[^\"]*[0-9a-f]{8}-[0-9a-f]{4}-", metrics);
    }

    private static string Words(Activity span)
    {
        var words = new StringBuilder($"{span.OperationName} {span.DisplayName} {span.StatusDescription} {span.TraceStateString}");
        foreach (var (name, value) in span.TagObjects) words.Append(' ').Append(name).Append('=').Append(value);
        foreach (var (name, value) in span.Baggage) words.Append(' ').Append(name).Append('=').Append(value);
        foreach (var happened in span.Events)
        {
            words.Append(' ').Append(happened.Name);
            foreach (var (name, value) in happened.Tags) words.Append(' ').Append(name).Append('=').Append(value);
        }
        foreach (var link in span.Links)
            foreach (var (name, value) in link.Tags ?? []) words.Append(' ').Append(name).Append('=').Append(value);
        return words.ToString();
    }

    /// <summary>Keeps every span that ends, as an exporter is given it.</summary>
    private sealed class Spans : OpenTelemetry.BaseProcessor<Activity>
    {
        public ConcurrentQueue<Activity> Ended { get; } = new();

        public override void OnEnd(Activity data) => Ended.Enqueue(data);
    }
}
