using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

public sealed class RecoveryTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    public static TheoryData<SettlementMode> Modes => [.. Enum.GetValues<SettlementMode>()];

    [Fact]
    public async Task When_all_is_well_there_is_nothing_to_repair()
    {
        await _world.PostAsync("Later", _world.Pages[0], at: _world.Host.Clock.GetUtcNow().AddHours(1));
        await _world.PostAsync("Unknown", _world.PageOf(SettlementMode.ReadBack), "publish=timeoutBeforeAccept");
        await _world.PostAsync("Published", _world.Pages[1]);
        await _world.Runner.RunOnceAsync(default);
        await BeatAsync();
        Assert.Equal(0, await _world.Recovery.RunOnceAsync(default));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_worker_lost_before_its_call_costs_nothing(SettlementMode mode)
    {
        var body = $"Resumed {mode}";
        var post = await _world.PostAsync(body, _world.PageOf(mode));
        await ClaimAndVanishAsync();
        Assert.Equal(1, await ExpireAsync());
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));

        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        var attempt = Assert.Single(await _world.LedgerAsync(post.Id));
        Assert.Equal(AttemptVerdict.Published, attempt.Verdict);
        Assert.Contains(attempt.Steps, s => s.Name == "leaseExpired");
        Assert.Equal(1, await _world.TimesAsync(body));
    }

    [Theory]
    [InlineData(SettlementMode.ReadBack)]
    [InlineData(SettlementMode.None)]
    public async Task A_lease_lost_after_the_mark_leaves_it_unknown_until_the_late_answer_proves_it(SettlementMode mode)
    {
        var body = $"Late {mode}";
        var hold = await _world.Sandbox.HoldAsync("before");
        var post = await _world.PostAsync(body, _world.PageOf(mode));
        var running = Assert.Single(await _world.Runner.StartAsync(default));
        await hold.ReachedAsync();
        Assert.Equal(1, await ExpireAsync());
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Unknown, DeliveryPhase.Reconciling), (delivery.Status, delivery.Phase));

        await hold.ReleaseAsync();
        await running;
        var read = await _world.ReadAsync(post.Id);
        delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Published, PostOutcome.Published), (delivery.Status, read.Outcome));
        var attempt = Assert.Single(await _world.LedgerAsync(post.Id));
        Assert.Equal(delivery.ProviderPostId, Assert.Single(attempt.Evidence).ProviderPostId);
        Assert.Equal(1, await _world.TimesAsync(body));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.Key == delivery.Id)));
    }

    [Theory]
    [InlineData(SettlementMode.Idempotent)]
    [InlineData(SettlementMode.Probe)]
    public async Task Two_workers_in_one_attempt_publish_once(SettlementMode mode)
    {
        var body = $"Twice {mode}";
        var hold = await _world.Sandbox.HoldAsync("before");
        var post = await _world.PostAsync(body, _world.PageOf(mode));
        var running = Assert.Single(await _world.Runner.StartAsync(default));
        await hold.ReachedAsync();
        Assert.Equal(1, await ExpireAsync());
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        await hold.ReleaseAsync();
        await running;
        await _world.PassAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(1, await _world.TimesAsync(body));
    }

    [Fact]
    public async Task What_a_lost_worker_never_sent_can_be_canceled()
    {
        var post = await _world.PostAsync("Stop it", _world.PageOf(SettlementMode.ReadBack));
        await ClaimAndVanishAsync();
        await ExpireAsync();
        await _world.Host.InScopeAsync(services =>
            services.GetRequiredService<PostEditor>().CancelAsync(_world.Person, post.Id, null, default));
        Assert.Equal(PostStatus.Canceled, (await _world.ReadAsync(post.Id)).Status);
        Assert.Equal(AttemptVerdict.Released, Assert.Single(await _world.LedgerAsync(post.Id)).Verdict);
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(0, await _world.TimesAsync("Stop it"));
    }

    [Fact]
    public async Task Without_the_lease_nobody_passes_the_mark_or_saves_a_handle()
    {
        await _world.PostAsync("Fenced", _world.PageOf(SettlementMode.ReadBack));
        var claimed = Assert.Single(await ClaimAndVanishAsync());
        await ExpireAsync();
        var marker = _world.Host.Services.GetRequiredService<CallMarker>();
        await Assert.ThrowsAsync<LeaseLostException>(() => marker.MarkAsync(claimed.Attempt.Id, claimed.Lease.LeaseToken));
        var work = new AttemptWork(claimed, new GrantTokens { AccessToken = "unused" }, new Dictionary<Guid, PublishFile>(),
            _world.Host.Services.GetRequiredService<Npgsql.NpgsqlDataSource>(), marker, _world.Host.Clock);
        await Assert.ThrowsAsync<LeaseLostException>(() => work.SaveHandleAsync("container", "1", default));
        Assert.Null((await _world.Host.InDatabaseAsync(db => db.Attempts.SingleAsync())).CalledAt);
    }

    [Fact]
    public async Task A_call_that_cannot_start_in_its_window_does_not_start()
    {
        await _world.PostAsync("Held up", _world.PageOf(SettlementMode.ReadBack));
        var claimed = Assert.Single(await ClaimAndVanishAsync());
        var window = await _world.Host.Services.GetRequiredService<CallMarker>()
            .MarkAsync(claimed.Attempt.Id, claimed.Lease.LeaseToken);
        _world.Host.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(window.IsOpen);
        _world.Host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(window.IsOpen);
    }

    [Fact]
    public async Task Pending_work_without_an_item_gets_one()
    {
        var post = await _world.PostAsync("Orphan", _world.Pages[0]);
        await SqlAsync("DELETE FROM work_items WHERE kind = 'publish'");
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(1, await _world.Recovery.RunOnceAsync(default));
        Assert.Equal(0, await _world.Recovery.RunOnceAsync(default));
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(1, await _world.Host.InDatabaseAsync(db =>
            db.AuditEntries.CountAsync(a => a.Action == "recovery.missingItem")));
    }

    [Fact]
    public async Task An_item_whose_work_is_settled_goes()
    {
        var post = await _world.PostAsync("Done", _world.Pages[0]);
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        var now = _world.Host.Clock.GetUtcNow();
        await _world.Host.InDatabaseAsync(db =>
        {
            db.WorkItems.Add(new WorkItem
            {
                Id = Ids.New(now),
                UserId = _world.Person.UserId,
                Kind = WorkKind.Publish,
                Key = delivery.Id,
                Lane = delivery.ProfileId,
                RunAt = now,
                CreatedAt = now,
            });
            return db.SaveChangesAsync();
        });
        Assert.Equal(1, await _world.Recovery.RunOnceAsync(default));
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(1, await _world.TimesAsync("Done"));
    }

    [Fact]
    public async Task A_post_whose_deliveries_all_settled_completes()
    {
        var post = await _world.PostAsync("Miscounted", _world.Pages[0]);
        await SqlAsync("UPDATE posts SET open_deliveries = 2");
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(PostStatus.Publishing, (await _world.ReadAsync(post.Id)).Status);
        Assert.Equal(1, await _world.Recovery.RunOnceAsync(default));
        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (read.Status, read.Outcome));
    }

    [Fact]
    public async Task Work_that_takes_every_worker_down_does_not_go_round_for_ever()
    {
        var post = await _world.PostAsync("Poison", _world.PageOf(SettlementMode.ReadBack));
        for (var i = 0; i < 16; i++)
        {
            await ClaimAndVanishAsync();
            await ExpireAsync();
        }
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.PublisherFault), (delivery.Status, delivery.Error!.Code));
        Assert.Equal(PostStatus.Completed, (await _world.ReadAsync(post.Id)).Status);
    }

    [Fact]
    public async Task A_database_that_will_not_take_one_outcome_still_takes_the_others()
    {
        var good = await _world.PostAsync("Good", _world.Pages[0]);
        var bad = await _world.PostAsync("Bad", _world.Pages[1]);
        await SqlAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.status = 'published' AND NEW.content->>'body' = 'Bad' THEN
                    RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END IF;
                RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        Assert.Equal(2, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(good.Id)).Status);
        var delivery = await _world.DeliveryAsync(bad.Id);
        Assert.Equal((DeliveryStatus.Unknown, DeliveryPhase.Reconciling), (delivery.Status, delivery.Phase));

        await SqlAsync("DROP TRIGGER refuse ON deliveries");
        await _world.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(bad.Id)).Status);
        Assert.Equal(1, await _world.TimesAsync("Bad"));
    }

    /// <summary>A worker that claims and is never seen again.</summary>
    private Task<IReadOnlyList<ClaimedDelivery>> ClaimAndVanishAsync() => _world.Host.InScopeAsync(async services =>
        (await services.GetRequiredService<DeliveryClaims>().ClaimAsync(10, new Dictionary<string, int>(), isIdle: true, default)).Deliveries);

    /// <summary>Lets every lease run out, as the database's clock would, and lets the recovery loop find it.</summary>
    private async Task<int> ExpireAsync()
    {
        await SqlAsync("""
            UPDATE work_items SET lease_expires_at = clock_timestamp() - interval '1 s', worker_id = gen_random_uuid()
            WHERE lease_token IS NOT NULL
            """);
        await BeatAsync();
        return await _world.Recovery.RunOnceAsync(default);
    }

    private async Task BeatAsync()
    {
        for (var i = 0; i < 4; i++)
        {
            await _world.Heartbeat.BeatAsync(default);
            _world.Host.Clock.Advance(TimeSpan.FromSeconds(10));
        }
        await _world.Heartbeat.BeatAsync(default);
    }

    private Task<int> SqlAsync(string sql) => _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(sql));
}
