using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Providers;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Webhooks;

public sealed class WebhookEndpointTests : IAsyncLifetime
{
    private WebhookWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await WebhookWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_secret_is_shown_once_and_stands_nowhere_in_the_clear()
    {
        var made = await _world.EndpointAsync();
        Assert.StartsWith("whsec_", made.Secret, StringComparison.Ordinal);
        var bytes = Convert.FromBase64String(made.Secret["whsec_".Length..]);
        Assert.Equal(32, bytes.Length);
        Assert.DoesNotContain(made.Secret, made.ToString(), StringComparison.Ordinal);
        var stored = await _world.StoredAsync(made.EndpointId);
        Assert.Equal(-1, stored.Secret.AsSpan().IndexOf(bytes));
        var audit = await _world.Host.InDatabaseAsync(db => db.AuditEntries.Where(a => a.SubjectId == made.EndpointId).ToListAsync());
        Assert.Equal("webhookEndpoint.created", Assert.Single(audit).Action);
        Assert.DoesNotContain(made.Secret, audit[0].Detail!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_person_it_belongs_to_may_touch_an_endpoint()
    {
        var id = (await _world.EndpointAsync()).EndpointId;
        await _world.HappenAsync();
        await _world.SendAsync();
        var message = (await _world.MessageAsync()).Id;
        var other = await Seed.UserAsync(_world.Host);
        var program = _world.Person with { ActorType = ActorType.ApiKey };
        Func<Caller, Task>[] all =
        [
            c => _world.EndpointsAsync(e => e.RotateAsync(c, id, default)),
            c => _world.EndpointsAsync(e => e.EnableAsync(c, id, default)),
            c => _world.EndpointsAsync(e => e.DisableAsync(c, id, default)),
            c => _world.EndpointsAsync(e => e.DeleteAsync(c, id, default)),
            c => _world.EndpointsAsync(e => e.TestAsync(c, id, default)),
            c => _world.EndpointsAsync(e => e.ResendAsync(c, message, default)),
            c => _world.EndpointsAsync(e => e.UpdateAsync(c, id,
                new WebhookSettings("x", _world.Receiver.Url(), WebhookMode.Both, [], [], []), default)),
            c => _world.ReplaysAsync(r => r.StartAsync(c, id, _world.Host.Clock.GetUtcNow(), ReplayScope.All, default)),
            c => _world.ReadAsync(r => r.GetAsync(c, id, default)),
            c => _world.ReadAsync(r => r.MessageAsync(c, message, default)),
        ];
        foreach (var act in all)
        {
            Assert.Equal(ProblemCode.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => act(other))).Code);
            Assert.Equal(ProblemCode.InsufficientPermission, (await Assert.ThrowsAsync<ProblemException>(() => act(program))).Code);
        }
        Assert.Empty(await _world.ReadAsync(r => r.ListAsync(other, default)));
        Assert.Empty((await _world.ReadAsync(r => r.MessagesAsync(other, id, new MessageQuery(), new PageRequest(), default))).Items);
    }

    [Fact]
    public async Task A_test_event_goes_to_its_endpoint_alone_whatever_the_filters()
    {
        var id = (await _world.EndpointAsync("/one", WebhookMode.Live, types: [EventTypes.PostCreated])).EndpointId;
        await _world.EndpointAsync("/other");
        await _world.EndpointsAsync(e => e.TestAsync(_world.Person, id, default));
        await _world.SendAsync();
        var got = Assert.Single(_world.Receiver.Received);
        Assert.Equal(("/one", EventTypes.WebhookTest), (got.Path, (string?)got.Json["type"]));
    }

    [Fact]
    public async Task Disabled_it_is_told_nothing_and_enabled_it_is_told_what_waited()
    {
        var id = (await _world.EndpointAsync()).EndpointId;
        await _world.HappenAsync();
        await _world.NumberAsync();
        await _world.EndpointsAsync(e => e.DisableAsync(_world.Person, id, default));
        await _world.HappenAsync();
        await _world.SendAsync();
        Assert.Empty(_world.Receiver.Received);
        var problem = await Assert.ThrowsAsync<ProblemException>(() => _world.EndpointsAsync(e => e.TestAsync(_world.Person, id, default)));
        Assert.Equal(ProblemCode.Conflict, problem.Code);
        await _world.EndpointsAsync(e => e.EnableAsync(_world.Person, id, default));
        await _world.SendAsync();
        Assert.Equal(1, Assert.Single(_world.Receiver.Received).Sequence);
        await _world.EndpointsAsync(e => e.DeleteAsync(_world.Person, id, default));
        await _world.HappenAsync();
        await _world.SendAsync();
        Assert.Single(_world.Receiver.Received);
        Assert.Null((await _world.StoredAsync(id)).Secret);
    }

    [Fact]
    public async Task One_message_is_sent_again_with_the_same_id()
    {
        await _world.EndpointAsync();
        await _world.HappenAsync();
        await _world.SendAsync();
        var message = await _world.MessageAsync();
        _world.Host.Clock.Advance(TimeSpan.FromMinutes(1));
        await _world.EndpointsAsync(e => e.ResendAsync(_world.Person, message.Id, default));
        await _world.SendAsync();
        Assert.Equal(2, _world.Receiver.Received.Count);
        Assert.Single(_world.Receiver.Received.Select(r => (r.Id, r.Body)).Distinct());
        Assert.Equal(2, _world.Receiver.Received.Select(r => r.Headers["webhook-timestamp"]).Distinct().Count());
        var detail = await _world.ReadAsync(r => r.MessageAsync(_world.Person, message.Id, default));
        Assert.Equal((2, 2, MessageStatus.Delivered), (detail.Message.Attempts, detail.Attempts.Count, detail.Message.Status));
    }

    [Fact]
    public async Task What_arrives_at_once_is_kept_in_its_message_and_told_like_any_attempt()
    {
        const string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        var id = (await _world.EndpointAsync("/first?key=abc")).EndpointId;
        _world.Receiver.Answer("/first", 202, body: "token=abcdefgh, thanks 🐝");
        await _world.HappenAsync(traceparent: parent);
        var now = _world.Host.Clock.GetUtcNow();
        var began = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        await _world.SendAsync();
        var message = await _world.MessageAsync();
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WebhookAttempts.CountAsync()));
        async Task<MessageDetail> DetailAsync() => await _world.ReadAsync(r => r.MessageAsync(_world.Person, message.Id, default));
        var first = Assert.Single((await DetailAsync()).Attempts);
        Assert.Equal((1, began, 202, null, "1.1", 1), (first.Number, first.StartedAt, first.StatusCode, first.Error, first.HttpVersion, first.Signatures));
        Assert.EndsWith("/first?key=[hidden]", first.Url, StringComparison.Ordinal);
        Assert.Equal("token=[hidden], thanks 🐝", first.AnswerBody);
        Assert.Contains("Date: ", first.AnswerHead, StringComparison.Ordinal);
        Assert.Equal(_world.Receiver.Received[0].Headers["traceparent"], first.Traceparent);
        Assert.Equal((message.LastAttemptAt, message.LastStatusCode, message.DeliveredAt!.Value - began),
            (first.StartedAt, first.StatusCode, TimeSpan.FromMilliseconds(first.DurationMs)));

        // What comes of it later leaves it as it was.
        _world.Host.Clock.Advance(TimeSpan.FromMinutes(1));
        _world.Receiver.Answer("/first", 500);
        await _world.EndpointsAsync(e => e.ResendAsync(_world.Person, message.Id, default));
        await _world.SendAsync();
        _world.Receiver.Answer("/first", 200);
        await _world.PassAsync(TimeSpan.FromMinutes(1));
        var attempts = (await DetailAsync()).Attempts;
        Assert.Equal([(3, 200), (2, 500), (1, 202)], attempts.Select(a => (a.Number, a.StatusCode!.Value)));
        Assert.Equivalent(first, attempts[^1]);
        var health = (await _world.ReadAsync(r => r.HealthAsync(_world.Person, [id], default)))[id];
        Assert.Equal((2, 1, attempts[0].StartedAt), (health.Succeeded, health.Failed, health.LastAttemptAt));
    }

    [Fact]
    public async Task Messages_stored_together_keep_what_each_was_told_and_what_an_older_version_stored_is_told_too()
    {
        await _world.EndpointAsync();
        _world.Receiver.On("/", async (http, received) =>
        {
            _world.Host.Clock.Advance(TimeSpan.FromMilliseconds(3));
            await http.Response.WriteAsync($"event {(long)received.Json["sequence"]! % 2}");
        });
        await _world.HappenAsync(times: 5);
        await _world.SendAsync();
        var messages = await _world.MessagesAsync();
        Assert.Equal(5, messages.Count);
        var told = _world.Receiver.Received.ToDictionary(r => Guid.Parse(r.Id));
        Assert.All(messages, m => Assert.Equal(($"event {m.Sequence % 2}", told[m.EventId].Headers["traceparent"]),
            (m.FirstAttempt!.AnswerBody, m.FirstAttempt.Traceparent)));
        Assert.All(messages, m => Assert.InRange(m.FirstAttempt!.DurationMs, 3, 15));

        var (before, older) = (messages[0].FirstAttempt!, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        await _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlAsync($$"""
            UPDATE webhook_messages SET first_try_ms = NULL, first_try_traceparent = NULL,
                first_try = (first_try::jsonb || jsonb_build_object('durationMs', 7, 'traceparent', {{older}}))::json
            WHERE id = {{messages[0].Id}}
            """));
        var stored = (await _world.MessagesAsync())[0].FirstAttempt!;
        Assert.Equal((7, older, before.AnswerBody), (stored.DurationMs, stored.Traceparent, stored.AnswerBody));
    }

    [Fact]
    public async Task A_first_success_beside_another_attempt_is_kept_too_and_one_that_is_stored_twice_counts_once()
    {
        await _world.EndpointAsync();
        var others = true;
        _world.Receiver.On("/", async (_, _) =>
        {
            // Who had the slot before files a failure late.
            if (others) await _world.Host.InDatabaseAsync(db => db.WebhookMessages.ExecuteUpdateAsync(m => m.SetProperty(x => x.Attempts, 1)));
        });
        await _world.HappenAsync();
        await _world.SendAsync();
        var message = await _world.MessageAsync();
        Assert.Equal((MessageStatus.Delivered, 2, null), (message.Status, message.Attempts, message.FirstTry));
        Assert.Single(await _world.AttemptsAsync());

        others = false;
        await _world.HappenAsync();
        await _world.SendAsync();
        var stored = (await _world.MessagesAsync())[^1];
        var endpoint = await _world.StoredAsync(stored.EndpointId);
        var settlement = new WebhookSettlement(new WebhookOutcome(
            new DueMessage
            {
                Id = stored.Id,
                EventId = stored.EventId,
                Sequence = stored.Sequence,
                Type = stored.Type,
                Attempts = 0,
                Tries = 0,
                DueAt = stored.CreatedAt,
                CreatedAt = stored.CreatedAt,
                Body = null,
                HappenedAt = stored.CreatedAt,
                Traceparent = null,
            },
            new WebhookTarget
            {
                Id = endpoint.Id,
                UserId = endpoint.UserId,
                Url = new Uri(endpoint.Url),
                ShownUrl = endpoint.Url,
                IsDisabled = false,
                Secret = null,
                PreviousSecret = null,
                PreviousSecretEndsAt = null,
                Failures = 0,
                RetryAt = null,
                UpdatedAt = endpoint.UpdatedAt,
            }, stored.FirstAttempt!, null), null);

        // The answer to its commit was lost.
        await _world.Host.Services.GetRequiredService<WebhookSettleQueue>().AddAsync(settlement);
        Assert.Equal(2, (await _world.AttemptsAsync()).Count);
        Assert.Equal(1, (await _world.MessagesAsync())[^1].Attempts);
    }

    [Fact]
    public async Task A_replay_sends_what_happened_since_a_moment_window_by_window_and_tells_how_far_it_is()
    {
        await using var world = await WebhookWorld.StartAsync(new Dictionary<string, string?> { ["Webhooks:ReplayWindow"] = "10" });
        await world.HappenAsync(times: 5);
        await world.NumberAsync();
        world.Host.Clock.Advance(TimeSpan.FromHours(1));
        var since = world.Host.Clock.GetUtcNow();
        await world.HappenAsync(times: 15);
        await world.NumberAsync();

        // Made after them, the endpoint was told of none.
        var id = (await world.EndpointAsync()).EndpointId;
        await world.HappenAsync(times: 10);
        await world.SendAsync();
        Assert.Equal(10, world.Receiver.Received.Count);
        await world.ReplaysAsync(r => r.StartAsync(world.Person, id, since, ReplayScope.All, default));
        List<double> done = [];
        async Task<int> StepAsync()
        {
            var running = await world.ReplaysAsync(r => r.RunOnceAsync(default));
            done.Add((await world.ReadAsync(r => r.ReplaysAsync(world.Person, id, default)))[0].Done);
            Assert.InRange((await world.MessagesAsync()).Count(m => m.Status == MessageStatus.Pending), 0, 10);
            await world.SendAsync();
            return running;
        }
        while (await StepAsync() > 0)
        {
        }
        Assert.Equal(done.Order(), done);
        Assert.True(done.Count > 3 && done[0] < 0.5 && done[^1] == 1);
        Assert.Equal(35, world.Receiver.Received.Count);
        var again = world.Receiver.Received.Skip(10).ToList();
        Assert.Equal(Enumerable.Range(6, 25).Select(n => (long)n), again.Select(r => r.Sequence).Order());
        Assert.Equal(25, world.Receiver.Received.Select(r => r.Id).Distinct().Count());

        // What was delivered is left out when asked to.
        await world.ReplaysAsync(r => r.StartAsync(world.Person, id, since.AddHours(-2), ReplayScope.Undelivered, default));
        while (await StepAsync() > 0)
        {
        }
        Assert.Equal(40, world.Receiver.Received.Count);
        Assert.Equal(30, world.Receiver.Received.Select(r => r.Id).Distinct().Count());
        var late = await Assert.ThrowsAsync<ProblemException>(() => world.ReplaysAsync(r =>
            r.StartAsync(world.Person, id, since.AddDays(-31), ReplayScope.All, default)));
        Assert.Equal("/since", Assert.Single(late.Issues).Pointer);
    }

    [Fact]
    public async Task A_replay_that_is_stopped_asks_for_nothing_more()
    {
        await using var world = await WebhookWorld.StartAsync(new Dictionary<string, string?> { ["Webhooks:ReplayWindow"] = "10" });
        var since = world.Host.Clock.GetUtcNow();
        await world.HappenAsync(times: 25);
        await world.NumberAsync();
        var id = (await world.EndpointAsync()).EndpointId;
        var replay = await world.ReplaysAsync(r => r.StartAsync(world.Person, id, since, ReplayScope.All, default));
        Assert.Equal(1, await world.ReplaysAsync(r => r.RunOnceAsync(default)));
        var stranger = await Seed.UserAsync(world.Host);
        await Assert.ThrowsAsync<ProblemException>(() => world.StopAsync(replay, stranger));
        await world.StopAsync(replay);
        await world.StopAsync(replay);
        Assert.Equal(0, await world.ReplaysAsync(r => r.RunOnceAsync(default)));

        // What was asked for by then is sent, and that it was stopped is told once.
        await world.SendAsync();
        Assert.Equal(Enumerable.Range(1, 10).Select(n => (long)n), world.Receiver.Received.Select(r => r.Sequence).Order());
        var told = Assert.Single(await world.ReadAsync(r => r.ReplaysAsync(world.Person, id, default)));
        Assert.Equal((ReplayStatus.Stopped, 10, 0), (told.Replay.Status, told.Replay.Asked, told.Waiting));
        Assert.Equal(1, await world.Host.InDatabaseAsync(db =>
            db.AuditEntries.CountAsync(a => a.Action == "webhookEndpoint.replayStopped")));
        await world.ReplaysAsync(r => r.StartAsync(world.Person, id, since, ReplayScope.Undelivered, default));
        while (await world.ReplaysAsync(r => r.RunOnceAsync(default)) > 0) await world.SendAsync();
        Assert.Equal(25, world.Receiver.Received.Select(r => r.Id).Distinct().Count());
        Assert.Equal(25, world.Receiver.Received.Count);
    }

    [Fact]
    public async Task Health_tells_the_rate_the_queue_and_what_comes_next()
    {
        var id = (await _world.EndpointAsync()).EndpointId;
        await _world.HappenAsync(times: 3);
        await _world.SendAsync();
        _world.Receiver.Answer("/", 500);
        await _world.HappenAsync();
        await _world.SendAsync();
        var health = (await _world.ReadAsync(r => r.HealthAsync(_world.Person, [id], default)))[id];
        Assert.Equal((3, 1, 1, 0.75), (health.Succeeded, health.Failed, health.Waiting, health.SuccessRate));
        Assert.InRange(health.NextAttemptAt!.Value, _world.Host.Clock.GetUtcNow().AddSeconds(4), _world.Host.Clock.GetUtcNow().AddSeconds(6.1));
        var failed = await _world.ReadAsync(r => r.MessagesAsync(_world.Person, id,
            new MessageQuery(MessageStatus.Pending), new PageRequest(), default));
        Assert.Equal(WebhookError.Status, Assert.Single(failed.Items).LastError);
    }

    [Fact]
    public async Task What_waits_behind_a_pause_says_when_that_ends()
    {
        var id = (await _world.EndpointAsync()).EndpointId;
        _world.Receiver.Answer("/", 500);
        await _world.HappenAsync(times: 20);
        await _world.SendAsync();
        var endpoint = await _world.ReadAsync(r => r.GetAsync(_world.Person, id, default));
        var waiting = (await _world.ReadAsync(r => r.MessagesAsync(_world.Person, id,
            new MessageQuery(MessageStatus.Pending), new PageRequest(), default))).Items;
        Assert.Contains(waiting, m => m.NextAttemptAt < endpoint.RetryAt);
        Assert.All(waiting, m => Assert.True(endpoint.NextAttemptOf(m) >= endpoint.RetryAt));
        var health = (await _world.ReadAsync(r => r.HealthAsync(_world.Person, [id], default)))[id];
        Assert.Equal(health.NextAttemptAt, waiting.Min(endpoint.NextAttemptOf));

        await _world.Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<WebhookEndpoints>().DisableAsync(_world.Person, id, default);
            return true;
        });
        endpoint = await _world.ReadAsync(r => r.GetAsync(_world.Person, id, default));
        Assert.All(waiting, m => Assert.Null(endpoint.NextAttemptOf(m)));
    }

    [Fact]
    public async Task Months_are_made_ahead_filled_and_dropped_whole()
    {
        async Task KeepAsync() => await _world.Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<WebhookRetention>().RunOnceAsync(default);
            return true;
        });
        async Task<List<string>> PlacesAsync()
        {
            await using var connection = new NpgsqlConnection(_world.Host.ConnectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(
                "SELECT tableoid::regclass::text FROM webhook_messages UNION ALL SELECT tableoid::regclass::text FROM webhook_attempts ORDER BY 1", connection);
            List<string> places = [];
            await using var rows = await command.ExecuteReaderAsync();
            while (await rows.ReadAsync()) places.Add(rows.GetString(0));
            return places;
        }
        var made = await _world.EndpointAsync();
        _world.Receiver.Answer("/", 500);
        await _world.HappenAsync();
        await _world.SendAsync();
        Assert.Equal(["webhook_attempts_default", "webhook_messages_default"], await PlacesAsync());
        await KeepAsync();
        await KeepAsync();
        var month = _world.Host.Clock.GetUtcNow().ToString("yyyy_MM", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal([$"webhook_attempts_{month}", $"webhook_messages_{month}"], await PlacesAsync());
        await _world.EndpointsAsync(e => e.RotateAsync(_world.Person, made.EndpointId, default));
        _world.Receiver.Answer("/", 200);
        _world.Host.Clock.Advance(TimeSpan.FromDays(62));
        await _world.HappenAsync();
        await _world.SendAsync();
        Assert.Equal(4, (await PlacesAsync()).Count);
        await KeepAsync();
        var places = await PlacesAsync();
        Assert.Equal(2, places.Count);
        Assert.DoesNotContain($"webhook_messages_{month}", places);
        Assert.Null((await _world.StoredAsync(made.EndpointId)).PreviousSecret);
    }

    [Fact]
    public async Task An_attempt_belongs_to_the_trace_of_the_post()
    {
        await using var world = await PublishingWorld.StartAsync(WebhookWorld.Settings);
        await using var receiver = await WebhookReceiver.StartAsync();
        await world.Host.InScopeAsync(services => services.GetRequiredService<WebhookEndpoints>().CreateAsync(world.Person,
            new WebhookSettings("x", receiver.Url(), WebhookMode.Both, [], [], []), default));
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("PostMantis", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        ActivityTraceId trace;
        Guid postId;
        using (var request = new Activity("request").Start())
        {
            trace = request.TraceId;
            postId = (await world.PostAsync("Traced", world.PageOf(SettlementMode.Idempotent))).Id;
        }
        await world.PassAsync(TimeSpan.Zero);
        await world.EventsAsync(postId);
        var runner = world.Host.Services.GetRequiredService<WebhookRunner>();
        while (await runner.RunOnceAsync(default) > 0)
        {
        }
        var ofPost = receiver.Received.Where(r => (string?)r.Json["data"]!["post"]?["id"] == postId.ToString()).ToList();
        Assert.Contains(ofPost, r => (string?)r.Json["type"] == EventTypes.DeliveryPublished);
        Assert.All(ofPost, r => Assert.StartsWith($"00-{trace}-", r.Headers["traceparent"], StringComparison.Ordinal));
        var attempts = (await WebhookWorld.AttemptsAsync(world.Host)).Select(a => a.Traceparent).ToList();
        Assert.All(ofPost, r => Assert.Contains(r.Headers["traceparent"], attempts));
    }
}
