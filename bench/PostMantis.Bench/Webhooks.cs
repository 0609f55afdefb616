using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Api;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// Webhooks in this process, as they run in production, on a durable Postgres, to a receiver in this process too: both
/// cores are shared by all of them.
/// </summary>
internal sealed class Webhooks : IAsyncDisposable
{
    private const int EventsPerSave = 500;
    private static readonly TimeProvider _time = TimeProvider.System;
    private static readonly JsonObject _data = JsonNode.Parse("""
        {"post": {"id": "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11", "status": "completed", "outcome": "published", "revision": 7,
          "externalId": "cms-42", "metadata": {"campaign": "spring"}},
         "delivery": {"object": "delivery", "id": "01981d2e-7f3b-7a10-b2c4-66d0f1a29b77", "profileName": "Studio Page",
          "profileId": "01981d2e-1111-7c55-9a41-0c2f6f0f8f11", "provider": "mastodon", "status": "published", "phase": null,
          "parts": [{"index": 0, "kind": "root", "status": "published", "providerPostId": "114182736455",
            "url": "https://social.example/@studio/114182736455", "error": null}], "attemptCount": 1, "actions": [],
          "publishedAt": "2027-03-30T10:00:02.114Z", "error": null, "latenessMs": 312, "nextCheckAt": null}}
        """)!.AsObject();

    private readonly TemporaryPostgres _postgres;
    private readonly WebApplication _app;
    private readonly WebApplication _receiver;

    private Webhooks(TemporaryPostgres postgres, WebApplication app, WebApplication receiver) =>
        (_postgres, _app, _receiver) = (postgres, app, receiver);

    /// <summary>
    /// Events through signing and HTTP, against a bare loop that sends the same bytes; and from what is stored to what is stored,
    /// against the same loop around a plain queue in Postgres: what it costs anybody to know afterwards what was sent.
    /// </summary>
    public static async Task RateAsync(Report report)
    {
        const int events = 60_000, warmUps = 2, rounds = 5;
        var arrived = 0;
        byte[] sample = [];
        await using var stage = await StartAsync(isWorking: false, async http =>
        {
            if (sample.Length > 0)
            {
                Interlocked.Increment(ref arrived);
                return;
            }
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            sample = body.ToArray();
        });
        var (person, _) = await stage.PersonAsync(0);
        await stage.EndpointAsync(person, "/sink", []);
        List<Spent> bare = [], sent = [], plain = [], full = [];

        // The first rounds until all loops are compiled as they will be: half a minute of production.
        for (var round = -warmUps; round < rounds; round++)
        {
            await stage.LayAsync(person, events);
            await MeasureAsync(full, stage.DrainAsync);
            await MeasureAsync(bare, () => stage.BareAsync(events, sample));
            await MeasureAsync(sent, () => stage.SendAsync(events, sample));
            await stage.LayPlainAsync(events, sample);
            await MeasureAsync(plain, stage.DrainPlainAsync);

            async Task MeasureAsync(List<Spent> spent, Func<Task> work)
            {
                Interlocked.Exchange(ref arrived, 0);
                var before = stage.SoFar();
                await work();
                var after = stage.SoFar();
                if (round < 0) return;
                if (arrived != events) throw new InvalidOperationException($"{arrived} arrived.");
                spent.Add(after.Since(before, events));
            }
        }
        Add("webhooks, bare HttpClient loop", bare, isStored: false);
        Add("webhooks, signed and sent", sent, isStored: false);
        Add("webhooks, plain queue", plain, isStored: true);
        Add("webhooks, claimed to stored", full, isStored: true);
        report.AddRatio("webhooks, sent against the bare loop", Rate(sent) / Rate(bare), 0.6);
        report.AddRatio("webhooks, plain queue against the bare loop", Rate(plain) / Rate(bare), null);
        report.AddRatio("webhooks, stored against the bare loop", Rate(full) / Rate(bare), null);
        report.AddRatio("webhooks, stored against the plain queue", Rate(full) / Rate(plain), 0.5);

        static double Rate(List<Spent> rounds) => Median(rounds, s => 1e6 / s.Wall);

        static double Median(List<Spent> rounds, Func<Spent, double> of) => rounds.Select(of).Order().ElementAt(rounds.Count / 2);

        void Add(string name, List<Spent> rounds, bool isStored)
        {
            report.AddNumber(name, "1/s", Rate(rounds));
            report.AddNumber($"{name}: processor", "us", Median(rounds, s => s.Process));
            if (isStored) report.AddNumber($"{name}: Postgres", "us", Median(rounds, s => s.Postgres));
        }
    }

    /// <summary>Two hundred endpoints, eleven of them bad, at five hundred events a second.</summary>
    public static async Task FanOutAsync(Report report)
    {
        const int people = 10, endpoints = 20, perSecond = 500, hanging = 5, failing = 5;
        const int bad = hanging + failing + 1;
        var (ticks, tick) = (50 * 60, TimeSpan.FromMilliseconds(20));
        ConcurrentQueue<(DateTimeOffset At, double Delay)> delays = new();
        await using var stage = await StartAsync(isWorking: true, async http =>
        {
            var number = int.Parse(http.Request.Path.Value![1..], System.Globalization.CultureInfo.InvariantCulture);
            using var reader = new StreamReader(http.Request.Body);
            var body = await reader.ReadToEndAsync(http.RequestAborted);
            if (number < hanging)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, _time, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                http.Abort();
            }
            else if (number < hanging + failing)
            {
                http.Response.StatusCode = 500;
            }
            else if (number < bad)
            {
                await FloodAsync(http);
            }
            else
            {
                using var json = JsonDocument.Parse(body);
                var now = _time.GetUtcNow();
                delays.Enqueue((now, (now - json.RootElement.GetProperty("timestamp").GetDateTimeOffset()).TotalMilliseconds));
            }
        });
        List<(Caller Person, Guid Profile)> targets = [];
        for (var i = 0; i < people; i++)
        {
            var (person, profiles) = await stage.PersonAsync(endpoints);

            // The bad ones are spread: most people have one or two among twenty.
            for (var n = 0; n < endpoints; n++)
            {
                await stage.EndpointAsync(person, $"/{(n * people) + i}", [profiles[n]]);
                targets.Add((person, profiles[n]));
            }
        }
        var started = _time.GetTimestamp();
        List<(double Heap, double Set)> memory = [];
        for (var n = 0; n < ticks; n++)
        {
            var wait = (tick * n) - _time.GetElapsedTime(started);
            if (wait > TimeSpan.Zero) await Task.Delay(wait, _time);
            await stage.HappenAsync(Enumerable.Range(0, perSecond / 50).Select(k => targets[((n * 10) + k) % targets.Count]));
            if (n % (ticks / 6) == (ticks / 6) - 1)
                memory.Add((GC.GetTotalMemory(forceFullCollection: true) / 1e6, Environment.WorkingSet / 1e6));
        }
        var took = _time.GetElapsedTime(started);
        await Task.Delay(TimeSpan.FromSeconds(2), _time);
        var sent = ticks * (perSecond / 50);
        report.AddRate("fan-out, events", sent, took);
        report.AddNumber("fan-out, arrived of the healthy", "share", delays.Count / (sent * (double)(targets.Count - bad) / targets.Count));
        report.AddTimes("fan-out, delay of healthy endpoints", delays.Select(d => d.Delay), ("p99", 1000));
        report.AddNumber("fan-out, heap after 10 s", "MB", memory[0].Heap);
        report.AddNumber("fan-out, heap after 60 s", "MB", memory[^1].Heap);
        report.AddNumber("fan-out, working set after 10 s", "MB", memory[0].Set);
        report.AddNumber("fan-out, working set after 60 s", "MB", memory[^1].Set);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _receiver.StopAsync(now.Token);
        await _receiver.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    private static async Task<Webhooks> StartAsync(bool isWorking, RequestDelegate receive)
    {
        var receiving = WebApplication.CreateSlimBuilder();
        receiving.Logging.ClearProviders();
        receiving.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var receiver = receiving.Build();
        receiver.Run(receive);
        await receiver.StartAsync();
        var postgres = await TemporaryPostgres.StartAsync(durable: true);
        await postgres.ExecuteAsync("CREATE DATABASE postmantis");
        var app = PostMantisApp.Build(["--environment", "Development", "--urls", "http://127.0.0.1:0"], builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["ConnectionStrings:postmantis"] = postgres.ConnectionString("postmantis"),
                ["Sandbox:Hosted"] = "false",
                ["Workers:Enabled"] = isWorking ? "true" : "false",
                ["Vault:MasterKeys:0:Id"] = "bench",
                ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
                ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
            });
            builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Warning);
        });
        await using (var scope = app.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<SchemaKeeper>().MigrateAsync(contract: false, default);
        await app.StartAsync();
        return new Webhooks(postgres, app, receiver);
    }

    private async Task<T> InScopeAsync<T>(Func<IServiceProvider, Task<T>> work)
    {
        await using var scope = _app.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider);
    }

    private Task<(Caller Person, Guid[] Profiles)> PersonAsync(int profiles) => InScopeAsync(async services =>
    {
        var db = services.GetRequiredService<PostMantisDb>();
        var now = _time.GetUtcNow();
        var id = Ids.New(now);
        db.Users.Add(new User { Id = id, UserName = $"{id:N}@example.com", SecurityStamp = $"{id:N}", CreatedAt = now });
        await db.SaveChangesAsync();
        var made = Enumerable.Range(0, profiles).Select(n => new Profile
        {
            Id = Ids.New(now),
            UserId = id,
            ConnectionId = id,
            Provider = "sandbox",
            ProviderProfileId = $"{n}",
            Name = $"Page {n}",
            TestMode = true,
            CreatedAt = now,
            UpdatedAt = now,
        }).ToArray();
        db.Profiles.AddRange(made);
        await db.SaveChangesAsync();
        return (Caller.Person(id, null), made.Select(p => p.Id).ToArray());
    });

    private Task<SecretShown> EndpointAsync(Caller person, string path, IReadOnlyList<Guid> profiles) => InScopeAsync(services =>
        services.GetRequiredService<WebhookEndpoints>().CreateAsync(person,
            new WebhookSettings(path, new Uri(new Uri(_receiver.Urls.First()), path).AbsoluteUri, WebhookMode.Both, [], [], profiles), default));

    // Events of as many posts, numbered, with their messages waiting.
    private async Task LayAsync(Caller person, int events)
    {
        for (var laid = 0; laid < events; laid += EventsPerSave)
            await HappenAsync(Enumerable.Repeat((person, Guid.Empty), Math.Min(EventsPerSave, events - laid)));
        while (await InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
    }

    private Task<bool> HappenAsync(IEnumerable<(Caller Person, Guid Profile)> targets) => InScopeAsync(async services =>
    {
        // What happens belongs to a trace: of a request or of a delivery.
        using var cause = new Activity("happen").Start();
        var (writer, unit, rows) = (services.GetRequiredService<EventWriter>(), services.GetRequiredService<UnitOfWork>(),
            services.GetRequiredService<PendingRows>());
        var data = _data.ToJsonString(Json.Options);
        await unit.RunAsync(async ct =>
        {
            rows.Open();
            foreach (var (person, profile) in targets)
                writer.Add(person.UserId, EventTypes.DeliveryPublished, data, testMode: true, Ids.New(_time.GetUtcNow()),
                    profileId: profile == Guid.Empty ? null : profile);
            await using var batch = unit.Batch();
            rows.Write(batch);
            await unit.FinishAsync(batch, ct);
        }, default);
        services.GetRequiredService<WakeUp>().Signal(EventWriter.Loop);
        return true;
    });

    // As the worker does, until nothing is left: every outcome is stored by then.
    private async Task DrainAsync()
    {
        var (runner, wakeUp) = (_app.Services.GetRequiredService<WebhookRunner>(), _app.Services.GetRequiredService<WakeUp>());
        HashSet<Task> running = [];
        while (true)
        {
            // What ends during the claim may have left something.
            running.RemoveWhere(task => task.IsCompleted);
            var isLast = running.Count == 0;
            var tasks = await runner.StartAsync(default);
            running.UnionWith(tasks);
            if (tasks.Count > 0) continue;
            if (isLast) return;
            using var rung = new CancellationTokenSource();
            await Task.WhenAny(running.Append(wakeUp.WaitAsync(nameof(WorkKind.Webhook), TimeSpan.FromSeconds(1), _time, rung.Token)));
            await rung.CancelAsync();
        }
    }

    // The same bytes and headers, as many at once as an endpoint has slots, and as little told of it: neither spans nor
    // measurements. Its trace is one nobody records, as that of the events: else the receiver here would.
    private async Task BareAsync(int events, byte[] body)
    {
        using var bare = new BareClient(Sink);
        var left = events;
        await InSlotsAsync(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0) await bare.SendAsync(body);
        });
    }

    // As a slot sends what it has read, with everything around it but reading and storing.
    private async Task SendAsync(int events, byte[] body)
    {
        var (sender, timeout) = (_app.Services.GetRequiredService<WebhookSender>(), new WebhookOptions().Timeout);
        var now = _time.GetUtcNow();
        var endpoint = new WebhookTarget
        {
            Id = Ids.New(now),
            UserId = Ids.New(now),
            Url = Sink,
            ShownUrl = Sink.AbsoluteUri,
            IsDisabled = false,
            Secret = null,
            PreviousSecret = null,
            PreviousSecretEndsAt = null,
            Failures = 0,
            RetryAt = null,
            UpdatedAt = now,
        };
        var left = events;
        await InSlotsAsync(async _ =>
        {
            using var secret = new OpenedSecret(WebhookSecret.Create());
            using var signer = new WebhookSigner(secret);
            using var late = new CancellationTokenSource(timeout, _time);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var id = Ids.New(now);
                late.CancelAfter(timeout);
                var outcome = await sender.SendAsync(endpoint, signer, new DueMessage
                {
                    Id = id,
                    EventId = id,
                    Sequence = left,
                    Type = EventTypes.DeliveryPublished,
                    Attempts = 0,
                    Tries = 0,
                    DueAt = now,
                    CreatedAt = now,
                    Body = body,
                    HappenedAt = now,
                    Traceparent = BareClient.Traceparent,
                }, late.Token, CancellationToken.None);
                if (!outcome.IsDelivered) throw new InvalidOperationException($"It came to {outcome.Attempt.Error}.");
            }
        });
    }

    private async Task LayPlainAsync(int events, byte[] body)
    {
        await using var source = NpgsqlDataSource.Create(_postgres.ConnectionString("postmantis"));
        await using (var table = source.CreateCommand("""
            DROP TABLE IF EXISTS bench_messages;
            CREATE TABLE bench_messages (id bigint PRIMARY KEY, slot int, body bytea, is_sent bool);
            CREATE INDEX ON bench_messages (slot, id) WHERE NOT is_sent;
            """)) await table.ExecuteNonQueryAsync();
        await using (var rows = source.CreateCommand(
            "INSERT INTO bench_messages SELECT n, n % $2, $3, false FROM generate_series(1, $1) n"))
        {
            rows.Parameters.AddWithValue(events);
            rows.Parameters.AddWithValue(Slots);
            rows.Parameters.AddWithValue(body);
            await rows.ExecuteNonQueryAsync();
        }
        await using var analyze = source.CreateCommand("ANALYZE bench_messages");
        await analyze.ExecuteNonQueryAsync();
    }

    // Each slot reads its rows in order and sends them, and what was sent is marked in sets: no signature, no lease, no attempt,
    // nothing measured.
    private async Task DrainPlainAsync()
    {
        const int read = 128, most = 500;
        await using var source = NpgsqlDataSource.Create(_postgres.ConnectionString("postmantis"));
        using var bare = new BareClient(Sink);
        var sent = Channel.CreateUnbounded<long>(new UnboundedChannelOptions { SingleReader = true });
        var marking = Task.Run(async () =>
        {
            List<long> set = new(most);
            await foreach (var id in sent.Reader.ReadAllAsync())
            {
                set.Add(id);
                if (set.Count == most) await MarkAsync(set);
            }
            if (set.Count > 0) await MarkAsync(set);
        });
        await InSlotsAsync(async slot =>
        {
            List<(long Id, byte[] Body)> rows = [];
            var last = 0L;
            do
            {
                rows.Clear();
                await using (var next = source.CreateCommand(
                    "SELECT id, body FROM bench_messages WHERE slot = $1 AND NOT is_sent AND id > $2 ORDER BY id LIMIT $3"))
                {
                    next.Parameters.AddWithValue(slot);
                    next.Parameters.AddWithValue(last);
                    next.Parameters.AddWithValue(read);
                    await using var row = await next.ExecuteReaderAsync();
                    while (await row.ReadAsync()) rows.Add((row.GetInt64(0), row.GetFieldValue<byte[]>(1)));
                }
                foreach (var (id, body) in rows)
                {
                    await bare.SendAsync(body);
                    sent.Writer.TryWrite(id);
                    last = id;
                }
            }
            while (rows.Count == read);
        });
        sent.Writer.Complete();
        await marking;

        async Task MarkAsync(List<long> set)
        {
            await using var mark = source.CreateCommand("UPDATE bench_messages SET is_sent = true WHERE id = ANY($1)");
            mark.Parameters.AddWithValue(set.ToArray());
            await mark.ExecuteNonQueryAsync();
            set.Clear();
        }
    }

    private Uri Sink => new(new Uri(_receiver.Urls.First()), "/sink");

    private static int Slots => new WebhookOptions().EndpointSlots;

    private static Task InSlotsAsync(Func<int, Task> work) =>
        Task.WhenAll(Enumerable.Range(0, Slots).Select(slot => Task.Run(() => work(slot))));

    // The processors' time is told too: on a machine with other work it says more than the clock.
    private Spent SoFar() => new((_time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalMicroseconds,
        Environment.CpuUsage.TotalTime.TotalMicroseconds, _postgres.ProcessorTime.TotalMicroseconds);

    private static async Task FloodAsync(HttpContext http)
    {
        var block = new byte[16 * 1024];
        try
        {
            while (!http.RequestAborted.IsCancellationRequested) await http.Response.Body.WriteAsync(block, http.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            http.Abort();
        }
    }

    /// <summary>Microseconds: of the clock, of the processors for this process (sender and receiver) and for Postgres.</summary>
    private readonly record struct Spent(double Wall, double Process, double Postgres)
    {
        public Spent Since(Spent before, int events) => new((Wall - before.Wall) / events, (Process - before.Process) / events,
            (Postgres - before.Postgres) / events);
    }

    /// <summary>A client that sends and does nothing else.</summary>
    private sealed class BareClient : IDisposable
    {
        public const string Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

        private readonly Uri _address;
        private readonly Unheard _meters = new();
        private readonly HttpClient _client;

        public BareClient(Uri address)
        {
            _address = address;
            _client = new HttpClient(new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = false,
                ActivityHeadersPropagator = null,
                MeterFactory = _meters,
            });
        }

        public async Task SendAsync(byte[] body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new ByteArrayContent(body) };
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            request.Headers.TryAddWithoutValidation("webhook-id", "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11");
            request.Headers.TryAddWithoutValidation("webhook-timestamp", "1785405602");
            request.Headers.TryAddWithoutValidation("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=");
            request.Headers.TryAddWithoutValidation("User-Agent", "PostMantis");
            request.Headers.TryAddWithoutValidation("traceparent", Traceparent);
            using var answer = await _client.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        public void Dispose()
        {
            _client.Dispose();
            _meters.Dispose();
        }
    }

    private sealed class Unheard : IMeterFactory
    {
        private readonly Meter _meter = new("unheard");

        public Meter Create(MeterOptions options) => _meter;

        public void Dispose() => _meter.Dispose();
    }
}
