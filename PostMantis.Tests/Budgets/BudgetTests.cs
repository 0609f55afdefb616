using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Budgets;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Budgets;

public sealed class BudgetTests
{
    [Fact]
    public async Task A_delivery_over_budget_is_deferred_without_an_attempt_and_goes_out_when_there_is_room()
    {
        await using var world = await StartAsync(("daily", 2, "12:00:00", "rolling", "profile"));
        var page = world.Pages[0];
        var posts = await PostAsync(world, page, 3);
        await RunAllAsync(world);

        var delivery = await world.DeliveryAsync(posts[2].Id);
        Assert.Equal((DeliveryStatus.Pending, DeliveryPhase.Deferred, DeliveryHolds.OverBudget, 0, null),
            (delivery.Status, delivery.Phase, delivery.DeferReason, delivery.AttemptCount, delivery.StartedAt));
        Assert.Empty(await world.LedgerAsync(posts[2].Id));
        Assert.Equal(PostStatus.Scheduled, (await world.ReadAsync(posts[2].Id)).Status);
        Assert.Contains(PostActions.Cancel, delivery.Actions);
        Assert.Equal(2, (await world.Sandbox.PostsAsync()).Count);
        var free = delivery.NextAttemptAt!.Value;
        Assert.InRange(free - world.Host.Clock.GetUtcNow(), TimeSpan.FromHours(12), TimeSpan.FromHours(12.2));

        await world.PassAsync(free - world.Host.Clock.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, (await world.Sandbox.PostsAsync()).Count);
        await world.PassAsync(TimeSpan.FromMilliseconds(1));
        delivery = await world.DeliveryAsync(posts[2].Id);
        Assert.Equal((DeliveryStatus.Published, 1, null), (delivery.Status, delivery.AttemptCount, delivery.DeferReason));
        Assert.Equal(["post.created", "post.scheduled", "delivery.deferred", "delivery.published", "post.completed"],
            await world.EventsAsync(posts[2].Id));
    }

    [Fact]
    public async Task Being_deferred_again_for_the_same_reason_is_told_once()
    {
        await using var world = await StartAsync(("hourly", 1, "01:00:00", "fixed", "profile"));
        var posts = await PostAsync(world, world.Pages[0], 3);
        await RunAllAsync(world);
        await world.PassAsync(TimeSpan.FromHours(1));
        await RunAllAsync(world);
        Assert.Equal(2, (await world.Sandbox.PostsAsync()).Count);
        var last = Assert.Single(await Task.WhenAll(posts.Select(p => world.ReadAsync(p.Id))),
            p => p.Status == PostStatus.Scheduled);
        Assert.Single(await world.EventsAsync(last.Id), type => type == "delivery.deferred");
        Assert.Equal(DeliveryHolds.OverBudget, Assert.Single(last.Deliveries).DeferReason);
    }

    [Fact]
    public async Task Each_profile_has_its_own_budget_and_all_share_that_of_the_app()
    {
        await using var world = await StartAsync(("own", 1, "1.00:00:00", "rolling", "profile"),
            ("app", 3, "1.00:00:00", "rolling", "app"));
        var both = new[] { world.Pages[0], world.Pages[1], world.Pages[2], world.Pages[3] };
        var post = await world.CreateAsync(PublishingWorld.Body("To all", both));
        await RunAllAsync(world);
        var deliveries = (await world.ReadAsync(post.Id)).Deliveries;
        Assert.Equal(3, deliveries.Count(d => d.Status == DeliveryStatus.Published));
        var held = Assert.Single(deliveries, d => d.Phase == DeliveryPhase.Deferred);

        // It took nothing from its own profile's budget, which has room.
        var states = await ReadAsync(world, held.ProfileId);
        Assert.Equal([("app", 3, 0), ("own", 0, 1)], states.Select(s => (s.Rule.Name, s.Used, s.Left)));
    }

    [Theory]
    [InlineData("publish=rateLimited", true)]
    [InlineData("publish=rejected", false)]
    [InlineData("publish=timeoutAfterAccept", false)]
    public async Task Only_what_the_network_provably_did_not_take_gives_its_room_back(string fault, bool comesBack)
    {
        await using var world = await StartAsync(("daily", 1, "1.00:00:00", "rolling", "profile"));
        var page = world.PageOf(SettlementMode.ReadBack);
        await world.PostAsync("First", page, fault);
        await world.Runner.RunOnceAsync(default);
        Assert.Equal(comesBack ? 0 : 1, Assert.Single(await ReadAsync(world, page.Id)).Used);
    }

    [Fact]
    public async Task A_network_that_is_away_costs_no_budget()
    {
        await using var world = await StartAsync(("daily", 1, "1.00:00:00", "rolling", "profile"));
        var post = await world.PostAsync("Too late", world.Pages[0], at: world.Host.Clock.GetUtcNow().AddHours(1),
            maxLatenessSeconds: 60);
        await world.PassAsync(TimeSpan.FromHours(2));
        Assert.Equal(DeliveryErrorCode.TooLate, (await world.DeliveryAsync(post.Id)).Error!.Code);
        Assert.Equal(0, Assert.Single(await ReadAsync(world, world.Pages[0].Id)).Used);
    }

    [Fact]
    public async Task What_cannot_go_out_in_time_for_its_budget_fails_as_soon_as_it_is_too_late()
    {
        await using var world = await StartAsync(("daily", 1, "1.00:00:00", "rolling", "profile"));
        await world.PostAsync("Takes the room", world.Pages[0]);
        await RunAllAsync(world);
        var post = await world.PostAsync("Comes too late", world.Pages[0], maxLatenessSeconds: 600);
        await RunAllAsync(world);
        var delivery = await world.DeliveryAsync(post.Id);
        Assert.Equal(delivery.ScheduledAt!.Value.AddSeconds(600).AddMilliseconds(1), delivery.NextAttemptAt!.Value,
            TimeSpan.FromMilliseconds(1));
        await world.PassAsync(TimeSpan.FromSeconds(601));
        delivery = await world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.TooLate), (delivery.Status, delivery.Error!.Code));
    }

    [Fact]
    public async Task An_exhausted_window_that_the_network_told_of_keeps_further_calls_back()
    {
        await using var world = await PublishingWorld.StartAsync(
            network: new Dictionary<string, string?> { ["Sandbox:PostsPerMinute"] = "1" });
        var posts = await PostAsync(world, world.Pages[0], 3);
        await RunAllAsync(world);
        Assert.Single(await world.Sandbox.PostsAsync());
        Assert.Equal(1, await CallsAsync(world));
        foreach (var post in posts.Skip(1))
        {
            var delivery = await world.DeliveryAsync(post.Id);
            Assert.Equal((DeliveryPhase.Deferred, DeliveryHolds.OverBudget, 0),
                (delivery.Phase, delivery.DeferReason, delivery.AttemptCount));
            Assert.InRange(delivery.NextAttemptAt!.Value - world.Host.Clock.GetUtcNow(), TimeSpan.Zero, TimeSpan.FromMinutes(1));
            Assert.Empty(await world.LedgerAsync(post.Id));
        }
        var learned = await world.Host.InScopeAsync(s => s.GetRequiredService<Core.Budgets.Budgets>()
            .ReadLearnedAsync(ProviderCatalog.SandboxId, world.Pages[0].Id, world.Host.Clock.GetUtcNow(), default));
        Assert.Equal(0, learned!.Left);

        // Another page has a window of its own.
        var other = await world.PostAsync("Elsewhere", world.Pages[1]);
        await RunAllAsync(world);
        Assert.Equal(DeliveryStatus.Published, (await world.DeliveryAsync(other.Id)).Status);
    }

    [Fact]
    public async Task Another_replica_hears_of_it()
    {
        await using var world = await PublishingWorld.StartAsync(
            network: new Dictionary<string, string?> { ["Sandbox:PostsPerMinute"] = "1" });
        await world.PostAsync("First", world.Pages[0]);
        await RunAllAsync(world);
        await using var replica = await PostMantisHost.StartAsync(world.Sandbox.Settings, connectionString: world.Host.ConnectionString);
        var second = await world.PostAsync("Second", world.Pages[0]);
        Assert.Equal(0, await replica.Services.GetRequiredService<DeliveryRunner>().RunOnceAsync(default));
        Assert.Equal(DeliveryHolds.OverBudget, (await world.DeliveryAsync(second.Id)).DeferReason);
        Assert.Equal(1, await CallsAsync(world));
    }

    [Fact]
    public async Task Replicas_that_reserve_at_once_never_exceed_the_limit_together()
    {
        await using var world = await StartAsync(("app", 40, "01:00:00", "rolling", "app"),
            ("own", 15, "01:00:00", "fixed", "profile"));
        var profiles = world.Pages.Select(p => p.Id).ToArray();
        var now = world.Host.Clock.GetUtcNow();
        var granted = (await Task.WhenAll(Enumerable.Range(0, 30).Select(n => Task.Run(() =>
            world.Host.InScopeAsync(async services =>
            {
                var asks = Enumerable.Range(0, 5).Select(i =>
                    new BudgetAsk(Guid.CreateVersion7(), profiles[(n + i) % 4], ProviderCatalog.SandboxId)).ToList();
                var refused = await services.GetRequiredService<UnitOfWork>().RunAsync(token =>
                    services.GetRequiredService<Core.Budgets.Budgets>().ReserveAsync(asks, now, token), default);
                return asks.Where(a => !refused.ContainsKey(a.DeliveryId)).Select(a => a.ProfileId).ToList();
            }))))).SelectMany(ids => ids).ToList();
        Assert.Equal(40, granted.Count);
        Assert.All(granted.CountBy(id => id), own => Assert.InRange(own.Value, 1, 15));
        Assert.Equal(40, (await ReadAsync(world, profiles[0])).Single(s => s.Rule.Name == "app").Used);
    }

    [Fact]
    public async Task A_claim_rolled_back_takes_its_reservations_with_it()
    {
        await using var world = await StartAsync(("daily", 1, "1.00:00:00", "rolling", "profile"));
        var page = world.Pages[0].Id;
        await Assert.ThrowsAsync<InvalidOperationException>(() => world.Host.InScopeAsync(services =>
            services.GetRequiredService<UnitOfWork>().RunAsync<int>(async token =>
            {
                await services.GetRequiredService<Core.Budgets.Budgets>().ReserveAsync(
                    [new BudgetAsk(Guid.Empty, page, ProviderCatalog.SandboxId)], world.Host.Clock.GetUtcNow(), token);
                throw new InvalidOperationException();
            }, default)));
        Assert.Equal(0, Assert.Single(await ReadAsync(world, page)).Used);
    }

    [Fact]
    public async Task Without_rules_nothing_is_kept_of_budgets()
    {
        await using var world = await PublishingWorld.StartAsync();
        await PostAsync(world, world.Pages[0], 3);
        await RunAllAsync(world);
        Assert.Equal(3, (await world.Sandbox.PostsAsync()).Count);
        Assert.Equal(0, await world.Host.InDatabaseAsync(db => db.BudgetWindows.CountAsync()));
        Assert.Equal(0, await world.Host.InDatabaseAsync(db => db.LearnedWindows.CountAsync()));
    }

    [Theory]
    [InlineData("Budgets:nowhere:daily:Limit", "no such network")]
    [InlineData("Budgets:sandbox:daily:Limit", "needs Limit and Window")]
    public async Task Budgets_that_cannot_be_meant_refuse_the_start(string setting, string words)
    {
        var refused = await Assert.ThrowsAnyAsync<OptionsValidationException>(() =>
            PostMantisHost.StartAsync(new Dictionary<string, string?> { [setting] = "5" }));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    private static Task<PublishingWorld> StartAsync(
        params (string Name, int Limit, string Window, string Kind, string Scope)[] rules)
    {
        var settings = new Dictionary<string, string?>();
        foreach (var (name, limit, window, kind, scope) in rules)
        {
            settings[$"Budgets:sandbox:{name}:Limit"] = limit.ToString(System.Globalization.CultureInfo.InvariantCulture);
            settings[$"Budgets:sandbox:{name}:Window"] = window;
            settings[$"Budgets:sandbox:{name}:Kind"] = kind;
            settings[$"Budgets:sandbox:{name}:Scope"] = scope;
        }
        return PublishingWorld.StartAsync(settings);
    }

    private static async Task<IReadOnlyList<PostResource>> PostAsync(PublishingWorld world, Profile page, int count)
    {
        List<PostResource> posts = [];
        for (var i = 0; i < count; i++) posts.Add(await world.PostAsync($"Post {i}", page));
        return posts;
    }

    private static Task<IReadOnlyList<BudgetState>> ReadAsync(PublishingWorld world, Guid profileId) =>
        world.Host.InScopeAsync(services => services.GetRequiredService<Core.Budgets.Budgets>().ReadAsync(
            ProviderCatalog.SandboxId, profileId, world.Host.Clock.GetUtcNow(), default));

    private static async Task RunAllAsync(PublishingWorld world)
    {
        while (await world.Runner.RunOnceAsync(default) > 0)
        {
        }
    }

    private static async Task<int> CallsAsync(PublishingWorld world) =>
        (await world.Sandbox.RequestsAsync()).Count(path => path.EndsWith("/posts", StringComparison.Ordinal));
}
