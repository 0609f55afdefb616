using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Connections;
using PostMantis.Core.Outbox;
using PostMantis.Core.Providers;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;
using PostMantis.Tests.Webhooks;

namespace PostMantis.Tests.Workers;

/// <summary>What an operator's collector is told by real processes, one of which is killed in the middle of a call.</summary>
public sealed class TraceTests : IAsyncLifetime
{
    private const string Baggage = "planted-baggage-3e9a", Root = "planted-root-3e9a", Thread = "planted-thread-3e9a";
    private const string Query = "planted-query-3e9a", Password = "planted-password-3e9a";
    private PublishingWorld _world = null!;
    private WebhookReceiver _receiver = null!;
    private OtlpCollector _collector = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(WebhookWorld.Settings, movedClock: false);
        _receiver = await WebhookReceiver.StartAsync();
        _collector = await OtlpCollector.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _collector.DisposeAsync();
        await _receiver.DisposeAsync();
        await _world.DisposeAsync();
    }

    [Fact]
    public async Task One_trace_leads_from_the_request_over_a_killed_process_to_the_receiver_and_no_secret_is_told()
    {
        var settings = new Dictionary<string, string?>(_collector.Settings)
        {
            ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",

            // Louder than any operator would have it.
            ["Logging:LogLevel:Default"] = "Debug",
            ["Logging:LogLevel:System.Net.Http.HttpClient.sandbox"] = "Trace",
        };
        var shown = await _world.Host.InScopeAsync(services => services.GetRequiredService<WebhookEndpoints>().CreateAsync(
            _world.Person, new WebhookSettings("x", _receiver.Url($"/hook?token={Query}"), WebhookMode.Both, [], [], []), default));
        var key = (await ApiClient.WithKeyAsync(_world.Host, _world.Person)).Key!;
        var grant = Assert.IsType<GrantOutcome.Opened>(await _world.Host.InScopeAsync(services =>
            services.GetRequiredService<GrantOpener>().OpenAsync(_world.Pages[0].ConnectionId, default)));
        var (trace, remote, ignored) = (ActivityTraceId.CreateRandom().ToString(), ActivitySpanId.CreateRandom().ToString(),
            ActivityTraceId.CreateRandom().ToString());
        string output;
        var hold = await _world.Sandbox.HoldAsync("before");
        await using (var first = await _world.StartReplicaAsync(settings: settings))
        {
            await AcceptAsync(first, key, Root, $"00-{trace}-{remote}-01");
            await hold.ReachedAsync();

            // Whose webhooks are out by then: an attempt that arrived but was not yet exported would be lost with the process.
            await _collector.UntilAsync(() => Of(trace).Any(s => s.Kind == ExportedSpan.Server)
                && HasAttempt(trace, EventTypes.PostCreated) && HasAttempt(trace, EventTypes.PostScheduled), () => string.Join('\n', Of(trace)));
            await first.KillAsync();
            output = first.Output;
        }
        await hold.ReleaseAsync();
        await using (var second = await _world.StartReplicaAsync(settings: settings))
        {
            await AcceptAsync(second, key, Root + " unsampled", $"00-{ignored}-{remote}-00");
            await _collector.UntilAsync(() => HasAttempt(trace, EventTypes.PostCompleted), () => string.Join('\n', Of(trace)));
            while (!_receiver.Received.Any(r => (string)r.Json["type"]! == EventTypes.PostCompleted
                && r.Headers["traceparent"].Contains(ignored, StringComparison.Ordinal)))
                await _receiver.ArrivalAsync();
            await _collector.UntilAsync(() => _collector.Text("metrics").Contains("postmantis.webhook.age", StringComparison.Ordinal));
            await second.StopAsync();
            output += second.Output;
        }

        // One tree, whose root is the caller's span, of two processes; what the first had open when it was killed is lost.
        var spans = Of(trace);
        var ids = spans.Select(s => s.SpanId).ToHashSet();
        var request = Assert.Single(spans, s => s.ParentId == remote);
        Assert.Equal(ExportedSpan.Server, request.Kind);
        Assert.Equal("POST", request.Tags["http.request.method"]);
        Assert.DoesNotContain(spans, s => s.SpanId != request.SpanId && s.Process != request.Process && !ids.Contains(s.ParentId));
        Assert.Equal(2, spans.Select(s => s.Process).Distinct().Count());
        var settle = Assert.Single(spans, s => s.Name == "settle delivery");
        var publish = Assert.Single(spans, s => s.SpanId == settle.ParentId);
        Assert.Equal("publish delivery", publish.Name);
        Assert.Equal((ExportedSpan.Consumer, request.SpanId), (publish.Kind, publish.ParentId));
        Assert.NotEqual(request.Process, publish.Process);
        Assert.Contains(spans, s => s.Name == "queue wait" && s.ParentId == request.SpanId);
        var calls = spans.Where(s => s.Source == "System.Net.Http" && s.ParentId == publish.SpanId).ToList();
        Assert.NotEmpty(calls);
        Assert.All(calls, call => Assert.Equal((ExportedSpan.Client, "127.0.0.1"), (call.Kind, call.Tags["server.address"])));
        Assert.Contains(spans, s => s.Source == "Npgsql" && s.Tags.GetValueOrDefault("db.system.name") == "postgresql");

        // Each receipt names its attempt, and what was not to be sampled is carried on and told to nobody.
        var received = _receiver.Received.Where(r => r.Headers["traceparent"].Contains(trace, StringComparison.Ordinal)).ToList();
        var attempts = spans.Where(s => s.Name == "webhook attempt").Select(s => $"00-{trace}-{s.SpanId}-01").ToHashSet();
        Assert.Contains(received, r => (string)r.Json["type"]! == EventTypes.DeliveryPublished);
        Assert.All(received, r => Assert.Contains(r.Headers["traceparent"], attempts));
        Assert.Empty(Of(ignored));
        Assert.All(_receiver.Received.Where(r => r.Headers["traceparent"].Contains(ignored, StringComparison.Ordinal)),
            r => Assert.EndsWith("-00", r.Headers["traceparent"], StringComparison.Ordinal));

        // Logs are found by the trace, and the lateness leads to it.
        var bytes = Encoding.Latin1.GetString(Convert.FromHexString(trace));
        Assert.Contains(bytes, _collector.Text("logs"), StringComparison.Ordinal);
        Assert.Contains("postmantis.delivery.lateness", _collector.Text("metrics"), StringComparison.Ordinal);
        Assert.Contains(bytes, _collector.Text("metrics"), StringComparison.Ordinal);

        var (code, said, errors) = await ApiProcess.RunAsync([], new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = $"Host=127.0.0.1;Port=1;Username=someone;Password={Password};Timeout=1",
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["Vault__MasterKeys__0__Id"] = "test",
            ["Vault__MasterKeys__0__Value"] = Convert.ToBase64String(new byte[32]),
        });
        Assert.NotEqual(0, code);
        string[] sealedSecrets =
        [
            key, key.Split('_', 4)[3], shown.Secret, shown.Secret["whsec_".Length..], grant.Tokens.AccessToken,
            grant.Tokens.RefreshToken!, "sandbox-client-secret", Convert.ToBase64String(new byte[32]),
        ];
        string[] untold = [.. sealedSecrets, Baggage, Root, Thread, Query, Password];
        foreach (var (place, text) in (IEnumerable<(string, string)>)
            [
                ("traces", _collector.Text("traces")), ("metrics", _collector.Text("metrics")), ("logs", _collector.Text("logs")),
                ("output", output), ("crash", said + errors),
            ])
            Assert.All(untold, secret => Assert.False(text.Contains(secret, StringComparison.OrdinalIgnoreCase), $"{place}: {secret}"));
        var dump = await DumpAsync();
        Assert.Contains(Root, dump, StringComparison.Ordinal);
        foreach (var secret in sealedSecrets.Append(Baggage))
        {
            Assert.False(dump.Contains(secret, StringComparison.Ordinal), $"database: {secret}");
            Assert.False(dump.Contains(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret)), StringComparison.Ordinal), $"database: {secret}");
        }
        var signing = Convert.ToHexStringLower(Convert.FromBase64String(shown.Secret["whsec_".Length..]));
        Assert.DoesNotContain(signing, dump, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probes_begin_no_trace_nor_do_idle_workers_and_a_page_is_in_the_trace_of_its_request()
    {
        var (probe, page, remote) = (ActivityTraceId.CreateRandom().ToString(), ActivityTraceId.CreateRandom().ToString(),
            ActivitySpanId.CreateRandom().ToString());

        // As Aspire sets it: whatever begins is told.
        var settings = new Dictionary<string, string?>(_collector.Settings) { ["OTEL_TRACES_SAMPLER"] = "always_on" };
        await using (var server = await _world.StartReplicaAsync(settings: settings))
        {
            await GetAsync(server, "/health", probe);
            await GetAsync(server, "/metrics", probe);
            await GetAsync(server, "/sign-in", page);
            await server.StopAsync();
        }
        Assert.Empty(Of(probe));
        Assert.Contains(Of(page), s => s.Kind == ExportedSpan.Server && s.ParentId == remote);
        Assert.Contains(Of(page), s => s.Source == "Npgsql");
        Assert.DoesNotContain(_collector.Spans, s => s.Source == "Npgsql" && s.ParentId.Length == 0);
        Assert.DoesNotContain(_collector.Spans, s => s.Source.StartsWith("Microsoft.AspNetCore.Components", StringComparison.Ordinal));

        async Task GetAsync(ApiServer server, string path, string trace)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-{remote}-01");
            using var answer = await server.Client.SendAsync(request);
            Assert.Equal(200, (int)answer.StatusCode);
        }
    }

    private bool HasAttempt(string trace, string type) =>
        Of(trace).Any(s => s.Name == "webhook attempt" && s.Tags["postmantis.event.type"] == type);

    private List<ExportedSpan> Of(string trace) => [.. _collector.Spans.Where(s => s.TraceId == trace)];

    private async Task AcceptAsync(ApiServer server, string key, string body, string traceparent)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts")
        {
            Content = new StringContent(PublishingWorld.Body(body, [_world.PageOf(SettlementMode.Idempotent)], thread: [Thread])
                .ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        request.Headers.TryAddWithoutValidation("traceparent", traceparent);
        request.Headers.TryAddWithoutValidation("baggage", $"campaign={Baggage}");
        using var answer = await server.Client.SendAsync(request);
        Assert.Equal(202, (int)answer.StatusCode);
    }

    private async Task<string> DumpAsync()
    {
        var database = new NpgsqlConnectionStringBuilder(_world.Host.ConnectionString);
        using var dump = Process.Start(new ProcessStartInfo(TemporaryPostgres.Binary("pg_dump"),
            ["-h", database.Host!, "-p", $"{database.Port}", "-U", database.Username!, database.Database!])
        {
            RedirectStandardOutput = true,
        })!;
        var text = await dump.StandardOutput.ReadToEndAsync();
        await dump.WaitForExitAsync();
        Assert.Equal(0, dump.ExitCode);
        return text;
    }
}
