using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Budgets;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

/// <summary>The wall clock of the process jumps, ahead and back, in every place where it is read: no harm comes of it.</summary>
public sealed class ClockJumpTests
{
    private static readonly TimeSpan _far = TimeSpan.FromHours(6);

    [Fact]
    public async Task A_clock_that_falls_back_delays_but_loses_and_doubles_nothing()
    {
        await using var world = await StartAsync();
        var posts = new List<PostResource>();
        for (var i = 0; i < 4; i++) posts.Add(await world.PostAsync($"Back {i}", world.Pages[i]));
        var start = Jump(world, -_far);

        // Accepted for "now" by a clock that was ahead: the moment comes again.
        Assert.Equal(0, await world.Runner.RunOnceAsync(default));
        Assert.Equal(0, await world.Recovery.RunOnceAsync(default));
        world.Host.Clock.AdjustTime(start);
        await world.PassAsync(TimeSpan.Zero);
        foreach (var post in posts)
        {
            var delivery = await world.DeliveryAsync(post.Id);
            Assert.Equal((DeliveryStatus.Published, 1), (delivery.Status, delivery.AttemptCount));
            Assert.Equal(1, await world.TimesAsync(delivery.Content.Body!));
        }
        Assert.Equal(0, await world.Recovery.RunOnceAsync(default));
    }

    [Theory]
    [InlineData(SettlementMode.Idempotent)]
    [InlineData(SettlementMode.Probe)]
    [InlineData(SettlementMode.ReadBack)]
    [InlineData(SettlementMode.None)]
    public async Task A_jump_in_the_middle_of_a_call_takes_the_delivery_from_nobody(SettlementMode mode)
    {
        await using var world = await StartAsync();
        foreach (var jump in (TimeSpan[])[_far, -_far])
        {
            var post = await world.PostAsync($"Held {mode} {jump}", world.PageOf(mode));
            var hold = await world.Sandbox.HoldAsync("before");
            var running = world.Runner.RunOnceAsync(default);
            await hold.ReachedAsync();
            Jump(world, jump);

            // Leases go by the database's clock: whatever ours says, the work stays whose it is.
            Assert.Equal(0, await world.Recovery.RunOnceAsync(default));
            Assert.Equal(1, await world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.State == WorkState.Leased)));
            await hold.ReleaseAsync();
            Assert.Equal(1, await running);
            var delivery = await world.DeliveryAsync(post.Id);
            Assert.Equal((DeliveryStatus.Published, 1), (delivery.Status, delivery.AttemptCount));
            Assert.Equal(1, await world.TimesAsync($"Held {mode} {jump}"));
            Jump(world, -jump);
        }
    }

    [Fact]
    public async Task A_delivery_deferred_by_a_clock_that_was_ahead_is_not_sent_sooner_than_asked_and_not_lost()
    {
        await using var world = await StartAsync();
        Jump(world, _far);
        var post = await world.PostAsync("Rate limited ahead", world.Pages[0], "publish=rateLimited");
        await world.Runner.RunOnceAsync(default);
        var due = (await world.DeliveryAsync(post.Id)).NextAttemptAt!.Value;
        Jump(world, -_far);
        Assert.Equal(0, await world.Runner.RunOnceAsync(default));
        await world.PassAsync(due - world.Host.Clock.GetUtcNow());
        Assert.Equal(DeliveryStatus.Published, (await world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(1, await world.TimesAsync("Rate limited ahead"));
    }

    [Fact]
    public async Task Only_the_clock_at_the_moment_of_sending_decides_what_is_too_late()
    {
        await using var world = await StartAsync();
        var soon = world.Host.Clock.GetUtcNow().AddMinutes(1);
        var kept = await world.PostAsync("Kept", world.Pages[0], at: soon, maxLatenessSeconds: 60);

        // Ahead and back before anybody looked: nothing happened.
        Jump(world, _far);
        Jump(world, -_far);
        await world.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(DeliveryStatus.Published, (await world.DeliveryAsync(kept.Id)).Status);

        // Looked at by a clock that is ahead it is too late, says so, and a retry sends it at its moment.
        var failed = await world.PostAsync("Failed", world.Pages[1], at: soon.AddMinutes(5), maxLatenessSeconds: 60);
        Jump(world, _far);
        await world.PassAsync(TimeSpan.Zero);
        var delivery = await world.DeliveryAsync(failed.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.TooLate, 0),
            (delivery.Status, delivery.Error!.Code, delivery.AttemptCount));
        Jump(world, -_far);
        await world.Host.InScopeAsync(s => s.GetRequiredService<PostEditor>()
            .RetryAsync(world.Person, failed.Id, delivery.Id, [], null, default));
        await world.PassAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(DeliveryStatus.Published, (await world.DeliveryAsync(failed.Id)).Status);
        Assert.Equal(1, await world.TimesAsync("Failed"));
    }

    [Fact]
    public async Task A_budget_is_not_exceeded_by_a_clock_that_jumps_within_a_window_and_back()
    {
        await using var world = await StartAsync(("12:00:00", 2));
        var page = world.Pages[0].Id;
        var now = world.Host.Clock.GetUtcNow();
        Assert.Equal([true, true, false], await ReserveAsync(world, page, now, 3));
        Assert.Equal([false], await ReserveAsync(world, page, now + _far, 1));
        Assert.Equal([false], await ReserveAsync(world, page, now - _far, 1));
        Assert.Equal([false], await ReserveAsync(world, page, now.AddMinutes(1), 1));
        Assert.Equal([true], await ReserveAsync(world, page, now.AddHours(12.2), 1));
    }

    [Fact]
    public async Task A_budget_used_by_a_clock_that_was_years_ahead_comes_back_within_two_windows()
    {
        await using var world = await StartAsync(("01:00:00", 2));
        var page = world.Pages[0].Id;
        var now = world.Host.Clock.GetUtcNow();
        Assert.Equal([true, true], await ReserveAsync(world, page, now.AddYears(5), 2));
        Assert.Equal([false], await ReserveAsync(world, page, now, 1));
        Assert.Equal([true, true], await ReserveAsync(world, page, now.AddHours(1.1), 2));
    }

    [Fact]
    public async Task An_exhausted_window_learned_by_a_clock_that_was_years_ahead_blocks_nobody_for_ever()
    {
        await using var world = await StartAsync();
        var (page, now) = (world.Pages[0].Id, world.Host.Clock.GetUtcNow());
        await world.Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<Core.Budgets.Budgets>().LearnAsync([new BudgetNews(page,
                ProviderCatalog.SandboxId, new LearnedBudget(0, now.AddYears(5).AddMinutes(1)))], now.AddYears(5), default);
            return 0;
        });
        Assert.Equal([true], await ReserveAsync(world, page, now, 1));
        Assert.Equal([false], await ReserveAsync(world, page, now.AddYears(5), 1));
    }

    // FakeTimeProvider only advances timers forwards; the wall clock alone is moved, as an operator or NTP does.
    private static DateTimeOffset Jump(PublishingWorld world, TimeSpan by)
    {
        var before = world.Host.Clock.GetUtcNow();
        world.Host.Clock.AdjustTime(before + by);
        return before;
    }

    private static Task<PublishingWorld> StartAsync(params (string Window, int Limit)[] rules)
    {
        var settings = new Dictionary<string, string?>();
        foreach (var (window, limit) in rules)
        {
            settings["Budgets:sandbox:test:Window"] = window;
            settings["Budgets:sandbox:test:Limit"] = limit.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        return PublishingWorld.StartAsync(settings);
    }

    private static Task<List<bool>> ReserveAsync(PublishingWorld world, Guid page, DateTimeOffset now, int count) =>
        world.Host.InScopeAsync(async services =>
        {
            var asks = Enumerable.Range(0, count)
                .Select(_ => new BudgetAsk(Guid.CreateVersion7(), page, ProviderCatalog.SandboxId)).ToList();
            var refused = await services.GetRequiredService<UnitOfWork>().RunAsync(token =>
                services.GetRequiredService<Core.Budgets.Budgets>().ReserveAsync(asks, now, token), default);
            return asks.ConvertAll(a => !refused.ContainsKey(a.DeliveryId));
        });
}
