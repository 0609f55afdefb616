using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

/// <summary>A database that forgot what was sent: nothing of it is sent again before it was looked for and released.</summary>
public sealed class HeldTests(PostgresServer postgres)
{
    [Fact]
    public async Task A_restored_instance_is_held_until_what_it_forgot_is_found_or_proven_absent()
    {
        await using var world = await PublishingWorld.StartAsync();
        await CheckAsync(world.Host);
        var posts = new List<PostResource>();
        foreach (var page in world.Pages) posts.Add(await world.PostAsync($"Forgotten {page.Name}", page));
        var never = await world.PostAsync("Never sent", world.PageOf(SettlementMode.Idempotent));

        // The backup is taken; then everything is published but one post, which a person cancels.
        world.Host.Services.GetRequiredService<NpgsqlDataSource>().Clear();
        var backup = await postgres.CloneAsync(world.Host.ConnectionString);
        await world.Host.InScopeAsync(s => s.GetRequiredService<PostEditor>().CancelAsync(world.Person, never.Id, null, default));
        await world.PassAsync(TimeSpan.Zero);
        Assert.Equal(posts.Count, (await world.Sandbox.PostsAsync()).Count);

        await using var restored = await PostMantisHost.StartAsync(
            new Dictionary<string, string?>(world.Sandbox.Settings) { ["Deliveries:ShowAfter"] = "00:00:00" }, connectionString: backup);
        var (runner, reconciler) = (restored.Services.GetRequiredService<DeliveryRunner>(),
            restored.Services.GetRequiredService<DeliveryReconciler>());
        var forgotten = restored.Services.GetRequiredService<ForgottenDeliveries>();
        Assert.True(await CheckAsync(restored));
        Assert.False(await CheckAsync(restored));
        Assert.Equal(0, await runner.RunOnceAsync(default));
        Assert.Contains("restored", await HealthAsync(restored), StringComparison.Ordinal);
        Assert.Equal(posts.Count + 1, await forgotten.RunOnceAsync(default));
        Assert.Equal(0, await forgotten.RunOnceAsync(default));

        // What is accepted now was sent by nobody, and waits.
        restored.Clock.Advance(TimeSpan.FromMinutes(1));
        await restored.InScopeAsync(s => s.GetRequiredService<PostAcceptor>().CreateAsync(
            world.Person, PublishingWorld.Body("Later", [world.Pages[0]]), default));
        Assert.Equal(0, await forgotten.RunOnceAsync(default));

        while (await reconciler.RunOnceAsync(default) > 0)
        {
        }
        var (isReleased, left) = await forgotten.ReleaseAsync(unreconciled: false, default);
        Assert.Equal((false, new HoldProgress(0, 1)), (isReleased, left));
        restored.Clock.Advance(TimeSpan.FromMinutes(11));
        while (await reconciler.RunOnceAsync(default) > 0)
        {
        }
        Assert.Equal(0, await runner.RunOnceAsync(default));
        Assert.True((await forgotten.ReleaseAsync(unreconciled: false, default)).IsReleased);
        while (await runner.RunOnceAsync(default) > 0)
        {
        }
        var states = await restored.InDatabaseAsync(db => db.Deliveries.ToDictionaryAsync(d => d.Content.Body!, d => d.Status));
        Assert.Equal(DeliveryStatus.Published, states["Later"]);
        Assert.Equal(DeliveryStatus.Published, states["Never sent"]);
        foreach (var page in world.Pages)
        {
            // Nobody can look where there is no listing, nor for a handle that was forgotten: a person decides.
            var mode = page.Facts["mode"];
            Assert.Equal(mode is "idempotent" or "readBack" ? DeliveryStatus.Published : DeliveryStatus.Unknown, states[$"Forgotten {page.Name}"]);
            Assert.Equal(1, await world.TimesAsync($"Forgotten {page.Name}"));
        }
        Assert.Equal((1, 1), (await world.TimesAsync("Never sent"), await world.TimesAsync("Later")));
    }

    [Fact]
    public async Task A_claim_of_before_the_backup_is_not_taken_for_something_that_was_not_sent()
    {
        await using var world = await PublishingWorld.StartAsync();
        await CheckAsync(world.Host);
        var post = await world.PostAsync("Claimed", world.PageOf(SettlementMode.ReadBack));

        // A worker died between its claim and its mark, and that mark may be among what was lost.
        await world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("""
            UPDATE work_items SET state = 'leased', tries = 1, worker_id = gen_random_uuid(), lease_token = gen_random_uuid(),
                lease_expires_at = clock_timestamp() - interval '1 minute' WHERE kind = 'publish';
            INSERT INTO attempts (id, delivery_id, user_id, number, mode, lease_token, worker_id, started_at, handles, steps, evidence)
            SELECT gen_random_uuid(), key, user_id, 1, 'read_back', lease_token, worker_id, now(), '{{}}'::jsonb, '[]', '[]'
            FROM work_items WHERE kind = 'publish'
            """));
        await world.Host.InScopeAsync(async s =>
        {
            await s.GetRequiredService<InstancePause>().HoldAsync(null, default);
            return 0;
        });
        Assert.False((await world.Host.Services.GetRequiredService<ForgottenDeliveries>().ReleaseAsync(true, default)).IsReleased);
        await world.Host.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        world.Host.Clock.Advance(TimeSpan.FromSeconds(25));
        await world.Host.Services.GetRequiredService<Heartbeat>().BeatAsync(default);
        world.Host.Clock.Advance(TimeSpan.FromSeconds(10));
        await world.Recovery.RunOnceAsync(default);
        var delivery = await world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Unknown, "forgotten"), (delivery.Status, delivery.Error!.Provider!.Code));
    }

    [Fact]
    public async Task A_promoted_standby_is_held_unless_every_standby_is_synchronous()
    {
        await using var world = await PublishingWorld.StartAsync();
        await CheckAsync(world.Host);
        await world.PostAsync("Before", world.Pages[0]);
        await PromoteAsync(world.Host);
        Assert.Equal(0, await world.Runner.RunOnceAsync(default));
        Assert.Null(await world.Host.InScopeAsync(s => s.GetRequiredService<WorkQueue>()
            .NextDueAsync(WorkKind.Publish, DateTimeOffset.MinValue, default)));
        Assert.True(await CheckAsync(world.Host));
        Assert.Contains("promoted", await HealthAsync(world.Host), StringComparison.Ordinal);

        await using var synchronous = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["Queue:HoldAfterPromotion"] = "false" });
        await CheckAsync(synchronous);
        await PromoteAsync(synchronous);
        Assert.False(await CheckAsync(synchronous));
        Assert.True((await synchronous.InScopeAsync(s => s.GetRequiredService<InstancePause>().ReadAsync(default))).Publishes);
    }

    private static Task<bool> CheckAsync(PostMantisHost host) =>
        host.Services.GetRequiredService<InstanceLineage>().CheckAsync(TestContext.Current.CancellationToken);

    // As a standby finds what its primary wrote: the log has another timeline.
    private static Task<int> PromoteAsync(PostMantisHost host) => host.InDatabaseAsync(db =>
        db.Database.ExecuteSqlAsync($"UPDATE instance_state SET timeline = '00000000'"));

    private static Task<string> HealthAsync(PostMantisHost host) =>
        host.Client.GetStringAsync(new Uri("/health", UriKind.Relative), TestContext.Current.CancellationToken);
}
