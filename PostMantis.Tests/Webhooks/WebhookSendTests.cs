using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Outbound;
using PostMantis.Core.Outbox;
using PostMantis.Core.Queue;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Webhooks;

public sealed class WebhookSendTests : IAsyncLifetime
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(15);
    private WebhookWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await WebhookWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task What_arrives_is_the_event_as_the_feed_shows_it_in_the_order_of_the_feed()
    {
        await _world.EndpointAsync();
        Guid[] posts = [Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7()];
        for (var i = 0; i < 60; i++) await _world.HappenAsync(EventTypes.PostUpdated, posts[i % posts.Length]);
        await _world.SendAsync();
        var feed = await _world.Host.InScopeAsync(s => s.GetRequiredService<EventReader>()
            .FollowAsync(_world.Person, 0, new EventQuery(), new PageRequest(100), default));
        var received = _world.Receiver.Received.ToDictionary(r => r.Id);
        Assert.Equal(60, received.Count);
        foreach (var happened in feed.Items)
        {
            var shown = JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(happened, Core.Common.Json.Options));
            Assert.True(JsonNode.DeepEquals(shown, received[happened.Id.ToString()].Json));
        }
        var byPost = await _world.Host.InDatabaseAsync(db => db.Events.ToDictionaryAsync(e => e.Id.ToString(), e => e.PostId));
        foreach (var post in posts)
        {
            var sequences = _world.Receiver.Received.Where(r => byPost[r.Id] == post).Select(r => r.Sequence).ToList();
            Assert.Equal(20, sequences.Count);
            Assert.Equal(sequences.Order(), sequences);
        }
        Assert.All(await _world.MessagesAsync(), m => Assert.Equal((MessageStatus.Delivered, 1), (m.Status, m.Attempts)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync()));

        // Connections are kept: at most one a slot.
        Assert.InRange(_world.Receiver.Received.Select(r => r.Connection).Distinct().Count(), 1, posts.Length);
    }

    [Fact]
    public async Task Over_https_many_slots_share_one_connection_and_only_who_is_vouched_for_is_told()
    {
        using var certificate = WebhookReceiver.Certificate();
        using var unknown = WebhookReceiver.Certificate();
        await using var world = await WebhookWorld.StartAsync(
            configure: builder => builder.Services.AddSingleton(new OutboundTrust(certificate)), certificate: certificate);
        await using var impostor = await WebhookReceiver.StartAsync(unknown);
        await world.EndpointAsync();
        var refused = await world.EndpointsAsync(e => e.CreateAsync(world.Person,
            new WebhookSettings("x", impostor.Url(), WebhookMode.Both, [], [], []), default));
        await world.HappenAsync(times: 40);
        await world.SendAsync();
        Assert.Equal(40, world.Receiver.Received.Select(r => r.Id).Distinct().Count());
        Assert.Equal("HTTP/2", Assert.Single(world.Receiver.Received.Select(r => r.Protocol).Distinct()));
        Assert.Single(world.Receiver.Received.Select(r => r.Connection).Distinct());

        // And it is kept for what comes later.
        await world.HappenAsync();
        await world.SendAsync();
        Assert.Single(world.Receiver.Received.Select(r => r.Connection).Distinct());
        Assert.All((await world.AttemptsAsync()).Where(a => a.Error is null), a => Assert.Equal("2.0", a.HttpVersion));
        Assert.Empty(impostor.Received);
        Assert.Equal(WebhookError.TlsFailed, (await world.StoredAsync(refused.EndpointId)).LastError);
    }

    [Fact]
    public async Task A_slot_in_hand_is_read_on_in_order_until_nothing_is_due_or_it_is_disabled()
    {
        const int many = 400;
        await using var world = await WebhookWorld.StartAsync(new Dictionary<string, string?> { ["Webhooks:EndpointSlots"] = "1" });
        var id = (await world.EndpointAsync()).EndpointId;
        await world.HappenAsync(times: many);
        await world.NumberAsync();
        Assert.Equal(1, await world.Runner.RunOnceAsync(default));
        Assert.Equal(Enumerable.Range(1, many).Select(n => (long)n), world.Receiver.Received.Select(r => r.Sequence));
        Assert.Equal(0, await world.Runner.RunOnceAsync(default));

        // What was read by then is still sent, the rest waits.
        world.Receiver.On("/", async (_, got) =>
        {
            if (got.Sequence == many + 10) await world.EndpointsAsync(e => e.DisableAsync(world.Person, id, default));
        });
        await world.HappenAsync(times: many);
        await world.SendAsync();
        Assert.InRange(world.Receiver.Received.Count, many + 10, many + (many / 2));
        await world.EndpointsAsync(e => e.EnableAsync(world.Person, id, default));
        await world.SendAsync();
        Assert.Equal(Enumerable.Range(1, 2 * many).Select(n => (long)n), world.Receiver.Received.Select(r => r.Sequence));
    }

    [Fact]
    public async Task A_slot_in_hand_goes_on_with_the_settings_of_now()
    {
        const int many = 400, changedAt = 10;
        await using var world = await WebhookWorld.StartAsync(new Dictionary<string, string?> { ["Webhooks:EndpointSlots"] = "1" });
        var id = (await world.EndpointAsync()).EndpointId;
        world.Receiver.On("/", async (_, got) =>
        {
            if (got.Sequence != changedAt) return;
            world.Host.Clock.Advance(TimeSpan.FromMilliseconds(1));
            await world.EndpointsAsync(e => e.UpdateAsync(world.Person, id,
                new WebhookSettings("moved", world.Receiver.Url("/moved"), WebhookMode.Both, [], [], []), default));
            world.Host.Clock.Advance(TimeSpan.FromMilliseconds(1));
            await world.EndpointsAsync(e => e.RotateAsync(world.Person, id, default));
        });
        await world.HappenAsync(times: many);
        await world.SendAsync();
        Assert.Equal(Enumerable.Range(1, many).Select(n => (long)n), world.Receiver.Received.Select(r => r.Sequence));
        Assert.InRange(world.Receiver.At("/").Count, changedAt, many / 2);
        Assert.All(world.Receiver.At("/"), got => Assert.DoesNotContain(' ', got.Headers["webhook-signature"]));
        Assert.All(world.Receiver.At("/moved"), got => Assert.Contains(' ', got.Headers["webhook-signature"]));
    }

    [Fact]
    public async Task Every_row_of_the_schedule_is_kept_and_after_the_last_the_message_has_failed()
    {
        await _world.EndpointAsync();
        _world.Receiver.Answer("/", 500);
        await _world.HappenAsync();
        await _world.SendAsync();
        var seen = 1;
        foreach (var step in WebhookSchedule.Steps)
        {
            var message = await _world.MessageAsync();
            Assert.Equal((MessageStatus.Pending, seen, seen), (message.Status, message.Attempts, message.Tries));
            var wait = message.NextAttemptAt!.Value - message.LastAttemptAt!.Value;
            Assert.InRange(wait, step * 0.8, step * 1.21);
            await _world.PassAsync(message.NextAttemptAt.Value - _world.Host.Clock.GetUtcNow() - TimeSpan.FromMilliseconds(1));
            Assert.Equal(seen, _world.Receiver.Received.Count);
            await _world.PassAsync(TimeSpan.FromMilliseconds(1));
            Assert.Equal(++seen, _world.Receiver.Received.Count);
        }
        var last = await _world.MessageAsync();
        Assert.Equal((MessageStatus.Failed, 11, WebhookError.Status, 500),
            (last.Status, last.Attempts, last.LastError, last.LastStatusCode));
        await _world.PassAsync(TimeSpan.FromDays(1));
        Assert.Equal(11, _world.Receiver.Received.Count);

        // One event, however often: the same id, and each attempt with its own moment.
        Assert.Single(_world.Receiver.Received.Select(r => r.Id).Distinct());
        Assert.Equal(11, _world.Receiver.Received.Select(r => r.Headers["webhook-timestamp"]).Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 11), (await _world.AttemptsAsync()).Select(a => a.Number));
    }

    [Fact]
    public async Task A_receiver_may_ask_for_up_to_twice_the_wait()
    {
        await _world.EndpointAsync();
        _world.Receiver.Answer("/", 429, retryAfter: "9");
        await _world.HappenAsync();
        await _world.SendAsync();
        await _world.PassAsync(TimeSpan.FromSeconds(8.9));
        Assert.Single(_world.Receiver.Received);
        _world.Receiver.Answer("/", 503, retryAfter: "86400");
        await _world.PassAsync(TimeSpan.FromSeconds(0.2));
        Assert.Equal(2, _world.Receiver.Received.Count);
        await _world.PassAsync(TimeSpan.FromSeconds(119));
        Assert.Equal(2, _world.Receiver.Received.Count);
        await _world.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(3, _world.Receiver.Received.Count);
    }

    [Fact]
    public async Task Gone_disables_at_once_and_the_others_are_told()
    {
        var gone = (await _world.EndpointAsync("/gone")).EndpointId;
        await _world.EndpointAsync("/watch", types: [EventTypes.EndpointDisabled]);
        _world.Receiver.Answer("/gone", 410);
        await _world.HappenAsync();
        await _world.SendAsync();
        await _world.SendAsync();
        var endpoint = await _world.StoredAsync(gone);
        Assert.Equal(DisabledReason.Gone, endpoint.DisabledReason);
        var told = Assert.Single(_world.Receiver.At("/watch"));
        Assert.Equal((EventTypes.EndpointDisabled, gone.ToString(), "gone"),
            ((string?)told.Json["type"], (string?)told.Json["data"]!["endpoint"]!["id"], (string?)told.Json["data"]!["endpoint"]!["reason"]));
        await _world.HappenAsync(times: 3);
        await _world.PassAsync(TimeSpan.FromDays(1));
        Assert.Single(_world.Receiver.At("/gone"));
        Assert.Equal(MessageStatus.Failed, Assert.Single(await _world.MessagesAsync(gone)).Status);
        Assert.Equal(gone, Assert.Single(await _world.ReadAsync(r => r.DisabledAsync(_world.Person, default))).Id);
    }

    [Fact]
    public async Task Five_days_of_nothing_but_failure_disable_and_a_success_forgives()
    {
        var id = (await _world.EndpointAsync()).EndpointId;
        _world.Receiver.Answer("/", 500);
        async Task FailForAsync(TimeSpan time)
        {
            for (var until = _world.Host.Clock.GetUtcNow() + time; _world.Host.Clock.GetUtcNow() < until;)
            {
                await _world.HappenAsync();
                await _world.PassAsync(TimeSpan.FromHours(6));
            }
        }
        await FailForAsync(TimeSpan.FromDays(4.5));
        _world.Receiver.Answer("/", 204);
        await _world.PassAsync(TimeSpan.FromHours(1));
        await _world.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Null((await _world.StoredAsync(id)).FailingSince);

        _world.Receiver.Answer("/", 500);
        await FailForAsync(TimeSpan.FromDays(4.9));
        Assert.Null((await _world.StoredAsync(id)).DisabledAt);
        await FailForAsync(TimeSpan.FromDays(0.5));
        var endpoint = await _world.StoredAsync(id);
        Assert.Equal(DisabledReason.Failing, endpoint.DisabledReason);
        var disabled = await _world.Host.InDatabaseAsync(db => db.Events.SingleAsync(e => e.Type == EventTypes.EndpointDisabled));
        Assert.Equal("failing", (string?)disabled.Data["endpoint"]!["reason"]);

        // Nothing is lost: what waited goes when its owner has mended it.
        var waiting = (await _world.MessagesAsync()).Count(m => m.Status == MessageStatus.Pending);
        Assert.NotEqual(0, waiting);
        _world.Receiver.Answer("/", 200);
        await _world.EndpointsAsync(e => e.EnableAsync(_world.Person, id, default));
        await _world.PassAsync(TimeSpan.FromDays(2));
        Assert.DoesNotContain(await _world.MessagesAsync(), m => m.Status == MessageStatus.Pending);
    }

    [Fact]
    public async Task A_redirect_is_a_failure_and_is_not_followed()
    {
        await _world.EndpointAsync();
        _world.Receiver.On("/", (http, _) =>
        {
            http.Response.Redirect(_world.Receiver.Url("/elsewhere?token=abc"), permanent: false, preserveMethod: true);
            return Task.CompletedTask;
        });
        await _world.HappenAsync();
        await _world.SendAsync();
        Assert.Empty(_world.Receiver.At("/elsewhere"));
        var attempt = Assert.Single(await _world.AttemptsAsync());
        Assert.Equal((WebhookError.Redirect, 307), (attempt.Error, attempt.StatusCode));
        Assert.Contains("token=[hidden]", attempt.AnswerHead, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_answer_in_time_has_failed()
    {
        await _world.EndpointAsync();
        _world.Receiver.Hang("/");
        await _world.HappenAsync();
        await _world.NumberAsync();
        var sending = await _world.Runner.StartAsync(default);
        await _world.Receiver.ArrivalAsync();
        _world.Host.Clock.Advance(_timeout - TimeSpan.FromMilliseconds(1));
        Assert.All(sending, task => Assert.False(task.IsCompleted));
        _world.Host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await Task.WhenAll(sending);
        var attempt = Assert.Single(await _world.AttemptsAsync());
        Assert.Equal((WebhookError.Timeout, 15_000), (attempt.Error, attempt.DurationMs));
    }

    [Fact]
    public async Task Of_an_answer_without_end_little_is_read_and_less_is_kept()
    {
        await _world.EndpointAsync();
        _world.Receiver.Flood("/");
        await _world.HappenAsync(times: 3);
        await _world.SendAsync();
        Assert.Equal(3, _world.Receiver.Received.Count);
        Assert.All(await _world.AttemptsAsync(), attempt =>
        {
            Assert.Equal((null, 200), (attempt.Error, attempt.StatusCode));
            Assert.InRange(attempt.AnswerBody!.Length, 2048, 2060);
        });
    }

    [Fact]
    public async Task What_looks_like_a_secret_is_not_kept_of_an_answer()
    {
        var secret = (await _world.EndpointAsync()).Secret;
        _world.Receiver.On("/", async (http, got) =>
        {
            http.Response.StatusCode = 400;
            http.Response.Headers.SetCookie = "session=cookie-value";
            await http.Response.WriteAsync($$"""
                {"error": "bad", "password": "hunter2", "echo": "Bearer abcdefgh", "yours": "{{secret}}", "nul": "{{'\0'}}"}
                """);
        });
        await _world.HappenAsync();
        await _world.SendAsync();
        var attempt = Assert.Single(await _world.AttemptsAsync());
        Assert.Contains("\"error\": \"bad\"", attempt.AnswerBody, StringComparison.Ordinal);
        foreach (var hidden in (string[])["hunter2", "abcdefgh", secret, "cookie-value"])
            Assert.DoesNotContain(hidden, attempt.AnswerBody + attempt.AnswerHead, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_slow_and_endless_receivers_delay_nobody_else_and_are_soon_tried_with_pauses()
    {
        string[] dead = ["/hang1", "/hang2", "/hang3"];
        foreach (var path in dead)
        {
            await _world.EndpointAsync(path);
            _world.Receiver.Hang(path);
        }
        await _world.EndpointAsync("/500");
        _world.Receiver.Answer("/500", 500);
        await _world.EndpointAsync("/endless");
        _world.Receiver.Flood("/endless");
        await _world.EndpointAsync("/well");
        List<Task> sending = [];
        var wakeUp = _world.Host.Services.GetRequiredService<WakeUp>();
        using var stop = new CancellationTokenSource();
        var worker = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var started = await _world.Runner.StartAsync(default);
                sending.AddRange(started);
                if (started.Count > 0) continue;
                await wakeUp.WaitAsync(nameof(WorkKind.Webhook), TimeSpan.FromMinutes(1), TimeProvider.System, stop.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        });
        var happened = 0;
        async Task RoundAsync()
        {
            await _world.HappenAsync(times: 20);
            await _world.NumberAsync();
            happened += 20;

            // While the dead hold what they got, the others get everything. Each counts once: what is still being answered when
            // the clock moves a second time is cut off after all, and sent again.
            while (Told("/well") < happened || Told("/endless") < happened)
                await await Task.WhenAny(_world.Receiver.ArrivalAsync(), worker);
        }
        int Told(string path) => _world.Receiver.At(path).Select(r => r.Id).Distinct().Count();
        await RoundAsync();
        Assert.InRange(_world.Receiver.At("/hang1").Count, 1, 8);
        for (var i = 0; i < 12; i++)
        {
            // Less than the timeout: what the healthy are answering in this moment is not cut off.
            _world.Host.Clock.Advance(_timeout - TimeSpan.FromSeconds(1));
            wakeUp.Signal(WorkKind.Webhook);
            await RoundAsync();
        }

        // Eight at first, then one by one with growing pauses: never a backlog's worth of attempts.
        foreach (var path in dead) Assert.InRange(_world.Receiver.At(path).Count, 9, 20);
        Assert.InRange(_world.Receiver.At("/500").Count, 3, 30);
        Assert.Equal(260, Told("/well"));

        // Mended, each gets all it missed.
        foreach (var path in dead.Append("/500")) _world.Receiver.Answer(path, 200);
        await stop.CancelAsync();
        await worker;
        _world.Host.Clock.Advance(_timeout);
        await Task.WhenAll(sending);
        for (var i = 0; i < 4; i++) await _world.PassAsync(TimeSpan.FromHours(1));
        Assert.All(await _world.MessagesAsync(), m => Assert.Equal(MessageStatus.Delivered, m.Status));
    }

    [Fact]
    public async Task A_receiver_that_was_down_for_a_day_gets_every_event_once()
    {
        await _world.EndpointAsync();
        _world.Receiver.Answer("/", 503);
        for (var hour = 0; hour < 24; hour++)
        {
            await _world.HappenAsync(times: 10);
            await _world.PassAsync(TimeSpan.FromHours(1));
        }
        List<string> taken = [];
        _world.Receiver.On("/", (_, got) =>
        {
            lock (taken) taken.Add(got.Id);
            return Task.CompletedTask;
        });
        for (var i = 0; i < 30; i++) await _world.PassAsync(TimeSpan.FromHours(1));
        var feed = await _world.Host.InDatabaseAsync(db => db.EventNumbers.OrderBy(n => n.Sequence)
            .Select(n => n.EventId.ToString()).ToListAsync());
        Assert.Equal(240, feed.Count);
        Assert.Equal(feed.Order(), taken.Order());
    }

    [Fact]
    public async Task Only_what_an_endpoint_asks_for_is_sent()
    {
        var brand = Guid.CreateVersion7();
        await _world.Host.InDatabaseAsync(db =>
        {
            db.Brands.Add(new Core.Profiles.Brand { Id = brand, UserId = _world.Person.UserId, Name = "Client", CreatedAt = _world.Host.Clock.GetUtcNow() });
            return db.SaveChangesAsync();
        });
        var mine = await Seed.ProfileAsync(_world.Host, _world.Person, "Mine", change: p => p.BrandId = brand);
        var other = await Seed.ProfileAsync(_world.Host, _world.Person, "Other");
        await _world.EndpointAsync("/all");
        await _world.EndpointAsync("/live", WebhookMode.Live);
        await _world.EndpointAsync("/test", WebhookMode.Test);
        await _world.EndpointAsync("/failed", types: [EventTypes.DeliveryFailed]);
        await _world.EndpointAsync("/brand", brands: [brand]);
        await _world.EndpointAsync("/profile", profiles: [other.Id]);
        await _world.EndpointAsync("/stranger", owner: await Seed.UserAsync(_world.Host));
        var post = await _world.Host.InScopeAsync(async services => (await services.GetRequiredService<Core.Deliveries.PostAcceptor>()
            .CreateAsync(_world.Person, PublishingWorld.Body("Two", [mine, other]), default)).Post);
        await _world.HappenAsync(EventTypes.DeliveryFailed, profileId: mine.Id, testMode: true);
        await _world.HappenAsync(EventTypes.DeliveryPublished, profileId: other.Id, testMode: false);
        await _world.HappenAsync(EventTypes.ArtifactVerified, testMode: true);
        await _world.SendAsync();
        string[] Types(string path) => [.. _world.Receiver.At(path).OrderBy(r => r.Sequence).Select(r => (string)r.Json["type"]!)];
        string[] ofPost = [EventTypes.PostCreated, EventTypes.PostScheduled];
        Assert.Equal([.. ofPost, EventTypes.DeliveryFailed, EventTypes.DeliveryPublished, EventTypes.ArtifactVerified], Types("/all"));
        Assert.Equal([EventTypes.DeliveryPublished], Types("/live"));
        Assert.Equal([.. ofPost, EventTypes.DeliveryFailed, EventTypes.ArtifactVerified], Types("/test"));
        Assert.Equal([EventTypes.DeliveryFailed], Types("/failed"));
        Assert.Equal([.. ofPost, EventTypes.DeliveryFailed], Types("/brand"));
        Assert.Equal([.. ofPost, EventTypes.DeliveryPublished], Types("/profile"));
        Assert.Empty(Types("/stranger"));
        Assert.NotNull(post);
    }

    [Fact]
    public async Task A_private_address_is_refused_when_an_endpoint_is_made_and_at_every_connection()
    {
        await using var strict = await WebhookWorld.StartAsync(
            new Dictionary<string, string?> { ["Outbound:AllowedRanges:0"] = "192.0.2.0/24" },
            builder => builder.Services.AddSingleton<INameResolver>(new TrapResolver()));
        foreach (var url in (string[])["https://127.0.0.1/", "https://10.0.0.1/", "http://example.com/", "https://localhost/",
            "https://user:pass@example.com/", "ftp://example.com/", "https://[::1]/", "nonsense", ""])
        {
            var problem = await Assert.ThrowsAsync<ProblemException>(() => strict.EndpointsAsync(e => e.CreateAsync(strict.Person,
                new WebhookSettings("x", url, WebhookMode.Both, [], [], []), default)));
            Assert.Equal("/url", Assert.Single(problem.Issues).Pointer);
        }

        // The name is fine; where it leads is not.
        var id = (await strict.EndpointsAsync(e => e.CreateAsync(strict.Person,
            new WebhookSettings("x", $"https://hooks.postmantis-trap.com:{strict.Receiver.Address.Port}/", WebhookMode.Both, [], [], []), default))).EndpointId;
        await strict.HappenAsync();
        await strict.SendAsync();
        Assert.Empty(strict.Receiver.Received);
        Assert.Equal(WebhookError.AddressRefused, (await strict.StoredAsync(id)).LastError);
    }

    [Fact]
    public async Task A_lane_without_its_item_is_found_and_a_lost_lease_is_sent_again()
    {
        await _world.EndpointAsync();
        await _world.HappenAsync();
        await _world.NumberAsync();
        await _world.Host.InDatabaseAsync(db => db.WorkItems.ExecuteDeleteAsync());
        var recovery = _world.Host.Services.GetRequiredService<WebhookRecovery>();
        Assert.Equal(1, await recovery.RunOnceAsync(default));
        Assert.Equal(0, await recovery.RunOnceAsync(default));
        await _world.SendAsync();
        Assert.Single(_world.Receiver.Received);

        // Claimed by a process that is no more.
        await _world.HappenAsync();
        await _world.NumberAsync();
        await using (var scope = _world.Host.Services.CreateAsyncScope())
        {
            var claim = await scope.ServiceProvider.GetRequiredService<WorkQueue>().ClaimAsync(WorkKind.Webhook, 10, default);
            Assert.Single(claim.Leases);
        }
        await _world.SendAsync();
        Assert.Single(_world.Receiver.Received);
        await using (var connection = new NpgsqlConnection(_world.Host.ConnectionString))
        {
            await connection.OpenAsync();
            await using var expire = new NpgsqlCommand("""
                UPDATE work_items SET lease_expires_at = clock_timestamp() - interval '1 minute', worker_id = gen_random_uuid()
                """, connection);
            await expire.ExecuteNonQueryAsync();
        }
        var heartbeat = _world.Host.Services.GetRequiredService<Heartbeat>();
        await heartbeat.BeatAsync(default);
        for (var i = 0; i < 4; i++)
        {
            _world.Host.Clock.Advance(TimeSpan.FromSeconds(10));
            await heartbeat.BeatAsync(default);
        }
        await _world.Host.Services.GetRequiredService<Core.Deliveries.Recovery>().RunOnceAsync(default);
        await _world.SendAsync();
        Assert.Equal(2, _world.Receiver.Received.Count);
    }

    private sealed class TrapResolver : INameResolver
    {
        public Task<IReadOnlyList<System.Net.IPAddress>> ResolveAsync(string host, CancellationToken ct) =>
            Task.FromResult<IReadOnlyList<System.Net.IPAddress>>([System.Net.IPAddress.Loopback]);
    }
}
