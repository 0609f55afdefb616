using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Queue;

public sealed class WorkQueueTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await PostMantisHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task One_item_of_a_lane_is_in_flight_at_a_time_and_the_next_follows_its_settlement()
    {
        var (user, lane) = (NewId(), NewId());
        var items = new[] { await AddAsync(user, lane), await AddAsync(user, lane), await AddAsync(user, lane) };
        foreach (var item in items)
        {
            var lease = Assert.Single(await TakeAsync(10));
            Assert.Equal(item, lease.Id);
            Assert.Empty(await TakeAsync(10));
            Assert.Equal([item], await SettleAsync(lease));
        }
        Assert.Empty(await TakeAsync(10));
    }

    [Fact]
    public async Task Replicas_never_hold_two_items_of_one_lane_and_lose_none()
    {
        var user = NewId();
        var lanes = Enumerable.Range(0, 5).Select(_ => NewId()).ToArray();
        foreach (var lane in lanes)
            for (var i = 0; i < 20; i++) await AddAsync(user, lane);
        var replicas = new List<PostMantisHost> { _host };
        for (var i = 0; i < 2; i++)
            replicas.Add(await PostMantisHost.StartAsync(connectionString: _host.ConnectionString));
        foreach (var replica in replicas.Skip(1)) replica.Clock.Advance(TimeSpan.FromSeconds(1));

        var held = new System.Collections.Concurrent.ConcurrentDictionary<Guid, Guid>();
        var settled = new System.Collections.Concurrent.ConcurrentBag<Guid>();
        await Task.WhenAll(replicas.Select(replica => Task.Run(async () =>
        {
            for (var empty = 0; empty < 20;)
            {
                var leases = await TakeAsync(4, replica);
                if (leases.Count == 0) empty++;
                foreach (var lease in leases)
                    Assert.True(held.TryAdd(lease.Lane, lease.Id), "Two items of one lane are in flight.");
                foreach (var lease in leases)
                {
                    Assert.True(held.TryRemove(lease.Lane, out _));
                    foreach (var id in await SettleAsync(lease, replica)) settled.Add(id);
                }
            }
        })));
        Assert.Equal(100, settled.Distinct().Count());
        Assert.Equal(100, settled.Count);
        foreach (var replica in replicas.Skip(1)) await replica.DisposeAsync();
    }

    [Fact]
    public async Task One_users_backlog_keeps_nobody_waiting()
    {
        var (busy, lane) = (NewId(), NewId());
        await AddManyAsync(busy, lane, 100_000, lanes: 1);
        await AddManyAsync(busy, NewId(), 20_000, lanes: 2_000);
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        var other = await AddAsync(NewId(), NewId());

        // The backlog is looked at once on its way; nobody is slowed down by it afterwards.
        List<WorkLease> leases = [];
        while (!leases.Exists(l => l.Id == other)) leases.AddRange(await TakeAsync(1000));
        Assert.Equal(32, leases.Count(l => l.UserId == busy));

        var late = await AddAsync(NewId(), NewId());
        var started = Stopwatch.GetTimestamp();
        Assert.Equal(late, Assert.Single(await TakeAsync(1000)).Id);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_users_share_frees_up_as_their_work_settles()
    {
        var user = NewId();
        for (var i = 0; i < 40; i++) await AddAsync(user, NewId());
        var first = await TakeAsync(100);
        Assert.Equal(32, first.Count);
        Assert.Empty(await TakeAsync(100));
        foreach (var lease in first.Take(5)) await SettleAsync(lease);
        Assert.Equal(5, (await TakeAsync(100)).Count);
    }

    [Fact]
    public async Task A_network_that_is_full_keeps_no_other_waiting_and_is_not_looked_at_in_vain()
    {
        for (var i = 0; i < 50; i++) await AddAsync(NewId(), NewId(), pool: "full");
        _host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var other = await AddAsync(NewId(), NewId(), pool: "other");

        var full = new Dictionary<string, int> { ["full"] = 0 };
        var claim = await InQueueAsync(q => q.ClaimAsync(WorkKind.Publish, 10, default, full));
        Assert.Equal(other, Assert.Single(claim.Leases).Id);
        claim = await InQueueAsync(q => q.ClaimAsync(WorkKind.Publish, 10, default, full));
        Assert.Equal((0, false), (claim.Leases.Count, claim.Again));
        Assert.Null(await InQueueAsync(q => q.NextDueAsync(WorkKind.Publish, _host.Clock.GetUtcNow(), default)));

        full["full"] = 2;
        Assert.Equal(2, (await InQueueAsync(q => q.ClaimAsync(WorkKind.Publish, 10, default, full))).Leases.Count);
    }

    [Fact]
    public async Task What_is_put_before_the_end_of_a_backlog_is_found_in_a_moment()
    {
        for (var i = 0; i < 60; i++) await AddAsync(NewId(), NewId());
        var claim = await InQueueAsync(q => q.ClaimAsync(WorkKind.Publish, 10, default));
        Assert.Equal((10, true), (claim.Leases.Count, claim.Again));
        var first = await AddAsync(NewId(), NewId(), _host.Clock.GetUtcNow().AddMinutes(-1));

        _host.Clock.Advance(TimeSpan.FromMilliseconds(250));
        claim = await InQueueAsync(q => q.ClaimAsync(WorkKind.Publish, 10, default));
        Assert.Contains(first, claim.Leases.Select(l => l.Id));
        Assert.Equal(41, (await TakeAsync(100)).Count);
    }

    [Fact]
    public async Task What_has_just_come_is_claimed_by_its_id_where_a_claim_would_take_it_too()
    {
        var user = NewId();
        var now = _host.Clock.GetUtcNow();
        Assert.Null(await TakeOneAsync(await AddAsync(user, NewId(), now.AddHours(1))));

        var (first, lane) = (await AddAsync(user, NewId()), NewId());
        Assert.Equal(first, (await TakeOneAsync(first))!.Id);
        Assert.Null(await TakeOneAsync(first));

        await AddAsync(user, lane, now.AddSeconds(-1));
        Assert.Null(await TakeOneAsync(await AddAsync(user, lane)));
        var earlier = Assert.Single(await TakeAsync(10));
        Assert.Null(await TakeOneAsync(await AddAsync(user, lane)));
        await SettleAsync(earlier);

        await SqlAsync("UPDATE instance_state SET paused_at = now()");
        var other = await AddAsync(NewId(), NewId(), pool: "network");
        Assert.Null(await TakeOneAsync(other));
        await SqlAsync("UPDATE instance_state SET paused_at = NULL");

        var ready = await AddAsync(NewId(), NewId(), pool: "network");
        await SqlAsync($"UPDATE work_items SET state = 'ready' WHERE id = '{ready}'");
        Assert.Null(await TakeOneAsync(other));
        await SqlAsync($"UPDATE work_items SET state = 'waiting' WHERE id = '{ready}'");
        Assert.Equal(other, (await TakeOneAsync(other))!.Id);

        await AddManyAsync(user, NewId(), 31, lanes: 31);
        await SqlAsync($"""
            UPDATE work_items SET state = 'leased', lease_token = gen_random_uuid(), lease_expires_at = now()
            WHERE user_id = '{user}' AND state = 'waiting' AND lane <> '{lane}' AND run_at <= '{_host.Clock.GetUtcNow():O}'
            """);
        Assert.Null(await TakeOneAsync(await AddAsync(user, NewId())));
    }

    [Fact]
    public async Task Work_waits_for_its_moment()
    {
        var id = await AddAsync(NewId(), NewId(), _host.Clock.GetUtcNow().AddMinutes(5));
        Assert.Empty(await TakeAsync(10));
        _host.Clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(2001));
        Assert.Empty(await TakeAsync(10));
        _host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(id, Assert.Single(await TakeAsync(10)).Id);
    }

    [Fact]
    public async Task Whoever_lost_the_lease_settles_and_returns_nothing()
    {
        await AddAsync(NewId(), NewId());
        var lost = Assert.Single(await TakeAsync(1)) with { LeaseToken = NewId() };
        Assert.Empty(await SettleAsync(lost));
        Assert.Empty(await InQueueAsync(q => q.ReturnAsync([new WorkReturn(lost, _host.Clock.GetUtcNow(), true)], default)));
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.State == WorkState.Leased)));
    }

    [Fact]
    public async Task A_poll_is_no_try_and_a_return_for_another_try_is()
    {
        await AddAsync(NewId(), NewId());
        var now = _host.Clock.GetUtcNow();
        var first = Assert.Single(await TakeAsync(1));
        await InQueueAsync(q => q.ReturnAsync([new WorkReturn(first, now, Counts: false)], default));
        var second = Assert.Single(await TakeAsync(1));
        Assert.Equal((1, 1), (first.Tries, second.Tries));
        await InQueueAsync(q => q.ReturnAsync([new WorkReturn(second, now, Counts: true)], default));
        Assert.Equal(2, Assert.Single(await TakeAsync(1)).Tries);
    }

    [Fact]
    public async Task A_lease_expires_only_when_its_worker_no_longer_beats()
    {
        await AddAsync(NewId(), NewId());
        await TakeAsync(1);
        var heartbeat = _host.Services.GetRequiredService<Heartbeat>();
        await heartbeat.BeatAsync(default);
        await SqlAsync("UPDATE work_items SET lease_expires_at = clock_timestamp() - interval '1 s'");
        Assert.Empty(await ExpiredAsync());
        await SqlAsync("UPDATE workers SET heartbeat_at = clock_timestamp() - interval '31 s'");
        Assert.Single(await ExpiredAsync());
    }

    [Fact]
    public async Task Nobody_judges_leases_for_a_lease_after_a_start_or_an_outage()
    {
        var heartbeat = _host.Services.GetRequiredService<Heartbeat>();
        Assert.False(heartbeat.MayJudge);
        await BeatForAsync(29);
        Assert.False(heartbeat.MayJudge);
        await BeatForAsync(1);
        Assert.True(heartbeat.MayJudge);

        // An outage: no beat for longer than a lease.
        _host.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.False(heartbeat.MayJudge);
        await heartbeat.BeatAsync(default);
        Assert.False(heartbeat.MayJudge);
        await BeatForAsync(30);
        Assert.True(heartbeat.MayJudge);

        async Task BeatForAsync(int seconds)
        {
            await heartbeat.BeatAsync(default);
            for (var i = 0; i < seconds; i++)
            {
                _host.Clock.Advance(TimeSpan.FromSeconds(1));
                await heartbeat.BeatAsync(default);
            }
        }
    }

    [Fact]
    public async Task Clocks_that_differ_make_the_instance_unhealthy()
    {
        var heartbeat = _host.Services.GetRequiredService<Heartbeat>();

        // However long the host took to start, the clocks agree now.
        _host.Clock.SetUtcNow(TimeProvider.System.GetUtcNow());
        await heartbeat.BeatAsync(default);
        Assert.True(heartbeat.ClockSkew.Duration() < TimeSpan.FromSeconds(1));
        Assert.Equal(200, (int)(await _host.Client.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);
        _host.Clock.Advance(TimeSpan.FromSeconds(5));
        await heartbeat.BeatAsync(default);
        Assert.Equal(503, (int)(await _host.Client.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);
    }

    private Guid NewId() => Ids.New(_host.Clock.GetUtcNow());

    private async Task<Guid> AddAsync(Guid user, Guid lane, DateTimeOffset? runAt = null, string pool = "")
    {
        var now = _host.Clock.GetUtcNow();
        var item = new WorkItem
        {
            Id = NewId(),
            UserId = user,
            Kind = WorkKind.Publish,
            Key = NewId(),
            Lane = lane,
            Pool = pool,
            RunAt = runAt ?? now,
            CreatedAt = now,
        };
        await _host.InDatabaseAsync(db =>
        {
            db.WorkItems.Add(item);
            return db.SaveChangesAsync();
        });
        return item.Id;
    }

    private Task<int> AddManyAsync(Guid user, Guid firstLane, int count, int lanes)
    {
        var now = _host.Clock.GetUtcNow();
        return _host.InDatabaseAsync(db => db.Database.ExecuteSqlAsync($"""
            INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
            SELECT gen_random_uuid(), {user}, 'publish', gen_random_uuid(),
                CASE WHEN {lanes} = 1 THEN {firstLane} ELSE md5({firstLane}::text || (n % {lanes}))::uuid END,
                '', 'waiting', {now}, 0, {now}
            FROM generate_series(1, {count}) n
            """));
    }

    private static async Task<IReadOnlyList<WorkLease>> TakeAsync(int slots, PostMantisHost host)
    {
        while (true)
        {
            // Past the time in which only lanes are looked at that were freed here.
            host.Clock.Advance(TimeSpan.FromSeconds(1));
            var claim = await host.InScopeAsync(services =>
                services.GetRequiredService<WorkQueue>().ClaimAsync(WorkKind.Publish, slots, default));
            if (claim.Leases.Count > 0 || !claim.Again) return claim.Leases;
        }
    }

    private Task<IReadOnlyList<WorkLease>> TakeAsync(int slots) => TakeAsync(slots, _host);

    private Task<WorkLease?> TakeOneAsync(Guid id) => _host.InScopeAsync(services =>
    {
        var unit = services.GetRequiredService<UnitOfWork>();
        return unit.RunAsync(async ct =>
        {
            await using var batch = unit.Batch();
            services.GetRequiredService<WorkQueue>().ClaimOne(batch, new WorkItem { Id = id });
            await using var rows = await batch.ReadAsync(ct);
            return await WorkQueue.ReadOneAsync(rows, ct);
        }, default);
    });

    private Task<IReadOnlySet<Guid>> SettleAsync(WorkLease lease, PostMantisHost? host = null) =>
        (host ?? _host).InScopeAsync(s => s.GetRequiredService<WorkQueue>().SettleAsync([lease], default));

    private Task<IReadOnlyList<WorkLease>> ExpiredAsync() => InQueueAsync(q => q.LockExpiredAsync(WorkKind.Publish, 10, default));

    private Task<T> InQueueAsync<T>(Func<WorkQueue, Task<T>> work) =>
        _host.InScopeAsync(services => work(services.GetRequiredService<WorkQueue>()));

    private Task<int> SqlAsync(string sql) => _host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(sql));
}
